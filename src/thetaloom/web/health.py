"""Whether this process works: its engine, its database, its market."""

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import text

from thetaloom.engine.line_watch import lost_links
from thetaloom.errors import ThetaloomError
from thetaloom.ports.links import LinkStatus
from thetaloom.ports.market_data import ReplayedMarket
from thetaloom.store.queries.health import Backlog, backlog
from thetaloom.web.front import Front

LAG_SECONDS_MAX = 60.0  # of real time; a replayed market at speed is measured in its own


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One part and whether it works."""

    name: str
    passed: bool
    message: str


def liveness(front: Front) -> tuple[Check, ...]:
    """Return whether the engine's thread lives and the database answers."""
    return _engine(front), _database(front)


def readiness(front: Front) -> tuple[Check, ...]:
    """Return liveness, and whether there is a market to trade on and the engine keeps up."""
    checks = liveness(front)
    if not all(check.passed for check in checks):
        return checks
    return (*checks, _market(front), _keeping_up(front), _kernels(front), *_connections(front))


def lag_of(front: Front, found: Backlog) -> timedelta:
    """Return for how long, by the market's clock, the oldest due run has waited."""
    return timedelta(0) if found.oldest_due_at is None else max(front.now - found.oldest_due_at, timedelta(0))


def _engine(front: Front) -> Check:
    loop = front.loop
    if loop is None:
        return Check(name="engine", passed=True, message="not run by this process")
    if loop.failure is not None:
        return Check(name="engine", passed=False, message=f"stopped: {type(loop.failure).__name__}: {loop.failure}")
    if not loop.is_alive:
        return Check(name="engine", passed=False, message="its thread does not run")
    return Check(name="engine", passed=True, message="running")


def _database(front: Front) -> Check:
    try:
        with front.database.connect() as connection:
            connection.execute(text("SELECT 1"))
    except ThetaloomError as error:
        return Check(name="database", passed=False, message=error.message)
    return Check(name="database", passed=True, message="answers")


def _market(front: Front) -> Check:
    try:
        symbols = front.platform.market.symbols()
    except ThetaloomError as error:
        return Check(name="market", passed=False, message=error.message)
    if not symbols and isinstance(front.platform.market, ReplayedMarket):  # others need not be able to list them
        return Check(name="market", passed=False, message="the source names no symbol")
    told = f"{len(symbols)} symbols" if symbols else "symbols are asked for one by one"
    return Check(name="market", passed=True, message=f"{front.platform.market.name}: {told}")


def _kernels(front: Front) -> Check:
    # No reason to send anybody elsewhere: orders and exits go on, and new runs wait for it.
    words = "compiled" if front.platform.desk.may_compute() else "being compiled, once for this version; new runs wait"
    return Check(name="kernels", passed=True, message=words)


def _connections(front: Front) -> tuple[Check, ...]:
    down = lost_links(front.platform.desk)
    if not down:
        return (Check(name="connections", passed=True, message="all are up"),)
    return (Check(name="connections", passed=False, message="; ".join(words_of(link) for link in down)),)


def words_of(link: LinkStatus) -> str:
    """Say in one line how a connection that is down stands."""
    since = "it never was up" if link.since is None else f"down since {link.since:%Y-%m-%d %H:%M:%S} UTC"
    return f"{link.name}: {since}" + (f" ({link.reason})" if link.reason else "")


def _keeping_up(front: Front) -> Check:
    if front.loop is not None and front.loop.held_up_by:
        return Check(name="lag", passed=False, message=f"the engine waits: {front.loop.held_up_by}")
    lag = lag_of(front, backlog(front.database, front.now)).total_seconds() / front.platform.speed
    late = front.loop is not None and lag > LAG_SECONDS_MAX
    return Check(name="lag", passed=not late, message=f"the oldest due run has waited {lag:.1f} s")
