"""From each trigger to a closed paper position: all thirteen steps, with charts, technical rules and a model asked."""

import hmac
import json
import struct
from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from thetaloom import bootstrap
from thetaloom.bootstrap import Platform
from thetaloom.config import MarketSource, load_settings
from thetaloom.domain.run.runs import Outcome, StepName, StepStatus, WorkflowRun
from thetaloom.domain.run.signal_sources import SignalSource, SourceAuth
from thetaloom.domain.strategy.documents import parse_strategy
from thetaloom.domain.values.ids import RunId, StrategyId
from thetaloom.domain.values.people import Scope
from thetaloom.engine.commands import SaveSignalSource, SaveStrategy
from thetaloom.engine.engine import DECIDERS
from thetaloom.engine.lineage import PICTURE_MARK, replay_run, verify_run
from thetaloom.engine.play import play
from thetaloom.marketdata.clocks import VirtualClock
from thetaloom.store.database import open_database
from thetaloom.store.people import make_token
from thetaloom.store.queries.lineage import step_record
from thetaloom.store.queries.runs import RunDetail, run_detail
from thetaloom.store.upgrading import upgrade
from thetaloom.testing.llm_server import GOOD, LlmServer, answering, llm_server
from thetaloom.web.app import create_app

SHARED = Path(__file__).parents[2] / "../shared/data"
RECORDING = SHARED / "cboe_snapshots_2026" / "AAPL.parquet"
HISTORY = SHARED / "underlying" / "AAPL_daily_2024_2026.parquet"
ORIGIN = "http://127.0.0.1:8787"
SECRET = "a-secret-of-this-test"
STRATEGY = "every-trigger"
DOCUMENT = {
    "id": STRATEGY,
    "name": "Every trigger",
    "symbols": ["AAPL", "SPY"],
    "biases": ["bullish", "neutral"],
    "expiration": {"dte_min": 25, "dte_max": 50, "dte_target": 35, "prefer": "nearest"},
    "legs": [
        {
            "name": "short_put",
            "side": "sell",
            "right": "put",
            "select": {"by": "delta", "value": -0.25, "unit": "delta", "miss_max": 0.10},
        },
        {
            "name": "long_put",
            "side": "buy",
            "right": "put",
            "select": {"by": "width", "of": "short_put", "value": 5, "unit": "dollars"},
        },
    ],
    # Of what is known on a first morning: a rank of volatilities needs more sessions than were recorded before it.
    "score": {
        "base": 50,
        "minimum": 35,
        "cap": 100,
        "priority": 1,
        "terms": [{"metric": "adx_14", "bands": [{"below": 100, "points": 10}, {"points": 0}]}],
    },
    "analysis": {"analyst": "llm", "weight": 0.5, "return_percent_min": 3},
    "order": {"concession": 0.05, "reach": 1, "steps_max": 4, "interval_seconds": 60, "slippage_max": 0.40},
    "size": {"by": "fixed", "quantity": 1},
    "exits": [{"kind": "minutes_to_close", "threshold": 95, "unit": "minutes", "priority": 1}],
    "approval": {"mode": "automatic"},
}
STEPS = list(StepName)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A market to live through, and what a model says of it."""

    market: MarketSource
    symbol: str
    start: datetime | None
    levels: dict[str, Any]
    settings: dict[str, Any]


PLACES = {
    "recorded": Place(
        market=MarketSource.RECORDED,
        symbol="AAPL",
        start=datetime(2026, 7, 17, 14, 32, 30, tzinfo=UTC),  # a real morning; the next quotes are of the afternoon
        levels={"entry": 333, "stop": 320, "targets": [358]},
        settings={"market_files": (RECORDING,), "history_files": (HISTORY,)},
    ),
    "synthetic": Place(
        market=MarketSource.SYNTHETIC,
        symbol="SPY",
        start=datetime(2026, 1, 5, 15, 30, tzinfo=UTC),
        levels={"entry": 558, "stop": 545, "targets": [577]},
        settings={"seed": 4},  # of a world whose charts say the same as the model
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """A platform in one of the places, its doors, and the model's server."""

    place: Place
    platform: Platform
    client: TestClient
    server: LlmServer

    def post(self, path: str, asked: dict[str, Any]) -> dict[str, Any]:
        """Ask for something over REST."""
        answer = self.client.post(path, json=asked)
        assert answer.status_code < 300, answer.text
        return dict(answer.json())

    def play(self) -> RunDetail:
        """Let the market pass until the one run is over."""
        platform = self.platform
        assert isinstance(platform.clock, VirtualClock)
        play(
            platform.engine,
            platform.clock,
            platform.replayed,
            until=lambda: any(one["outcome"] for one in self.runs()),
            stop_at=platform.clock.now() + timedelta(hours=6),
        )
        (run,) = self.runs()
        return run_detail(platform.database, platform.user_id, RunId(run["id"]))

    def runs(self) -> list[dict[str, Any]]:
        """All runs, as REST lists them."""
        return list(self.client.get("/api/workflow/list").json()["items"])

    def said(self, run: WorkflowRun, step: StepName) -> Any:
        """What a step decided."""
        found = step_record(self.platform.database, self.platform.user_id, run.id, step=step)
        return None if found.output is None else found.output.content


@pytest.fixture(params=PLACES)
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    """A home in one of the places, with the strategy and a source of signals."""
    place = PLACES[request.param]
    if place.market is MarketSource.RECORDED and not (RECORDING.exists() and HISTORY.exists()):
        pytest.skip(f"no recorded data: {RECORDING.name} or {HISTORY.name} is absent")
    with llm_server(answering({**GOOD, **place.levels})) as server:
        settings = load_settings(
            home=tmp_path / "home",
            market=place.market,
            llm_model="m",
            llm_base_url=server.url,
            paper_fill_at=Decimal(0),
            **place.settings,
        )
        bootstrap.prepare_home(settings)
        database = open_database(settings.database)
        upgrade(database, installation_id="every-trigger")
        platform = bootstrap.build(settings, database, start=place.start, clock_kind="virtual")
        platform.engine.start()
        platform.engine.handle(SaveStrategy(user_id=platform.user_id, strategy=parse_strategy(DOCUMENT)))
        made = make_token(database, platform.user_id, "tests", Scope, None, platform.wall.now())
        headers = {"authorization": f"Bearer {made.token}"}
        with TestClient(create_app(platform), base_url=ORIGIN, headers=headers) as client:
            yield World(place=place, platform=platform, client=client, server=server)
        platform.close()


def by_hand(world: World) -> dict[str, Any]:
    """Start by REST, as the page and the command do."""
    world.post("/api/workflow/start", {"symbols": [world.place.symbol], "strategy_ids": [STRATEGY]})
    return {"trigger": "manual", "signal_id": None, "schedule_id": None, "scan_id": None}


def by_webhook(world: World) -> dict[str, Any]:
    """Start by a signed message."""
    platform = world.platform
    source = SignalSource(
        name="desk",
        user_id=platform.user_id,
        auth=SourceAuth.HMAC,
        strategy_id=StrategyId(STRATEGY),
        saved_at=platform.clock.now(),
    )
    platform.engine.handle(SaveSignalSource(source=source))
    platform.source_secrets.put("desk", SECRET)
    body = json.dumps({"symbol": world.place.symbol, "action": "buy", "interval": "5m", "id": "1"}).encode()
    signature = f"sha256={hmac.new(SECRET.encode(), body, sha256).hexdigest()}"
    answer = world.client.post("/webhook/desk", content=body, headers={"X-Signature": signature})
    assert answer.status_code == 202, answer.text
    return {"trigger": "signal", "signal_id": answer.json()["signal_id"], "schedule_id": None, "scan_id": None}


def by_cron(world: World) -> dict[str, Any]:
    """Start at the next due time of a schedule."""
    asked = {"strategy_id": STRATEGY, "symbols": [world.place.symbol], "cron": "33 10 * * 1-5"}
    schedule = world.post("/api/schedules", asked)
    due = schedule["next_due_at"]
    return {"trigger": "schedule", "schedule_id": schedule["id"], "schedule_due_at": due, "scan_id": None}


def by_scan(world: World) -> dict[str, Any]:
    """Start what a scan finds best."""
    asked = {"symbols": [world.place.symbol], "strategy_ids": [STRATEGY], "best": 1}
    return {"trigger": "scan", "scan_id": world.post("/api/scans", asked)["id"], "schedule_id": None, "signal_id": None}


@pytest.mark.parametrize("begin", [by_hand, by_webhook, by_cron, by_scan])
def test_a_run_of_each_trigger_ends_as_a_closed_position(
    world: World, begin: Callable[[World], dict[str, Any]]
) -> None:
    origin = begin(world)

    detail = world.play()

    run = detail.run
    assert run.outcome is Outcome.CLOSED, (run.outcome, run.reason, world.said(run, detail.timeline[-1].step))
    assert detail.position is not None and not detail.position.is_open and len(detail.fills) == 2
    (listed,) = world.runs()
    assert {name: listed[name] for name in origin} == origin
    page = world.client.get(f"/runs/{run.id}", headers={"accept": "text/html"}).text
    assert all(str(name) in page for name in origin.values() if name is not None and "T" not in str(name))
    done = [record.step for record in detail.timeline if record.status is StepStatus.DONE]
    assert [step for step in STEPS if step in done] == STEPS

    pictures = [chart["picture"] for chart in world.said(run, StepName.DRAW_CHART)["charts"]]
    assert len(pictures) == 2
    report = world.client.get(f"/api/lineage/execution/{run.id}/report").text
    with world.platform.store.reading() as uow:
        for picture in pictures:
            drawn = uow.lineage.get_evidence(picture[PICTURE_MARK])
            assert struct.unpack(">II", drawn[16:24]) == (1920, 1080)
            assert b64encode(drawn).decode() in report
        heard = uow.opinions.of_run(run.id)
        assert verify_run(uow, run) == []
        assert replay_run(uow, run.id, DECIDERS, world.platform.desk.codec).identical
    parts = ("Fixed rules", "Language model", "What the model was asked", "Why these contracts", "Fills", "record 13")
    assert [part for part in parts if part not in report] == []
    assert f"All {len(detail.timeline)} records were whole" in report
    assert {one.analyst: one.share for one in heard} == {"rules": Decimal("0.5"), "llm": Decimal("0.5")}
    assert {one.direction.value for one in heard if one.direction is not None} == {"bullish"}
    assert [len(one.pictures) for one in world.server.exchanges] == [2]
