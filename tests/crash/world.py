"""A demo-like world as a plain function: from whatever the databases hold, it plays one run to its end."""

import json
import os
import signal
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from difflib import ndiff
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import Engine as SqlEngine
from sqlalchemy import create_engine, event, select

from thetaloom.bootstrap import PAPER_ACCOUNT, Platform, build, prepare_home
from thetaloom.brokers.paper import tables
from thetaloom.config import MarketSource, Settings
from thetaloom.domain.book.reports import ReportKind
from thetaloom.domain.run.events import EventKind
from thetaloom.domain.run.proposals import ProposalStatus
from thetaloom.domain.run.runs import RunStatus, StepName, WorkflowRun
from thetaloom.domain.strategy.rules import ExitGuard, GuardMode
from thetaloom.domain.strategy.strategies import Strategy
from thetaloom.domain.values.canonical import canonical_json
from thetaloom.domain.values.ids import RunId, StrategyId
from thetaloom.engine.commands import ApproveProposal, SaveStrategy, StartRun
from thetaloom.engine.engine import DECIDERS
from thetaloom.engine.lineage import replay_run, verify_run
from thetaloom.engine.play import play
from thetaloom.engine.reconcile import find_drifts
from thetaloom.marketdata.clocks import VirtualClock
from thetaloom.store.catalogue import load_catalogue
from thetaloom.store.database import Database, open_database
from thetaloom.store.schema import runs
from thetaloom.store.upgrading import upgrade

Phase = Literal["before", "after"]
DAY_TRADE = "crash-day-trade"
MADE: dict[str, Any] = {
    "market": "synthetic",
    "symbol": "SPY",
    "strategy": DAY_TRADE,
    "minutes_per_change": 15,
    "start": "",
    "fills": (1, 2),
}
# What a process tells of what it alone can see: its looks, and since when it trusts a quote.
OF_ONE_LIFE = frozenset(
    {
        EventKind.RECONCILED,
        EventKind.POSITION_BLINDED,
        EventKind.POSITION_SIGHTED,
        EventKind.PROTECTION_CHANGED,
        EventKind.ALERT_RAISED,
        EventKind.ALERT_ENDED,
    }
)
WRITES = {"INSERT": 2, "UPDATE": 1, "DELETE": 2}  # where the table's name stands
LONGEST = timedelta(days=60)  # no strategy of the catalogue holds on for longer


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """One market, one strategy, one seed, one home: all that a child process needs to know."""

    home: str
    market: str = "recorded"
    symbol: str = "GOOG"
    strategy: str = "goog-demo-put-credit-spread"
    seed: int = 1
    minutes_per_change: int = 1
    start: str = "2015-12-24T15:00:00+00:00"  # empty: where the market begins
    fills: tuple[int, ...] = ()  # of every order, structures at a time; the rest at once
    database_url: str = ""


@dataclass(slots=True)
class Boundaries:
    """Counts the commits of both databases, and kills this process at one of them if told to."""

    kill_at: int = 0
    phase: str = "before"
    kinds: list[str] = field(default_factory=list)  # of each commit: the tables that it writes to
    _written: set[str] = field(default_factory=set)

    @property
    def passed(self) -> int:
        """How many there were."""
        return len(self.kinds)

    def __call__(self, phase: Phase) -> None:
        if phase == "before":
            self.kinds.append(" ".join(sorted(self._written)))
            self._written.clear()
        if (self.passed, phase) == (self.kill_at, self.phase):
            os.kill(os.getpid(), signal.SIGKILL)

    def note(self, *execution: Any) -> None:
        """Take down which table a statement writes to; the arguments are those of ``before_cursor_execute``."""
        words = str(execution[2]).split(maxsplit=3)
        if words[0] in WRITES:
            self._written.add(words[WRITES[words[0]]])


def play_world(world: dict[str, Any], kill_at: int = 0, phase: Phase = "before") -> dict[str, Any]:
    """Play the run to its end, or to the kill; return the account of it and how many commits it took."""
    boundaries = Boundaries(kill_at=kill_at, phase=phase)
    event.listen(SqlEngine, "before_cursor_execute", boundaries.note)
    platform = open_world(World(**world), boundaries)
    try:
        platform.engine.start()
        play_on(platform, World(**world))
        commits, theirs = boundaries.passed, broker_books(platform)
        return {
            "commits": commits,
            "kinds": boundaries.kinds,
            "faults": faults_of(platform, theirs),
            "ours": our_books(platform),
            "theirs": theirs,
        }
    finally:
        platform.close()


def open_world(world: World, on_commit: Callable[[Phase], None] | None = None) -> Platform:
    """Put the platform together on the home as it was left."""
    settings = settings_of(world)
    prepare_home(settings)
    database = open_database(settings.database, on_commit)
    upgrade(database, installation_id="crash")
    platform = build(
        settings,
        database,
        start=datetime.fromisoformat(world.start) if world.start else None,
        clock_kind="virtual",
        on_commit=on_commit,
        minutes_per_change=world.minutes_per_change,
    )
    platform.paper.script(lambda order: True, fills=world.fills)
    return platform


def settings_of(world: World) -> Settings:
    """Return the settings of a world."""
    given: dict[str, Any] = {"database_url": world.database_url} if world.database_url else {}
    if world.market == "synthetic":
        given["paper_fill_at"] = Decimal(0)  # at mid: orders fill soon, and few minutes pass with nothing to kill
    return Settings(home=Path(world.home), market=MarketSource(world.market), seed=world.seed, **given)


def play_on(platform: Platform, world: World, *, approves: bool = True) -> None:
    """Start the run unless it is there, approve what waits for approval, and let time pass until it is over."""
    assert isinstance(platform.clock, VirtualClock)
    run_id = only_run(platform.database)
    if run_id is None:
        if world.strategy == DAY_TRADE:
            platform.engine.handle(SaveStrategy(user_id=platform.user_id, strategy=day_trade()))
        asked = StartRun(user_id=platform.user_id, symbol=world.symbol, strategy_id=StrategyId(world.strategy))
        started = platform.engine.handle(asked)
        assert isinstance(started, WorkflowRun)
        run_id = started.id
    play(
        platform.engine,
        platform.clock,
        platform.replayed,
        until=lambda: _is_over(read_run(platform, run_id), approves),
        stop_at=platform.clock.now() + LONGEST,
        each_turn=lambda: approve_pending(platform, run_id) if approves else None,
    )


def _is_over(run: WorkflowRun, approves: bool) -> bool:
    return run.is_final or (run.status is RunStatus.PENDING_APPROVAL and not approves)


def day_trade() -> Strategy:
    """Return the recorded day's strategy for any symbol: filled and closed in parts, over soon, worked in few steps."""
    demo = next(one for one in load_catalogue() if one.id == "goog-demo-put-credit-spread")
    first, stop, before_close = demo.exits
    part = replace(first, threshold=Decimal(4), quantity_percent=50)
    # A guard that starts anew looks at other moments, and at each of them this broker may fill the next part.
    return replace(
        demo,
        id=StrategyId(DAY_TRADE),
        symbols=(),
        guard=ExitGuard(mode=GuardMode.OFF),
        size=replace(demo.size, quantity=4),
        order=replace(demo.order, interval_seconds=300),
        exits=(part, first, stop, replace(before_close, threshold=Decimal(60))),
    )


def approve_pending(platform: Platform, run_id: RunId) -> None:
    """Approve what waits, as a person at the keyboard would."""
    if read_run(platform, run_id).status is not RunStatus.PENDING_APPROVAL:
        return
    with platform.store.unit_of_work() as uow:
        proposal = uow.proposals.of_run(run_id)[-1]
    if proposal.status is ProposalStatus.PENDING and platform.clock.now() < proposal.expires_at:
        platform.engine.handle(ApproveProposal(user_id=platform.user_id, proposal_id=proposal.id))


def only_run(database: Database) -> RunId | None:
    """Return the one run of this world, if it was started."""
    with database.connect() as connection:
        found = connection.scalars(select(runs.c.id)).all()
    assert len(found) <= 1, f"more than one run: {found}"
    return RunId(found[0]) if found else None


def read_run(platform: Platform, run_id: RunId) -> WorkflowRun:
    """Return the run as stored."""
    with platform.store.reading() as uow:
        run = uow.runs.get(run_id)
    assert run is not None
    return run


def our_books(platform: Platform) -> dict[str, Any]:
    """Return all that our books hold of the run, as plain data."""
    run_id = only_run(platform.database)
    assert run_id is not None, "the run was lost"
    with platform.store.unit_of_work() as uow:
        run = uow.runs.get(run_id)
        orders = uow.orders.of_run(run_id)
        fills = {order.client_order_id: uow.orders.fills_of(order.client_order_id) for order in orders}
        found = {
            "run": run,
            "proposals": uow.proposals.of_run(run_id),
            "orders": orders,
            "fills": fills,
            "position": uow.positions.of_run(run_id),
            # A watch that starts anew does not remember the quotes that it saw: it may not see less for that.
            "lineage": [
                (entry.seq, entry.step, entry.status, entry.reason, entry.output_digest)
                if entry.step is StepName.MANAGE_POSITION
                else (entry.seq, entry.step, entry.status, entry.reason, entry.input_digest, entry.output_digest)
                for entry in uow.lineage.of_run(run_id)
            ],
            # Each start looks into the broker's books once more, and says so; and what they lack is sent once more.
            "events": [
                (entry.event.kind, entry.event.happened_at, entry.event.facts)
                for entry in uow.events.since(0)
                if entry.event.kind not in OF_ONE_LIFE and "again" not in entry.event.facts
            ],
        }
    plain: dict[str, Any] = json.loads(canonical_json(found))
    for versioned in (plain["run"], plain["position"], *plain["proposals"]):
        if versioned is not None:
            del versioned["version"]  # how often a row was written is nobody's business
    return plain


def broker_books(platform: Platform) -> dict[str, Any]:
    """Return all that the paper broker's books hold, as plain data."""
    engine = create_engine(broker_url(platform.settings))
    with engine.connect() as connection:
        orders: list[dict[str, Any]] = [json.loads(body) for body in connection.scalars(select(tables.orders.c.body))]
        reports = connection.scalars(select(tables.reports.c.body).order_by(tables.reports.c.sequence))
        found = {
            "orders": sorted(orders, key=lambda order: str(order["client_order_id"])),
            "reports": [json.loads(body) for body in reports],
            "cash": connection.scalar(select(tables.accounts.c.cash)),
            "holdings": [list(row) for row in connection.execute(select(tables.holdings))],
        }
    engine.dispose()
    return found


def broker_url(settings: Settings) -> str:
    """Return where the paper broker keeps its books."""
    if settings.database_url is not None:
        return settings.database_url.get_secret_value()
    return f"sqlite:///{settings.home_folder / 'thetaloom-paper-broker.db'}"


def faults_of(platform: Platform, theirs: dict[str, Any]) -> list[str]:
    """Name every law that the two books break, each alone and together."""
    run_id = only_run(platform.database)
    assert run_id is not None
    with platform.store.unit_of_work() as uow:
        run = uow.runs.get(run_id)
        assert run is not None
        faults = [fault.message for fault in verify_run(uow, run)]
        replayed = replay_run(uow, run_id, DECIDERS, platform.desk.codec)
        cursor = uow.accounts.report_cursor(PAPER_ACCOUNT)
        ours = {order.client_order_id: order for order in uow.orders.of_run(run_id)}
        filled = {known: sum(fill.quantity for fill in uow.orders.fills_of(known)) for known in ours}
    if not replayed.identical:
        faults.append(f"replay: {replayed.difference}")
    faults += [f"drift: {drift}" for drift in find_drifts(platform.desk)]
    if cursor != len(theirs["reports"]):
        faults.append(f"report cursor {cursor}, reports {len(theirs['reports'])}")
    if [order["client_order_id"] for order in theirs["orders"]] != sorted(ours):
        faults.append(f"orders at the broker {theirs['orders']}, ours {sorted(ours)}")
    faults += [
        f"{order['client_order_id']}: filled {order['filled']} at the broker, {filled.get(order['client_order_id'])}"
        f" in our books"
        for order in theirs["orders"]
        if order["filled"] != filled.get(order["client_order_id"])
    ]
    accepted = Counter(
        report["client_order_id"] for report in theirs["reports"] if report["kind"] == ReportKind.ACCEPTED.value
    )
    faults += [f"{known} accepted {times} times" for known, times in accepted.items() if times != 1]
    return faults


def differences(undisturbed: Any, found: Any, path: str = "") -> list[str]:
    """Name every place in which two accounts differ."""
    if isinstance(undisturbed, dict) and isinstance(found, dict):
        keys = sorted(undisturbed.keys() | found.keys())
        pairs = [(f"{path}.{key}", undisturbed.get(key), found.get(key)) for key in keys]
    elif isinstance(undisturbed, list) and isinstance(found, list) and len(undisturbed) == len(found):
        pairs = [(f"{path}[{place}]", *both) for place, both in enumerate(zip(undisturbed, found, strict=True))]
    elif isinstance(undisturbed, list) and isinstance(found, list):
        return [f"{path}: {line}" for line in ndiff(_lines(undisturbed), _lines(found)) if line[0] in "+-"]
    else:
        return [] if undisturbed == found else [f"{path}: undisturbed {undisturbed!r}, found {found!r}"]
    return [line for where, one, other in pairs for line in differences(one, other, where)]


def _lines(values: list[Any]) -> list[str]:
    return [repr(one) for one in values]


def plain(world: World) -> dict[str, Any]:
    """Return the world as a child process is told it."""
    return asdict(world)


def at(text: str) -> datetime:
    """Read an instant of the recorded day, exchange hours in UTC."""
    return datetime.fromisoformat(f"2015-12-24T{text}").replace(tzinfo=UTC)
