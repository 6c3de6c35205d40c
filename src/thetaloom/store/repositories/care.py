"""Who protects positions: one row each, written when that changes; and one row an account for the last look."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import Connection, bindparam, insert, select, update

from thetaloom.domain.book.exit_market import ExitMarket
from thetaloom.domain.book.protection import PositionCare
from thetaloom.domain.values.ids import AccountId, PositionId, UserId
from thetaloom.store.care_tables import exit_markets as markets
from thetaloom.store.care_tables import journal_notes as notes
from thetaloom.store.care_tables import position_care as table
from thetaloom.store.care_tables import watch_pulse as pulse
from thetaloom.store.schema import positions
from thetaloom.store.statements import columns_of, names_of, row_of, rows_in, values_of

_SELECT = select(*columns_of(table, PositionCare))
_GET = _SELECT.where(table.c.position_id == bindparam("of_id"))
_MANY = _SELECT.where(table.c.position_id.in_(bindparam("of_any", expanding=True)))
_UPDATE = (
    update(table)
    .where(table.c.position_id == bindparam("of_id"))
    .values({name: bindparam(name) for name in names_of(PositionCare) if name != "position_id"})
)


class SqlCare:
    """Protection in the database."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self, position: PositionId) -> PositionCare | None:
        """Return what is known of a position."""
        found = values_of(PositionCare, self._connection.execute(_GET, {"of_id": position}))
        return found[0] if found else None

    def many(self, wanted: Iterable[PositionId]) -> Sequence[PositionCare]:
        """Return what is known of these positions, in no order."""
        return values_of(PositionCare, rows_in(self._connection, _MANY, wanted))

    def of_open(self, account: AccountId) -> Sequence[PositionCare]:
        """Return what is known of the account's open positions."""
        held = _SELECT.join(positions, positions.c.id == table.c.position_id)
        wanted = held.where(positions.c.is_open, positions.c.account_id == account)
        return values_of(PositionCare, self._connection.execute(wanted))

    def save(self, cares: Iterable[PositionCare]) -> None:
        """Write what is known now, row by row."""
        for care in cares:
            row = row_of(care)
            known = {**row, "of_id": row.pop("position_id")}
            if self._connection.execute(_UPDATE, known).rowcount == 0:
                self._connection.execute(insert(table), row_of(care))

    def last_look(self, account: AccountId) -> datetime | None:
        """Return when somebody last looked at the account's positions."""
        found: datetime | None = self._connection.scalar(select(pulse.c.looked_at).where(pulse.c.account_id == account))
        return found

    def looked(self, account: AccountId, now: datetime) -> None:
        """Write that somebody looks now."""
        moved = update(pulse).where(pulse.c.account_id == account).values(looked_at=now)
        if self._connection.execute(moved).rowcount == 0:
            self._connection.execute(insert(pulse).values(account_id=account, looked_at=now))

    def note(self, user: UserId, position: PositionId, note: str, now: datetime) -> None:
        """Write a person's note, in the place of the one before."""
        changed = update(notes).where(notes.c.position_id == position).values(note=note, written_at=now)
        if self._connection.execute(changed).rowcount == 0:
            row = {"position_id": position, "user_id": user, "note": note, "written_at": now}
            self._connection.execute(insert(notes).values(**row))

    def note_of(self, position: PositionId) -> str:
        """Return a position's note; empty for none."""
        found = self._connection.scalar(select(notes.c.note).where(notes.c.position_id == position))
        return str(found or "")

    def exit_market(self, position: PositionId) -> ExitMarket | None:
        """Return the market in which a position closed."""
        wanted = select(*columns_of(markets, ExitMarket)).where(markets.c.position_id == position)
        found = values_of(ExitMarket, self._connection.execute(wanted))
        return found[0] if found else None

    def keep_exit_market(self, market: ExitMarket) -> None:
        """Keep the market in which a position closed; one that is kept already stays."""
        if self.exit_market(market.position_id) is None:
            self._connection.execute(insert(markets), row_of(market))
