"""Scans with their pairs, and watchlists."""

from collections.abc import Sequence

from sqlalchemy import select

from thetaloom.domain.run.scans import Scan, ScanPair, ScanStatus
from thetaloom.domain.run.watchlists import LIQUID, LIQUID_SYMBOLS, Watchlist
from thetaloom.domain.values.ids import UserId
from thetaloom.errors import NotFound
from thetaloom.store.database import Database
from thetaloom.store.queries.listing import USUAL, Listing, Wish, each_of, sortable
from thetaloom.store.queries.paging import FIRST_PAGE, Page, Window, matching, owned, page_of
from thetaloom.store.schedule_tables import scan_pairs, scans, watchlists
from thetaloom.store.schema import users
from thetaloom.store.statements import columns_of, value_of, values_of

_SCANS = select(*columns_of(scans, Scan))
SCANS = Listing(
    table=scans,
    kind=Scan,
    usual=(scans.c.asked_at.desc(), scans.c.id),
    sorts=sortable(scans, "asked_at", "status", "watchlist", "pairs", "eligible"),
    texts=(scans.c.id, scans.c.watchlist, scans.c.symbols, scans.c.strategy_ids, scans.c.message),
    choices={"status": each_of(scans.c.status, ScanStatus)},
    words={"watchlist": scans.c.watchlist},
)


def list_scans(database: Database, user: UserId, *, wish: Wish = USUAL, window: Window = FIRST_PAGE) -> Page[Scan]:
    """Return the user's scans, newest first."""
    return SCANS.page(database, user, wish=wish, window=window)


def scan_of(database: Database, user: UserId, scan: str) -> Scan:
    """Return a scan. Raises ``NotFound``."""
    with database.connect() as connection:
        row = connection.execute(_SCANS.where(owned(scans, user), scans.c.id == scan)).first()
    if row is None:
        raise NotFound(f"no scan has the id {scan!r}", advice="`thetaloom scan list` shows them.")
    return value_of(Scan, row)


def list_pairs(
    database: Database,
    user: UserId,
    scan: str,
    *,
    symbol: str | None = None,
    reason: str | None = None,
    eligible: bool | None = None,
    window: Window = FIRST_PAGE,
) -> Page[ScanPair]:
    """Return the pairs of a scan in their order, those that pass all filters."""
    wanted = [
        owned(scan_pairs, user),
        scan_pairs.c.scan_id == scan,
        *matching(scan_pairs.c.symbol, symbol),
        *matching(scan_pairs.c.reason, reason),
        *matching(scan_pairs.c.is_eligible, eligible),
    ]
    ordered = select(scan_pairs.c.pair).where(*wanted).order_by(scan_pairs.c.place)
    with database.connect() as connection:
        return page_of(connection, ordered, window, _pair)


def all_watchlists(database: Database, user: UserId) -> Sequence[Watchlist]:
    """Return the user's lists by name, and the one that ships unless the user has one of its name."""
    chosen = select(*columns_of(watchlists, Watchlist)).where(owned(watchlists, user)).order_by(watchlists.c.name)
    with database.connect() as connection:
        found = values_of(Watchlist, connection.execute(chosen))
        since = connection.scalar(select(users.c.created_at).where(users.c.id == user))
    if since is None or any(one.name == LIQUID for one in found):
        return found
    shipped = Watchlist(user_id=user, name=LIQUID, symbols=LIQUID_SYMBOLS, changed_at=since)
    return (*found, shipped)


def watchlist_named(database: Database, user: UserId, name: str) -> Watchlist:
    """Return a list by its name. Raises ``NotFound``."""
    found = next((one for one in all_watchlists(database, user) if one.name == name), None)
    if found is None:
        raise NotFound(f"no watchlist has the name {name!r}", advice="`thetaloom watchlist list` shows them.")
    return found


def _pair(row: tuple[ScanPair]) -> ScanPair:
    return row[0]
