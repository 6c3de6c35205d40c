"""Commands on watchlists and scans."""

from dataclasses import replace

from thetaloom.domain.run.events import EventKind
from thetaloom.domain.run.scans import Scan, ScanStatus
from thetaloom.domain.run.schedules import BEST_MAX
from thetaloom.domain.run.watchlists import SYMBOLS_MAX, Watchlist, check_digest, clean_symbols
from thetaloom.domain.values.ids import make_scan_id
from thetaloom.domain.values.reasons import Reason
from thetaloom.engine.desk import Desk
from thetaloom.engine.schedule_commands import RemoveWatchlist, RunScan, SaveWatchlist
from thetaloom.engine.starting import watchlist_of
from thetaloom.engine.step import tell_user
from thetaloom.errors import InvalidInput, NotFound

LISTS_MAX = 200  # of a user


def save_watchlist(desk: Desk, command: SaveWatchlist) -> Watchlist:
    """Write a list in the place of the one before; at most twenty symbols of a user go into the mail."""
    now = desk.clock.now()
    with desk.store.unit_of_work() as uow:
        others = [one for one in uow.watchlists.of_user(command.user_id) if one.name != command.name]
        before = uow.watchlists.get(command.user_id, command.name)
        if before is None and len(others) >= LISTS_MAX:
            raise InvalidInput(f"there are {LISTS_MAX} watchlists; remove one first")
        was_in = before is not None and before.in_digest
        saved = Watchlist(
            user_id=command.user_id,
            name=command.name,
            symbols=clean_symbols(command.symbols),
            in_digest=was_in if command.in_digest is None else command.in_digest,
            changed_at=now,
        )
        check_digest([*others, saved])
        uow.watchlists.save(saved)
        facts = {"watchlist": saved.name, "symbols": len(saved.symbols)}
        tell_user(uow, command.user_id, EventKind.WATCHLIST_CHANGED, now, **facts)
        uow.commit()
    return saved


def remove_watchlist(desk: Desk, command: RemoveWatchlist) -> Watchlist:
    """Take a list out; schedules that name it fail with a reason when they fire."""
    now = desk.clock.now()
    with desk.store.unit_of_work() as uow:
        found = uow.watchlists.get(command.user_id, command.name)
        if found is None:
            raise NotFound(
                f"no watchlist of yours has the name {command.name!r}", advice="`thetaloom watchlist list` shows them."
            )
        uow.watchlists.remove(command.user_id, command.name)
        facts = {"watchlist": found.name, "symbols": 0}
        tell_user(uow, command.user_id, EventKind.WATCHLIST_CHANGED, now, **facts)
        uow.commit()
    return replace(found, symbols=())


def run_scan(desk: Desk, command: RunScan) -> Scan:
    """Ask for a scan; the engine works on it between its other work."""
    now = desk.clock.now()
    if not 0 <= command.best <= BEST_MAX:
        raise InvalidInput(f"{command.best} runs; a scan starts 0 to {BEST_MAX}", details={"part": "best"})
    if bool(command.symbols) == bool(command.watchlist):
        raise InvalidInput("name symbols or a watchlist, one of the two", details={"part": "symbols"})
    with desk.store.unit_of_work() as uow:
        symbols = clean_symbols(command.symbols)
        if command.watchlist:
            symbols = watchlist_of(uow, command.user_id, command.watchlist, now).symbols
        if not 0 < len(symbols) <= SYMBOLS_MAX:
            raise InvalidInput(f"{len(symbols)} symbols; a scan has 1 to {SYMBOLS_MAX}", details={"part": "symbols"})
        for wanted in command.strategy_ids:
            if uow.strategies.latest(command.user_id, wanted) is None:
                raise NotFound(f"no strategy has the id {wanted!r}", advice=Reason.STRATEGY_NOT_FOUND.text)
        scan = Scan(
            id=make_scan_id(desk.store.installation_id(), uow.scans.next_number()),
            user_id=command.user_id,
            status=ScanStatus.RUNNING,
            symbols=symbols,
            strategy_ids=command.strategy_ids,
            watchlist=command.watchlist,
            best=command.best,
            asked_at=now,
        )
        uow.scans.add(scan)
        uow.commit()
    return scan
