"""Charts through the doors: of a run from its own evidence, of a symbol as of now, as JSON, PNG and page."""

import shutil
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from tests.web.conftest import BEARER, ORIGIN, sign_in
from thetaloom import bootstrap
from thetaloom.bootstrap import Platform
from thetaloom.charts.candles import draw_candles
from thetaloom.config import MarketSource, load_settings
from thetaloom.domain.market.chart_series import ChartSeries, ChartTheme
from thetaloom.domain.run.runs import StepName, WorkflowRun
from thetaloom.domain.strategy.strategies import AnalysisRule
from thetaloom.domain.values.canonical import canonical_json, digest_of, from_plain
from thetaloom.domain.values.ids import RunId
from thetaloom.engine.commands import StartRun
from thetaloom.store.database import open_database
from thetaloom.store.queries.lineage import evidence_content, step_record
from thetaloom.store.upgrading import upgrade
from thetaloom.testing.desk import put_credit_spread
from thetaloom.web.app import create_app

PNG_START = b"\x89PNG\r\n\x1a\n"
LINES = ("sma_20", "sma_50", "sma_200", "band_lower", "band_upper", "supertrend", "macd", "macd_signal")


def open_synthetic(home: Path) -> Platform:
    """Put a platform together whose market has years of history."""
    settings = load_settings(home=home, market=MarketSource.SYNTHETIC)
    bootstrap.prepare_home(settings)
    database = open_database(settings.database)
    upgrade(database)
    made = bootstrap.build(settings, database, start=None, clock_kind="virtual")
    sign_in(made)
    return made


@pytest.fixture(scope="module")
def synthetic_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose only run has drawn its charts."""
    home = tmp_path_factory.mktemp("charts")
    platform = open_synthetic(home)
    rule = AnalysisRule(r_multiple_min=Decimal(99))  # it ends once the charts are read: no more is needed here
    strategy = put_credit_spread(analysis=rule)
    with platform.store.unit_of_work() as uow:
        uow.strategies.save(platform.user_id, strategy, platform.clock.now())
        uow.commit()
    platform.engine.start()
    started = StartRun(user_id=platform.user_id, symbol="SPY", strategy_id=strategy.id, forced=True)
    platform.engine.handle(started)
    platform.engine.settle()
    platform.close()
    return home


@pytest.fixture
def charted(synthetic_home: Path, tmp_path: Path) -> Iterator[Platform]:
    """That home, opened for one test."""
    made = open_synthetic(shutil.copytree(synthetic_home, tmp_path / "home"))
    yield made
    made.close()


@pytest.fixture
def asker(charted: Platform) -> Iterator[TestClient]:
    """A program that asks it."""
    with TestClient(create_app(charted), base_url=ORIGIN, headers=BEARER) as made:
        yield made


@pytest.fixture
def run_id(asker: TestClient) -> RunId:
    """The id of its run."""
    return RunId(asker.get("/api/workflow/list").json()["items"][0]["id"])


def test_the_charts_of_a_run_are_the_numbers_of_its_evidence_to_the_byte(
    charted: Platform, asker: TestClient, run_id: RunId
) -> None:
    told = asker.get(f"/api/charts/run/{run_id}").json()

    output = step_record(charted.database, charted.user_id, run_id, StepName.DRAW_CHART).output
    assert output is not None
    said = output.content
    assert [chart["timeframe"] for chart in told["charts"]] == ["1d", "1w"]
    for chart, side in zip(told["charts"], ("daily", "weekly"), strict=True):
        assert canonical_json(chart["series"]) == canonical_json(said[side])
        assert chart["numbers"] == digest_of(canonical_json(said[side]))
    assert told["symbol"] == "SPY"
    assert told["run_id"] == run_id


def test_the_levels_are_those_of_the_opinions(charted: Platform, asker: TestClient, run_id: RunId) -> None:
    told = asker.get(f"/api/charts/run/{run_id}").json()["levels"]

    with charted.store.reading() as seen:
        opinions = seen.opinions.of_run(run_id)
    assert [one["analyst"] for one in told] == [one.analyst for one in opinions] == ["rules"]
    for one, opinion in zip(told, opinions, strict=True):
        assert one["stop"] == (None if opinion.stop is None else str(opinion.stop))
        assert one["targets"] == [str(target) for target in opinion.targets]


def test_the_kept_picture_is_given_and_the_other_is_drawn_from_the_same_numbers(
    charted: Platform, asker: TestClient, run_id: RunId
) -> None:
    told = asker.get(f"/api/charts/run/{run_id}").json()["charts"]
    output = step_record(charted.database, charted.user_id, run_id, StepName.DRAW_CHART).output
    assert output is not None
    kept = {chart["timeframe"]: chart["picture"]["$picture"] for chart in output.content["charts"]}

    for chart in told:
        light, dark = (asker.get(chart["pictures"][theme]) for theme in ("light", "dark"))
        digest = kept[chart["timeframe"]]
        assert light.content == evidence_content(charted.database, charted.user_id, run_id, digest)[1]
        assert light.headers["etag"] == f'"{digest}"'
        series = from_plain(chart["series"], ChartSeries)
        assert dark.content == draw_candles(series, dark=True)
        assert dark.headers["content-type"] == "image/png"
        assert b"Numbers\x00" + chart["numbers"].encode() in dark.content


def test_the_charts_of_a_symbol_are_as_of_now_and_drawn_alike(asker: TestClient) -> None:
    told = asker.get("/api/charts/symbol/spy").json()
    daily = told["charts"][0]

    assert (told["symbol"], told["run_id"], told["levels"]) == ("SPY", None, [])
    assert len(daily["series"]["candles"]["days"]) == 252
    assert all(len(daily["series"][line]) == 252 for line in LINES)
    for theme in ChartTheme:
        picture = asker.get(daily["pictures"][theme])
        assert picture.content == draw_candles(from_plain(daily["series"], ChartSeries), dark=theme is ChartTheme.DARK)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/charts/run/run-nothing", 404),
        ("/api/charts/run/run-nothing/1d.png", 404),
        ("/api/charts/symbol/NOSUCH", 404),
        ("/api/charts/symbol/NOSUCH/1d.png", 404),
        ("/api/charts/symbol/%20", 422),
        ("/api/charts/symbol/%3Cscript%3E", 422),
        ("/api/charts/symbol/SPY/2d.png", 422),
        ("/api/charts/symbol/SPY/1d.png?theme=pink", 422),
    ],
)
def test_what_is_not_there_is_said_in_the_one_shape_of_errors(asker: TestClient, path: str, status: int) -> None:
    answer = asker.get(path)

    assert answer.status_code == status
    assert set(answer.json()) == {"code", "message", "advice", "details"}


def test_a_run_without_charts_says_why(charted: Platform, asker: TestClient) -> None:
    started = StartRun(user_id=charted.user_id, symbol="QQQ", strategy_id=put_credit_spread().id, forced=True)
    run = charted.engine.handle(started)  # it has come no farther than that
    assert isinstance(run, WorkflowRun)

    answers = [asker.get(f"/api/charts/run/{run.id}"), asker.get(f"/api/charts/run/{run.id}/1w.png")]

    assert [answer.status_code for answer in answers] == [404, 404]
    assert "asks for none" in answers[0].json()["advice"]
    assert "data-chart" not in asker.get(f"/runs/{run.id}", headers={"accept": "text/html"}).text


def test_the_pages_choose_by_their_address_and_show_a_picture_without_javascript(
    asker: TestClient, run_id: RunId
) -> None:
    for path in (f"/runs/{run_id}", "/charts/SPY"):
        usual = asker.get(path).text
        other = asker.get(f"{path}?frame=weekly&ground=light").text
        wrong = asker.get(f"{path}?frame=%3Cb%3E&ground=pink").text

        assert "The daily chart" in usual
        assert "/1d.png?theme=dark" in usual
        assert "<noscript><img" in usual
        assert '//www.tradingview.com/" rel' in usual
        assert "The weekly chart" in other
        assert "/1w.png?theme=light" in other
        assert "chart-light" in other
        assert "The daily chart" in wrong
        assert " style=" not in usual


def test_the_symbol_asked_for_is_gone_to(asker: TestClient) -> None:
    answer = asker.get("/charts?symbol=spy", follow_redirects=False)

    assert answer.status_code == 303
    assert answer.headers["location"] == "/charts/SPY"
    assert asker.get("/charts").status_code == 200
    assert asker.get("/charts/NOSUCH", headers={"accept": "text/html"}).status_code == 404


def test_the_steps_that_draw_and_read_charts_have_views_of_their_own(
    charted: Platform, asker: TestClient, run_id: RunId
) -> None:
    headers = {"accept": "text/html"}
    drawn, read = (
        step_record(charted.database, charted.user_id, run_id, step) for step in (StepName.DRAW_CHART, StepName.ANALYZE)
    )
    charts = asker.get(f"/runs/{run_id}/steps/{drawn.record.seq}", headers=headers).text
    analysis = asker.get(f"/runs/{run_id}/steps/{read.record.seq}", headers=headers).text

    assert "step-charts" in charts and "daily, full size" in charts and "weekly, full size" in charts
    assert f'href="/runs/{run_id}/steps/{drawn.record.seq}?frame=weekly&amp;ground=dark#chart"' in charts
    assert drawn.output is not None and read.output is not None
    newest = drawn.output.content["daily"]["candles"]["closes"][-1]
    assert f"${newest:,.2f}" in charts
    assert "step-llm" in analysis
    opinion = read.output.content["reading"]["opinion"]
    word = "no opinion" if opinion is None else opinion["direction"]
    assert f">{word}</span>" in analysis
