"""Looks into the broker's books: transactions with what explains them, findings, and the story of comparisons."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection, bindparam, func, insert, select, update

from thetaloom.domain.book.elsewhere import STANDING, Finding
from thetaloom.domain.book.looks import AccountLook, Link, LinkedTransaction, Reconciliation
from thetaloom.domain.values.ids import AccountId
from thetaloom.errors import StaleVersionError
from thetaloom.store.database import Database
from thetaloom.store.schema import account_looks, broker_transactions, findings, reconciliations
from thetaloom.store.statements import columns_of, insert_or_skip, row_of, value_of, values_of

_TRANSACTIONS = select(*columns_of(broker_transactions, LinkedTransaction)).order_by(broker_transactions.c.sequence)
_RELINK = (
    update(broker_transactions)
    .where(
        broker_transactions.c.account_id == bindparam("of_account"),
        broker_transactions.c.sequence == bindparam("of_sequence"),
    )
    .values(link=bindparam("link"), linked_to=bindparam("linked_to"))
)
_FINDINGS = select(*columns_of(findings, Finding))


class SqlLooks:
    """Looks in the database."""

    def __init__(self, connection: Connection, database: Database) -> None:
        self._connection = connection
        self._database = database

    def of(self, account: AccountId) -> AccountLook | None:
        """Return the last look into an account."""
        row = self._connection.execute(
            select(*columns_of(account_looks, AccountLook)).where(account_looks.c.account_id == account)
        ).first()
        return None if row is None else value_of(AccountLook, row)

    def save(self, look: AccountLook) -> None:
        """Write a look, one ahead of the stored one. Raises ``StaleVersionError`` when somebody else looked first."""
        written = account_looks.c.looks  # asked for: what a driver counts of an insert that may skip is not the same
        if look.looks == 1:
            adding = insert_or_skip(self._database, account_looks).returning(written)
            row = self._connection.execute(adding, row_of(look)).first()
        else:
            of = (account_looks.c.account_id == look.account_id, account_looks.c.looks == look.looks - 1)
            moving = update(account_looks).where(*of).values(row_of(look)).returning(written)
            row = self._connection.execute(moving).first()
        if row is None:
            raise StaleVersionError(f"{look.account_id} was looked at by somebody else", details={"looks": look.looks})

    def suspect(self, account: AccountId, suspects: Mapping[str, str]) -> None:
        """Write what this look saw for the first time, or still sees."""
        of = account_looks.c.account_id == account
        self._connection.execute(update(account_looks).where(of).values(suspects=suspects))

    def add_transactions(self, new: Iterable[LinkedTransaction]) -> None:
        """Write transactions that were read for the first time."""
        rows = [row_of(one) for one in new]
        if rows:
            self._connection.execute(insert(broker_transactions), rows)

    def waiting(self, account: AccountId, since: datetime) -> Sequence[LinkedTransaction]:
        """Return the transactions from ``since`` on that nothing explains yet, oldest first."""
        table = broker_transactions
        wanted = (table.c.account_id == account, table.c.link == Link.WAITING, table.c.happened_at >= since)
        return values_of(LinkedTransaction, self._connection.execute(_TRANSACTIONS.where(*wanted)))

    def corrections(self, account: AccountId) -> Sequence[LinkedTransaction]:
        """Return the busts and corrections of our fills that are booked, oldest first."""
        wanted = (broker_transactions.c.account_id == account, broker_transactions.c.link == Link.CORRECTION)
        return values_of(LinkedTransaction, self._connection.execute(_TRANSACTIONS.where(*wanted)))

    def link(self, linked: Iterable[LinkedTransaction]) -> None:
        """Write what explains transactions."""
        rows = [
            {"of_account": one.account_id, "of_sequence": one.sequence, "link": one.link, "linked_to": one.linked_to}
            for one in linked
        ]
        if rows:
            self._connection.execute(_RELINK, rows)

    def linked_since(self, account: AccountId, since: datetime) -> Sequence[LinkedTransaction]:
        """Return the transactions from ``since`` on, oldest first."""
        table = broker_transactions
        wanted = (table.c.account_id == account, table.c.happened_at >= since)
        return values_of(LinkedTransaction, self._connection.execute(_TRANSACTIONS.where(*wanted)))

    def standing(self, account: AccountId) -> Sequence[Finding]:
        """Return the findings that still explain a difference, oldest first."""
        wanted = (findings.c.account_id == account, findings.c.status.in_(STANDING))
        ordered = _FINDINGS.where(*wanted).order_by(findings.c.found_at, findings.c.id)
        return values_of(Finding, self._connection.execute(ordered))

    def finding(self, finding: str) -> Finding | None:
        """Return one finding."""
        row = self._connection.execute(_FINDINGS.where(findings.c.id == finding)).first()
        return None if row is None else value_of(Finding, row)

    def save_finding(self, finding: Finding) -> None:
        """Write a finding over what was known of it."""
        row = row_of(finding)
        if not self._connection.execute(update(findings).where(findings.c.id == finding.id).values(row)).rowcount:
            self._connection.execute(insert(findings), row)

    def findings_about(self, account: AccountId, key: str) -> int:
        """Return how many findings there ever were about one thing."""
        of = (findings.c.account_id == account, findings.c.key == key)
        return self._connection.scalar(select(func.count()).select_from(findings).where(*of)) or 0

    def tell(self, told: Reconciliation) -> None:
        """Write the story of one comparison."""
        self._connection.execute(insert(reconciliations), row_of(told))
