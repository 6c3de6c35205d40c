"""The gates of live trading at every door: each alone refuses, the broker hears of nothing, and a person sees why.

Each door is tried with one gate on every run of the suite, the gates taking turns, and with all of them at night.
"""

import hmac
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from itertools import cycle, product
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.scenarios.live_home import BY_RULE, GATES, SYMBOL, LiveHome, open_live_home
from tests.web.conftest import ORIGIN
from thetaloom.cli import access
from thetaloom.cli.app import app
from thetaloom.domain.run.runs import RunStatus
from thetaloom.domain.run.signal_sources import SignalSource, SourceAuth
from thetaloom.engine.commands import ApproveProposal, SaveSignalSource
from thetaloom.errors import NotAllowed

AT_NIGHT = pytest.mark.skipif("TESTS_ALL_BROKERS" not in os.environ, reason="every pair at night: make nightly")
SECRET = "a-secret-of-the-source"
INTERVALS = cycle(("1", "5", "15", "30", "60"))  # else a signal were the one before once more


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """A way to an order: what comes before the gate is shut, and what opens it; it returns the run."""

    name: str
    act: Callable[[LiveHome, str], str]
    before: Callable[[LiveHome], str] = LiveHome.propose


def nothing(home: LiveHome) -> str:
    return ""


def press(home: LiveHome, path: str, **fields: str) -> None:
    """Send a form as a browser does."""
    answer = home.browser.post(path, data=fields)
    assert answer.status_code in {200, 303}, f"{path}: {answer.text}"


def pressed(path: str) -> Callable[[LiveHome, str], str]:
    def act(home: LiveHome, run: str) -> str:
        shown = home.proposal(run)
        press(home, path.format(shown["id"]), content_hash=shown["content_hash"], confirmed="yes")
        return run

    return act


def press_bulk(home: LiveHome, run: str) -> str:
    shown = home.proposal(run)
    press(home, "/approvals/bulk", decision="approve", chosen=f"{shown['id']}:{shown['content_hash']}", confirmed="yes")
    return run


def asked(path: str, **body: Any) -> Callable[[LiveHome, str], str]:
    def act(home: LiveHome, run: str) -> str:
        home.ask(path.format(run=run, proposal=home.proposal(run)["id"]), **body)
        return run

    return act


def ask_bulk(home: LiveHome, run: str) -> str:
    answer = home.ask("/api/workflow/approve/bulk", ids=[home.proposal(run)["id"]], confirmed=True)
    assert answer["decided"] == 1, answer
    return run


def execute_at_natural(home: LiveHome, run: str) -> str:
    home.ask(f"/api/suggestions/{run}/execute", custom_credit=home.proposal(run)["natural_price"])
    return run


def modify_and_approve(home: LiveHome, run: str) -> str:
    home.ask(f"/api/suggestions/{home.proposal(run)['id']}/modify", quantity=2)
    home.ask(f"/api/workflow/approve/{run}")
    return run


def send_on_the_wire(home: LiveHome, run: str) -> str:
    with home.client.websocket_connect(f"{ORIGIN.replace('http', 'ws')}/ws") as socket:
        socket.send_json({"type": "execute_order", "suggestion_id": home.proposal(run)["id"]})
        home.wait_for(run, RunStatus.COMPLETED)
    return run


def signal(home: LiveHome, _: str) -> str:
    user, now, before = home.platform.user_id, home.platform.clock.now(), home.newest_run()
    source = SignalSource(
        name="tv", user_id=user, auth=SourceAuth.HMAC, strategy_id=BY_RULE, cooldown_seconds=0, saved_at=now
    )
    home.do(SaveSignalSource(source=source))
    home.platform.source_secrets.put("tv", SECRET)
    said = {"ticker": SYMBOL, "action": "buy", "interval": next(INTERVALS), "timestamp": now.isoformat()}
    body = json.dumps(said).encode()
    signed = {"x-signature": f"sha256={hmac.new(SECRET.encode(), body, sha256).hexdigest()}"}
    answer = home.client.post("/webhook/tv", content=body, headers=signed)
    assert answer.status_code == 202, answer.text
    return home.wait_for_another(before)


def be_due(home: LiveHome, _: str) -> str:
    before = home.newest_run()
    schedule = home.ask("/api/schedules", strategy_id=BY_RULE, symbols=[SYMBOL], cron="* * * * *")
    home.jump(home.platform.clock.now() + timedelta(minutes=1))
    run = home.wait_for_another(before)
    home.client.delete(f"/api/schedules/{schedule['id']}")
    return run


def set_aside(home: LiveHome) -> str:
    run = home.propose()
    home.ask(f"/api/workflow/pause/{run}")
    home.ask(f"/api/workflow/approve/{run}")
    return run


def type_approve(home: LiveHome, run: str) -> str:
    typed = CliRunner().invoke(app, ["approval", "approve", home.proposal(run)["id"]])
    assert typed.exit_code == 0, typed.output
    return run


def type_start(home: LiveHome, _: str) -> str:
    typed = CliRunner().invoke(app, ["run", "start", SYMBOL, "--strategy", BY_RULE, "--force", "--json"])
    assert typed.exit_code == 0, typed.output
    return home.newest_run()


DOORS = (
    Door(name="start", before=nothing, act=lambda home, _: home.start(BY_RULE)),
    Door(name="approve", act=asked("/api/workflow/approve/{run}")),
    Door(name="approve in bulk", act=ask_bulk),
    Door(name="execute", act=asked("/api/suggestions/{proposal}/execute")),
    Door(name="execute at another price", act=execute_at_natural),
    Door(name="modify and approve", act=modify_and_approve),
    Door(name="execute by an earlier path", act=asked("/trading/api/suggestions/{proposal}/execute/")),
    Door(name="execute on the wire", act=send_on_the_wire),
    Door(name="page of a proposal", act=pressed("/approvals/{}/approval")),
    Door(name="page of approvals", act=press_bulk),
    Door(name="page of trading", act=pressed("/trading/proposals/{}/execution")),
    Door(name="webhook", before=nothing, act=signal),
    Door(name="schedule", before=nothing, act=be_due),
    Door(name="resume", before=set_aside, act=asked("/api/workflow/resume/{run}")),
    Door(name="command approve", act=type_approve),
    Door(name="command start", before=nothing, act=type_start),
)
PAIRS = [
    pytest.param(door, gate, id=f"{door.name}-{gate}", marks=() if number % len(GATES) == turn else AT_NIGHT)
    for (number, door), (turn, gate) in product(enumerate(DOORS), enumerate(GATES))
]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveHome]:
    """A home at an account of real money, and its server."""
    with open_live_home(tmp_path_factory.mktemp("live")) as opened:
        opened.up()
        yield opened


@pytest.fixture
def home(running: LiveHome, monkeypatch: pytest.MonkeyPatch) -> Iterator[LiveHome]:
    """The same, all gates open, for commands as well."""
    monkeypatch.setattr(access, "load_settings", running.settings)
    yield running
    running.open_all()


@pytest.mark.parametrize(("door", "gate"), PAIRS)
def test_no_door_leads_past_a_gate(home: LiveHome, door: Door, gate: str) -> None:
    given, before = door.before(home), home.sent()
    home.shut(gate)

    run = door.act(home, given)
    home.wait_for(run, RunStatus.COMPLETED)

    told = home.told(run)
    assert home.sent() == before
    assert (told["run"]["outcome"], told["run"]["reason"]) == ("denied", GATES[gate].value)
    assert told["why"]["text"] == GATES[gate].text
    assert any(GATES[gate].value in one["reason"] for one in (*told["steps"], *told["orders"]))


@pytest.mark.parametrize("gate", ["allow_live", *(pytest.param(one, marks=AT_NIGHT) for one in ("mode", "account"))])
def test_what_was_approved_before_a_restart_waits_for_the_gates(home: LiveHome, gate: str) -> None:
    run = home.propose()
    before, proposal = home.sent(), home.proposal(run)["id"]
    home.loop.stop()
    approval = ApproveProposal(user_id=home.platform.user_id, proposal_id=proposal)
    home.platform.engine.handle(approval)  # written down, and nothing is done about it any more
    home.down()
    home.shut(gate)

    with pytest.raises(NotAllowed) as refused:
        home.up()
    typed = CliRunner().invoke(app, ["run", "show", run])
    sent_meanwhile = home.sent()
    home.open_all()
    home.up()
    home.wait(lambda: len(home.sent()) > len(before))

    assert (refused.value.code, typed.exit_code) == (GATES[gate].value, 0)
    assert sent_meanwhile == before
    home.client.post(f"/api/workflow/cancel/{run}")
    home.wait_for(run, RunStatus.COMPLETED, RunStatus.MONITORING)


@pytest.mark.parametrize(
    "gate", ["account", *(pytest.param(one, marks=AT_NIGHT) for one in ("mode", "allow_live", "session"))]
)
def test_a_command_without_a_server_sends_nothing_past_a_gate(home: LiveHome, gate: str) -> None:
    run = home.propose()
    before, proposal = home.sent(), home.proposal(run)["id"]
    home.down()
    home.shut(gate)

    typed = CliRunner().invoke(app, ["approval", "approve", proposal])

    sent_meanwhile = home.sent()
    home.open_all()
    home.up()
    assert sent_meanwhile == before
    told = home.told(run)["run"]
    if gate in {"mode", "session"}:  # nobody signs in to another kind of account
        assert typed.exit_code != 0 and told["status"] == RunStatus.PENDING_APPROVAL.value
        home.client.post(f"/api/workflow/cancel/{run}")
    else:
        assert (told["outcome"], told["reason"]) == ("denied", GATES[gate].value)


def enter(home: LiveHome) -> str:
    """Open a position, and return its id."""
    run = execute_at_natural(home, home.propose())
    home.wait_for(run, RunStatus.MONITORING)
    return str(home.told(run)["position"]["id"])


def test_a_leave_that_was_withdrawn_lets_exits_through_and_another_mode_makes_them_wait(home: LiveHome) -> None:
    position = enter(home)
    held = home.client.get(f"/api/positions/{position}").json()
    before = home.sent()
    home.shut("mode")

    home.ask(f"/api/positions/{position}/close")
    waiting = home.wait(lambda: [one for one in home.told(held["run_id"])["orders"] if one["reason"]])
    sent_meanwhile = home.sent()
    home.open_all()
    for gate in ("allow_live", "account"):
        home.shut(gate)
    home.jump(home.platform.clock.now() + timedelta(minutes=2))
    home.wait(lambda: len(home.sent()) > len(before))

    assert [(one["status"], one["reason"]) for one in waiting] == [("STAGED", GATES["mode"].value)]
    assert sent_meanwhile == before
