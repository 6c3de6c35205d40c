"""Reaching a real broker from a process of its own, for a halt while the server hangs or its database does."""

import tempfile
import threading
from collections.abc import Iterator, Mapping, Set
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from thetaloom import log
from thetaloom.broker_parts import OWNER, broker_named, secrets_of, setup_of
from thetaloom.cli.bounded import within
from thetaloom.config import PAPER_BROKER, Settings
from thetaloom.domain.book.halts import only_closes
from thetaloom.domain.book.reports import BrokerOrder
from thetaloom.domain.values.ids import ClientOrderId, UserId
from thetaloom.errors import InvariantError, ThetaloomError, Unavailable
from thetaloom.links.request_budget import RequestBudget
from thetaloom.marketdata.calendar_table import SHIPPED_TABLE, read_table
from thetaloom.ports.broker import Broker, CancelsTogether
from thetaloom.ports.broker_plugin import BrokerPlugin, Use
from thetaloom.pulses import Pulse, read_pulse
from thetaloom.store.database import open_database
from thetaloom.world_parts import clock_of_now, close_clock, vault_of

DATABASE_SECONDS = 2.0
ANSWER_SECONDS = "3"  # of the broker to one question; patience is for calmer hours
TIMEOUT = "request_timeout_seconds"
WORKERS = 8  # cancels under way at once: a broker far away answers slowly, and its limit counts requests
ROUNDS_MAX = 3  # a cancel that was not taken, because too many came at once, is asked for again
LOOK_SECONDS = 0.2
Working = dict[ClientOrderId, BrokerOrder]  # as they are now: a replaced order has another number
GONE_SECONDS = 3.0  # that a broker gets to show that an order is gone


@dataclass(frozen=True, slots=True, kw_only=True)
class HomeBroker:
    """Which broker a home trades at, as far as that can be found out."""

    name: str
    account: str = ""
    note: str = ""  # what could not be read


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """What became of the working orders of ours."""

    canceled: tuple[ClientOrderId, ...]
    left: Mapping[ClientOrderId, str]  # why not, by client order id
    spared: int  # orders that only close


def broker_of_home(settings: Settings) -> HomeBroker:
    """Find the broker that this home has lived with; where its database cannot say, the settings and files must."""
    chosen = "broker" in settings.model_fields_set
    try:
        pulse = within(DATABASE_SECONDS, lambda: _pulse(settings))
    except (ThetaloomError, OSError) as error:
        name = settings.broker if chosen else _by_books(settings)
        return HomeBroker(name=name, account=settings.broker_account, note=f"the database cannot be read: {error}")
    if pulse is None:
        return HomeBroker(name=settings.broker, account=settings.broker_account)
    account = pulse.account if pulse.broker != PAPER_BROKER else ""
    return HomeBroker(name=pulse.broker, account=settings.broker_account or account)


@contextmanager
def broker_alone(settings: Settings, home: HomeBroker) -> Iterator[Broker]:
    """Sign in at the broker beside whatever runs; what it tells is kept nowhere, so that no book of ours is needed."""
    log.to_standard_error()
    plugin = broker_named(home.name)
    secrets = _secrets(settings, plugin)
    clock = clock_of_now(settings)
    try:
        with tempfile.TemporaryDirectory(prefix="thetaloom-halt-") as folder:
            setup = setup_of(settings, plugin, secrets, clock, read_table(SHIPPED_TABLE), use=Use.HALT)
            options = dict(setup.options)
            if any(field.name == TIMEOUT for field in plugin.fields) and TIMEOUT not in settings.broker_options:
                options[TIMEOUT] = ANSWER_SECONDS
            books = f"sqlite:///{Path(folder) / 'halt.db'}"
            opened = plugin.connect(replace(setup, account=home.account, options=options, books_url=books))
            try:
                yield opened.broker
            finally:
                opened.close()
    finally:
        close_clock(clock)


def sweep(broker: Broker, *, patience: float) -> Swept:
    """Cancel every working order of ours that could open risk; a living engine gets ``patience`` seconds to do it."""
    held = broker.holdings()
    first = _ours(broker)
    entries = {name for name, one in first.items() if not only_closes(one, held)}
    working = _wait_until_gone(broker, entries, patience)
    why: dict[ClientOrderId, str] = {}
    for _ in range(ROUNDS_MAX):
        if not working:
            break
        why = _ask(broker, working)
        working = _wait_until_gone(broker, entries, GONE_SECONDS, unless=why)
    left = {name: why.get(name, "it works on") for name in working}
    canceled = tuple(sorted(name for name in entries if name not in working))
    return Swept(canceled=canceled, left=left, spared=len(first) - len(entries))


def _ask(broker: Broker, working: Working) -> dict[ClientOrderId, str]:
    """Ask for each cancel within the broker's rate; return why not, by order."""
    if isinstance(broker, CancelsTogether):
        names = {one.broker_order_id: name for name, one in working.items()}
        return {names[number]: why for number, why in broker.cancel_together(frozenset(names)).items()}
    rate = broker.capabilities.cancels_per_second or broker.capabilities.orders_per_second
    budget, pause = RequestBudget(rate, rate), threading.Event()

    def cancel(name: ClientOrderId) -> tuple[ClientOrderId, str]:
        pause.wait(budget.take())
        try:
            broker.cancel_orphan(working[name].broker_order_id)
        except ThetaloomError as error:
            return name, error.message
        return name, ""

    with ThreadPoolExecutor(WORKERS) as workers:
        return {name: why for name, why in workers.map(cancel, working) if why}


def _wait_until_gone(
    broker: Broker, entries: Set[ClientOrderId], seconds: float, *, unless: Mapping[ClientOrderId, str] | None = None
) -> Working:
    """Look until no entry works but those that nobody could ask for; return those that still do, as they are now."""
    pause, looks = threading.Event(), int(seconds / LOOK_SECONDS)
    while True:
        working = {name: one for name, one in _ours(broker).items() if name in entries}
        if looks <= 0 or all(name in (unless or {}) for name in working):
            return working
        pause.wait(LOOK_SECONDS)
        looks -= 1


def _ours(broker: Broker) -> Working:
    return {one.client_order_id: one for one in broker.open_orders() if one.client_order_id and one.is_open}


def _pulse(settings: Settings) -> Pulse | None:
    _refuse_lost(settings)
    database = open_database(settings.database)
    try:
        return read_pulse(database)
    finally:
        database.close()


def _secrets(settings: Settings, plugin: BrokerPlugin) -> Mapping[str, str]:
    if not any(field.is_secret for field in plugin.fields):
        return {}
    try:
        return within(DATABASE_SECONDS, lambda: _kept(settings, plugin))
    except (Unavailable, InvariantError) as error:
        raise Unavailable(
            f"the secrets of {plugin.title} are in a database that cannot be read ({error.message})",
            advice=f"Cancel the orders at {plugin.title} itself.",
        ) from error


def _kept(settings: Settings, plugin: BrokerPlugin) -> Mapping[str, str]:
    _refuse_lost(settings)
    database = open_database(settings.database)
    try:
        return secrets_of(plugin, database, vault_of(settings), UserId(OWNER))
    finally:
        database.close()


def _refuse_lost(settings: Settings) -> None:
    # SQLite would make a new database in the place of one that is gone.
    if settings.database.startswith("sqlite:///"):
        path = Path(settings.database.removeprefix("sqlite:///"))
        if not path.exists() or not path.stat().st_size:
            raise Unavailable(f"the database {path} is gone")


def _by_books(settings: Settings) -> str:
    """Return the broker whose books lie beside a database that cannot be read."""
    books = settings.books_url(PAPER_BROKER)
    if not books.startswith("sqlite:///"):
        return settings.broker
    paper = Path(books.removeprefix("sqlite:///"))
    before, _, after = paper.name.partition(PAPER_BROKER)
    if paper.exists() or not paper.parent.is_dir():
        return settings.broker
    found = [one.name.removeprefix(before).removesuffix(after) for one in paper.parent.glob(f"{before}*{after}")]
    return found[0] if len(found) == 1 else settings.broker
