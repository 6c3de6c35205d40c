"""When a cron expression is due: on the wall of a zone, each instant once through both clock changes."""

from collections.abc import Iterator
from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

from thetaloom.errors import InvalidInput

FIELDS = 5
EXPRESSION_MAX = 120  # characters
PRESETS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
}
GOOD = "a good one: */15 10-14 * * 1-5 (minute, hour, day of month, month, day of week)"


def cron_instants(expression: str, zone: str, after: datetime) -> Iterator[datetime]:
    """Give the instants in UTC at which an expression is due after ``after``, without end.

    A time that the clocks skip in spring is due at the first minute after the gap; a time that they repeat in
    autumn is due at its first showing. Expressions whose minute or hour starts with a star go by elapsed time.
    """
    last = after.astimezone(UTC)
    for due in CronSim(fields_of(expression), after.astimezone(zone_of(zone))):
        at = due.astimezone(UTC)
        if at > last:  # within the repeated hour the wall alone would go back
            last = at
            yield at


def check_cron(expression: str) -> str:
    """Return an expression as it is kept. Raises ``InvalidInput`` with what is wrong and a good one."""
    kept = " ".join(expression.split())
    fields = fields_of(kept)
    try:
        CronSim(fields, datetime(2026, 1, 1, tzinfo=UTC))
    except (CronSimError, ValueError, TypeError, AssertionError) as error:  # the parser asserts, too
        raise _invalid("cron", f"{kept[:60]!r}: {str(error) or 'not understood'}; {GOOD}") from error
    return kept


def fields_of(expression: str) -> str:
    """Return the five fields that an expression or a preset stands for."""
    kept = PRESETS.get(expression.strip().lower(), expression)
    count = len(kept.split())
    if count != FIELDS or len(kept) > EXPRESSION_MAX:
        presets = ", ".join(PRESETS)
        raise _invalid("cron", f"{expression[:60]!r} has {count} fields in place of 5; {GOOD}, or one of {presets}")
    return kept


def zone_of(name: str) -> ZoneInfo:
    """Return the time zone of a name such as ``America/New_York``."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise _invalid("zone", f"{name[:60]!r} is no time zone; a good one: America/New_York") from error


def _invalid(part: str, problem: str) -> InvalidInput:
    return InvalidInput(problem, details={"part": part, "problem": problem})
