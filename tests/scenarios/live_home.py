"""A home at an account of real money, as Alpaca's server on loopback tells it: all gates open, and ways to shut each.

No simulator says of itself that it is live, and settings that ask for one in live mode are refused. This home goes
around that one refusal, for its clock; everything else is what a server runs.
"""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from starlette.testclient import TestClient

from tests.web.conftest import BEARER, COOKIES, CSRF, ORIGIN, sign_in
from thetaloom.bootstrap import LOCAL_USER, Platform, build, engine_loop, set_up, write_pulse
from thetaloom.broker_parts import OWNER
from thetaloom.config import SIMULATOR_URL, Settings, load_settings
from thetaloom.domain.run.runs import RunStatus
from thetaloom.domain.strategy.rules import ApprovalMode, ApprovalRule
from thetaloom.domain.values.ids import AccountId, StrategyId
from thetaloom.domain.values.reasons import Reason
from thetaloom.engine.commands import Command
from thetaloom.engine.loop import EngineLoop
from thetaloom.errors import NotAllowed
from thetaloom.marketdata.calendar_table import SHIPPED_TABLE, read_table
from thetaloom.marketdata.clocks import PacedClock, SystemClock
from thetaloom.store.catalogue import load_catalogue
from thetaloom.store.database import Database, open_database
from thetaloom.store.unit_of_work import SqlStore
from thetaloom.store.vault import put_credential
from thetaloom.testing.broker_servers.alpaca.server import AlpacaServer
from thetaloom.testing.broker_servers.backend import Backend
from thetaloom.testing.broker_servers.practice import FIRST_DAY, Practice
from thetaloom.testing.broker_servers.standing import StandingMarket
from thetaloom.web.app import create_app
from thetaloom.world_parts import vault_of

T = TypeVar("T")
START = datetime.fromisoformat("2026-01-05T15:05:00+00:00")
LIVE_NUMBER, PAPER_NUMBER = AccountId("123456789"), "PA1234567"  # Alpaca's numbers are named for their kind
KEYS = ("XKSIM", "simulated")  # a name that tells no kind: the number alone does
SYMBOL = "QQQ"
BY_HAND, BY_RULE = StrategyId("short-put-vertical"), StrategyId("by-rule")
SWITCHES = {"mode": 'mode = "live"', "allow_live": "allow_live = true"}
ASLEEP = frozenset({RunStatus.PENDING_APPROVAL, RunStatus.MONITORING, RunStatus.ERROR, RunStatus.COMPLETED})
# What is missing, and the reason that a person is told.
GATES: Mapping[str, Reason] = {
    "mode": Reason.LIVE_ACCOUNT_IN_PAPER_MODE,
    "allow_live": Reason.LIVE_NOT_ALLOWED,
    "account": Reason.ACCOUNT_NOT_LIVE,
    "session": Reason.SESSION_NOT_LIVE,
    "data": Reason.SYNTHETIC_DATA,
}
BROWSER = {"accept": "text/html", "origin": ORIGIN, "sec-fetch-site": "same-origin"} | CSRF
SECONDS_MAX = 60  # of a busy machine
LOOK = threading.Event()  # nothing sets it: waiting on it is a pause that can be read


class LiveHome:
    """The home, its broker, and while it runs its server: ``up`` and ``down``."""

    def __init__(self, folder: Path, practice: Practice, server: AlpacaServer) -> None:
        self.home, self._practice, self._server = folder / "home", practice, server
        self.home.mkdir()
        self._events = folder / "events.csv"
        known = (f"{SYMBOL},{kind}_known_until,2026-12-31,\n" for kind in ("earnings", "dividends"))
        self._events.write_text(f"symbol,kind,date,amount\n{''.join(known)}")
        self._running = ExitStack()
        self.platform: Platform
        self.loop: EngineLoop
        self.client: TestClient  # a program's
        self.browser: TestClient  # a person's
        self._write_switches(*SWITCHES)
        set_up(self.settings())
        with self._database() as database:
            for name, secret in server.secrets.items():
                put_credential(database, vault_of(self.settings()), OWNER, "alpaca", name, secret, SystemClock().now())
            with SqlStore(database).unit_of_work() as uow:
                vertical = next(one for one in load_catalogue() if one.id == BY_HAND)
                rule = ApprovalRule(mode=ApprovalMode.AUTOMATIC)
                uow.strategies.save(LOCAL_USER, replace(vertical, id=BY_RULE, approval=rule), START)
                uow.accounts.ensure(LIVE_NUMBER, LOCAL_USER, "alpaca", is_live=True)
                uow.commit()

    def settings(self) -> Settings:
        """Read the settings as a command does now."""
        options = self._server.options
        given = load_settings(home=self.home, broker_options=options, events_file=self._events, request_rate_factor=0)
        return given.model_copy(update={"broker_options": options | {SIMULATOR_URL: self._practice.url}})

    def shut(self, gate: str) -> None:
        """Shut one gate, as it can happen while a server runs."""
        match gate:
            case "mode" | "allow_live":
                self._write_switches(*(SWITCHES.keys() - {gate}))
            case "account":
                self._allow(False)
            case "session":
                self._server.backend.account_number = PAPER_NUMBER
            case "data":
                self._set_synthetic(True)

    def open_all(self) -> None:
        """Open every gate."""
        self._write_switches(*SWITCHES)
        self._allow(True)
        self._server.backend.account_number = str(LIVE_NUMBER)
        self._set_synthetic(False)

    def up(self) -> None:
        """Start a server in this process. Raises ``NotAllowed`` where a gate is shut."""
        database = open_database(self.settings().database)
        try:
            self.platform = build(self.settings(), database, start=None, clock_kind="paced")
        except NotAllowed:
            database.close()
            raise
        self._running.callback(self.platform.close)
        self._running.callback(write_pulse, self.platform, alive=False)
        sign_in(self.platform)
        self.loop = engine_loop(self.platform)
        self.loop.start()
        self._running.callback(self.loop.stop)
        served = create_app(self.platform, self.loop)
        self.client = self._running.enter_context(TestClient(served, base_url=ORIGIN, headers=BEARER))
        self.browser = TestClient(served, base_url=ORIGIN, headers=BROWSER, cookies=COOKIES, follow_redirects=False)

    def down(self) -> None:
        """Stop it, as Ctrl-C does."""
        self._running.close()

    def sent(self) -> list[tuple[str, str]]:
        """Return the requests that ask the broker for an order, or for another price of one."""
        return [one for one in self._server.http.requests if one[0] in {"POST", "PATCH"} and "/orders" in one[1]]

    def do(self, command: Command) -> Any:
        """Have the engine carry out a command."""
        return self.loop.post(command).result(SECONDS_MAX)

    def ask(self, path: str, **body: Any) -> Any:
        """Post to the API, and return what it said."""
        answer = self.client.post(path, json=body)
        assert answer.status_code < 300, f"{path}: {answer.text}"
        return answer.json()

    def jump(self, at: datetime) -> None:
        """Move everybody's clock forward."""
        self._practice.carry_out("/clock", {"at": at.isoformat()})

    def start(self, strategy: StrategyId) -> str:
        """Start a run."""
        asked = {"symbols": [SYMBOL], "strategy_ids": [strategy], "force": True}
        return str(self.ask("/api/workflow/start", **asked)["runs"][0]["id"])

    def propose(self) -> str:
        """Start a run that a person has to approve, and return its id once it asks."""
        run = self.start(BY_HAND)
        self.wait(lambda: self.told(run)["proposal"], lambda: str(self.told(run))[:3000])  # its status comes before it
        return run

    def proposal(self, run: str) -> Any:
        """Return a run's newest proposal."""
        return self.told(run)["proposal"]

    def told(self, run: str) -> Any:
        """Return what a person is told of a run."""
        return self.client.get(f"/api/workflow/status/{run}").json()

    def wait_for(self, run: str, *statuses: RunStatus) -> None:
        """Wait until a run stands so."""
        self.wait(lambda: self.told(run)["run"]["status"] in statuses, lambda: str(self.told(run))[:3000])

    def newest_run(self) -> str:
        """Return the id of the run that was started last."""
        return str(self.client.get("/api/workflow/list").json()["items"][0]["id"])

    def wait_for_another(self, run: str) -> str:
        """Wait for a run that is newer than this one, and return its id."""
        self.wait(lambda: self.newest_run() != run)
        return self.newest_run()

    @staticmethod
    def wait(met: Callable[[], T], story: Callable[[], str] = str) -> T:
        """Return the first answer that holds."""
        ends = time.monotonic() + SECONDS_MAX
        while not (found := met()):
            assert time.monotonic() < ends, f"waited in vain: {story()}"
            LOOK.wait(0.02)
        return found

    def _write_switches(self, *names: str) -> None:
        lines = ['broker = "alpaca"', *(SWITCHES[name] for name in sorted(names))]
        (self.home / "config.toml").write_text("\n".join(lines))

    def _allow(self, is_allowed: bool) -> None:
        with self._database() as database, SqlStore(database).unit_of_work() as uow:
            uow.accounts.allow_live(LIVE_NUMBER, is_allowed=is_allowed)
            uow.commit()

    def _set_synthetic(self, is_so: bool) -> None:
        setattr(self.platform.market, "synthetic", is_so)  # noqa: B010  # read-only for everybody but this hand

    @contextmanager
    def _database(self) -> Iterator[Database]:
        database = open_database(load_settings(home=self.home).database)
        try:
            yield database
        finally:
            database.close()


@contextmanager
def open_live_home(folder: Path) -> Iterator[LiveHome]:
    """Run a broker of real money on loopback, and a home that is allowed to trade there."""
    (folder / "broker").mkdir()
    calendar = read_table(SHIPPED_TABLE)
    clock = PacedClock(START, 1.0)
    market = StandingMarket(seed=29, start_on=FIRST_DAY, calendar=calendar, clock=clock, minutes_per_change=1)
    server = AlpacaServer(Backend(market, clock, calendar, folder / "broker", account=str(LIVE_NUMBER), seed=29))
    server.keys = server.http.keys = server.sockets.keys = KEYS
    practice = Practice("alpaca", server, clock, 0)
    practice.start()
    threading.Thread(target=practice.run, daemon=True).start()
    home = LiveHome(folder, practice, server)
    try:
        yield home
    finally:
        home.down()
        practice.stop()
