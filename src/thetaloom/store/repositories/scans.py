"""Watchlists, and scans with their pairs."""

from collections.abc import Iterable, Sequence

from sqlalchemy import ColumnElement, Connection, delete, insert, select, update

from thetaloom.domain.run.scans import Scan, ScanPair, ScanStatus
from thetaloom.domain.run.watchlists import Watchlist
from thetaloom.domain.values.ids import ScanId, UserId
from thetaloom.store.database import Database
from thetaloom.store.schedule_tables import scan_pairs, scans, watchlists
from thetaloom.store.schema import counters
from thetaloom.store.statements import columns_of, count_up, row_of, value_of, values_of

_LISTS = select(*columns_of(watchlists, Watchlist))
_SCANS = select(*columns_of(scans, Scan))


class SqlWatchlists:
    """Watchlists in the database."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self, user: UserId, name: str) -> Watchlist | None:
        """Return the user's list of this name."""
        row = self._connection.execute(_LISTS.where(*_mine(user, name))).first()
        return None if row is None else value_of(Watchlist, row)

    def of_user(self, user: UserId) -> Sequence[Watchlist]:
        """Return the user's lists by name."""
        found = _LISTS.where(watchlists.c.user_id == user).order_by(watchlists.c.name)
        return values_of(Watchlist, self._connection.execute(found))

    def save(self, watchlist: Watchlist) -> None:
        """Write a list in the place of the one before."""
        row = row_of(watchlist)
        changed = update(watchlists).where(*_mine(watchlist.user_id, watchlist.name)).values(**row)
        if self._connection.execute(changed).rowcount == 0:
            self._connection.execute(insert(watchlists), row)

    def remove(self, user: UserId, name: str) -> bool:
        """Take a list out."""
        return self._connection.execute(delete(watchlists).where(*_mine(user, name))).rowcount == 1


class SqlScans:
    """Scans in the database."""

    def __init__(self, connection: Connection, database: Database) -> None:
        self._connection = connection
        self._database = database

    def next_number(self) -> int:
        """Return the next number of a scan; never the same twice."""
        return count_up(self._connection, self._database, counters, "scan")

    def add(self, scan: Scan) -> None:
        """Write a scan that begins."""
        self._connection.execute(insert(scans), row_of(scan))

    def get(self, scan: ScanId) -> Scan | None:
        """Return a scan."""
        row = self._connection.execute(_SCANS.where(scans.c.id == scan)).first()
        return None if row is None else value_of(Scan, row)

    def finish(self, scan: Scan) -> bool:
        """Write what a scan came to; False when somebody else did so first."""
        row = row_of(scan)
        mine = (scans.c.id == row.pop("id"), scans.c.status == ScanStatus.RUNNING)
        return self._connection.execute(update(scans).where(*mine).values(**row)).rowcount == 1

    def running(self) -> Sequence[Scan]:
        """Return the scans that are not done, oldest first."""
        found = _SCANS.where(scans.c.status == ScanStatus.RUNNING).order_by(scans.c.asked_at, scans.c.id)
        return values_of(Scan, self._connection.execute(found))

    def add_pairs(self, scan: Scan, pairs: Iterable[ScanPair]) -> None:
        """Write the pairs of a scan in their order."""
        rows = [
            {
                "scan_id": scan.id,
                "place": place,
                "user_id": scan.user_id,
                "symbol": pair.symbol,
                "strategy_id": pair.strategy_id,
                "is_eligible": pair.is_eligible,
                "reason": pair.reason,
                "score": pair.score,
                "pair": pair,
            }
            for place, pair in enumerate(pairs, start=1)
        ]
        if rows:
            self._connection.execute(insert(scan_pairs), rows)

    def pairs(self, scan: ScanId) -> Sequence[ScanPair]:
        """Return the pairs of a scan in their order."""
        found = select(scan_pairs.c.pair).where(scan_pairs.c.scan_id == scan).order_by(scan_pairs.c.place)
        return tuple(self._connection.scalars(found))


def _mine(user: UserId, name: str) -> tuple[ColumnElement[bool], ...]:
    return watchlists.c.user_id == user, watchlists.c.name == name
