"""Commands that change people and secrets leave a row in the audit, as the pages do."""

from thetaloom.cli.access import Reading
from thetaloom.marketdata.clocks import SystemClock
from thetaloom.store.audit import AuditEntry, write_entry

ADDRESS = "cli"


def write_down(read: Reading, action: str, subject: str) -> None:
    """Write down what was done; who can run commands here is the first user."""
    entry = AuditEntry(
        at=SystemClock().now(),
        user_id=read.user,
        token_id="",
        address=ADDRESS,
        action=action,
        subject=subject,
        status=0,
        fields=(),
    )
    write_entry(read.database, entry)
