"""A language model as a witness: every failure is no opinion, and what is an opinion is one in every field."""

import io
import json
import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
import structlog
from sqlalchemy import select

from tests.analysts.conftest import KEY, NOW, PICTURE, PRICES, Serve, asked
from thetaloom.analysts.llm import INSTRUCTIONS, LlmAnalyst
from thetaloom.domain.market.chart_series import Picture
from thetaloom.domain.market.opinions import NoOpinion, Opinion
from thetaloom.domain.market.words import MarketBias
from thetaloom.domain.run.model_calls import DailyBudget, TokenPrices, tokens_at_most
from thetaloom.domain.values.money import Money, Price
from thetaloom.store.database import Database
from thetaloom.store.model_calls import SqlModelCalls
from thetaloom.store.prompt_tables import model_calls
from thetaloom.testing.llm_server import GOOD, Script, answering, calling_a_tool, failing, guarded, saying

MakeAnalyst = Callable[..., LlmAnalyst]
DAY = NOW.date().isoformat()


def failure_of(answer: Opinion | NoOpinion) -> str:
    assert isinstance(answer, NoOpinion), answer
    return answer.reason.partition(":")[0]


def test_an_answer_becomes_an_opinion_with_its_model_and_cost(serve: Serve, analyst: MakeAnalyst) -> None:
    found = analyst(serve()).opine(asked())

    assert found == Opinion(
        analyst="llm",
        direction=MarketBias.BULLISH,
        confidence=Decimal("0.72"),
        entry=Price("100.00"),
        stop=Price("96.00"),
        targets=(Price("108.00"), Price("112.00")),
        reasons=tuple(GOOD["reasons"]),
        model="test",
        cost=Money("0.0036"),  # 1,200 tokens at 2 dollars and 150 at 8 dollars a million
        made_at=NOW,
    )


def test_the_model_is_shown_the_prompt_the_charts_and_the_form(serve: Serve, analyst: MakeAnalyst) -> None:
    server = serve()

    analyst(server).opine(asked())

    (exchange,) = server.exchanges
    assert "# XYZ, daily" in exchange.words
    assert len(exchange.pictures) == 1 and exchange.pictures[0].startswith("data:image/png;base64,")
    assert exchange.authorization == f"Bearer {KEY}"
    assert exchange.body["response_format"]["type"] == "json_schema"
    assert exchange.body["temperature"] == 0.1


def test_a_server_without_schemas_is_told_the_form_in_words(serve: Serve, analyst: MakeAnalyst) -> None:
    server = serve(saying("```json\n" + json.dumps(GOOD) + "\n```"))

    found = analyst(server, endpoint={"is_constrained": False}).opine(asked())

    assert isinstance(found, Opinion)
    assert "response_format" not in server.exchanges[0].body


WRONG: tuple[tuple[str, Script], ...] = (
    ("malformed", saying("Do not buy.")),
    ("malformed", saying('{"direction": "bullish"')),
    ("malformed", saying(json.dumps(GOOD).replace("100", "NaN"))),
    ("malformed", saying(json.dumps(GOOD)[:-1] + ', "direction": "bearish"}')),
    ("malformed", saying(json.dumps(GOOD) + json.dumps(GOOD))),
    ("malformed", saying("")),
    ("malformed", saying("[" * 10_000)),
    ("wrong_schema", saying("[]")),
    ("wrong_schema", answering(GOOD, direction="BUY")),
    ("wrong_schema", answering(GOOD, confidence="72")),
    ("wrong_schema", answering(GOOD, confidence=72.5)),
    ("wrong_schema", answering(GOOD, confidence=172)),
    ("wrong_schema", answering(GOOD, confidence=True)),
    ("wrong_schema", answering(GOOD, reasons=[])),
    ("malformed", saying(json.dumps(GOOD).replace("96", "Infinity"))),
    ("malformed", calling_a_tool("submit_order", {"quantity": 1000})),
    ("malformed", calling_a_tool("opinion", GOOD)),
    ("wrong_schema", answering(GOOD, entry=-100)),
    ("wrong_schema", answering(GOOD, entry=0)),
    ("wrong_schema", answering(GOOD, stop=0)),
    ("wrong_schema", answering(GOOD, entry=True)),
    ("wrong_schema", answering(GOOD, stop="96")),
    ("wrong_schema", answering(GOOD, stop="NaN")),
    ("wrong_schema", saying(json.dumps(GOOD).replace("96", "1e400"))),
    ("wrong_schema", answering(GOOD, targets=[0])),
    ("wrong_schema", answering(GOOD, quantity=1000)),
    ("wrong_schema", answering(GOOD, legs=["+1 XYZ 2026-02-20 C 100"])),
    ("contradictory", answering(GOOD, confidence_label="HIGH")),
    ("contradictory", answering(GOOD, confidence=80)),
    ("contradictory", answering(GOOD, confidence=49)),
    ("contradictory", answering(GOOD, direction="bearish")),
    ("contradictory", answering(GOOD, stop=101)),
    ("contradictory", answering(GOOD, stop=100)),
    ("contradictory", answering(GOOD, targets=[99])),
    ("contradictory", answering(GOOD, targets=[112, 108])),
    ("levels_missing", answering(GOOD, stop=None)),
    ("levels_missing", answering(GOOD, entry=None)),
    ("levels_missing", answering(GOOD, targets=[])),
    ("levels_implausible", answering(GOOD, entry=250, stop=245, targets=[265])),
    ("levels_implausible", answering(GOOD, entry=10_000, stop=9_600, targets=[10_800])),  # 100 times the price
    ("levels_implausible", saying(json.dumps(GOOD).replace("96", "1e-400"))),
    ("levels_implausible", answering(GOOD, stop=40)),
    ("levels_implausible", answering(GOOD, targets=[108, 151])),
    ("reward_too_small", answering(GOOD, stop=91.9)),
    ("refused_by_model", saying(None, refusal="I cannot help with that.")),
    ("refused_by_model", saying("", finish_reason="content_filter")),
    ("cut_off", saying('{"direction": "bul', finish_reason="length")),
    ("too_long", answering(GOOD, reasons=["x" * 25_000])),
    ("too_long", lambda exchange: exchange.stream(b" " * 65_536, 64)),
    ("malformed", failing(200, b"<html>")),
    ("malformed", failing(200, b'{"choices": []}')),
    ("malformed", failing(200, b"")),
    ("malformed", failing(200, b"null")),
    ("refused_by_server", failing(401)),
    ("refused_by_server", failing(404)),
    ("refused_by_server", failing(302, b"", location="http://127.0.0.1:9/elsewhere")),
)


@pytest.mark.parametrize(("failure", "script"), WRONG, ids=[f"{name}{at}" for at, (name, _) in enumerate(WRONG)])
def test_whatever_is_wrong_with_an_answer_is_no_opinion(
    serve: Serve, analyst: MakeAnalyst, pauses: list[float], failure: str, script: Script
) -> None:
    server = serve(script)

    found = analyst(server).opine(asked())

    assert failure_of(found) == failure
    assert len(server.exchanges) == 1 and pauses == []


TRANSIENT: tuple[tuple[str, Script], ...] = (
    ("rate_limited", failing(429)),
    ("server_error", failing(500)),
    ("server_error", failing(503, b"busy")),
    ("connection_cut", lambda exchange: exchange.cut()),
    ("connection_cut", lambda exchange: exchange.cut(json.dumps(GOOD).encode())),
)


@pytest.mark.parametrize(("failure", "script"), TRANSIENT)
def test_what_may_pass_is_tried_again_and_then_given_up(
    serve: Serve, analyst: MakeAnalyst, pauses: list[float], failure: str, script: Script
) -> None:
    healed, broken = serve(script, answering(GOOD)), serve(script)

    assert isinstance(analyst(healed).opine(asked()), Opinion)
    assert failure_of(analyst(broken).opine(asked(prompt="another"))) == failure
    assert len(healed.exchanges) == 2 and len(broken.exchanges) == 3
    assert pauses == [2.0, 2.0, 4.0]


@pytest.mark.parametrize("manner", ["hang", "drip"])
def test_a_server_that_never_ends_is_left_after_the_time(serve: Serve, analyst: MakeAnalyst, manner: str) -> None:
    server = serve(lambda exchange: getattr(exchange, manner)())

    found = analyst(server, endpoint={"timeout_seconds": 0.4}, attempts_max=1).opine(asked())

    assert failure_of(found) == "timed_out"


def test_nobody_there_is_no_opinion(analyst: MakeAnalyst) -> None:
    assert failure_of(analyst("http://127.0.0.1:9/v1").opine(asked())) == "unreachable"


def test_without_a_prompt_or_a_known_provider_nothing_is_asked(serve: Serve, analyst: MakeAnalyst) -> None:
    server = serve()

    assert failure_of(analyst(server).opine(asked(prompt=" "))) == "no_prompt"
    unknown = analyst("", endpoint={"model": "nobody:nothing"}).opine(asked())
    missing = analyst("", endpoint={"model": "anthropic:claude-sonnet-4-5"}).opine(asked())
    assert failure_of(unknown) == failure_of(missing) == "not_set_up"
    assert server.exchanges == []


def test_a_wrong_key_and_an_unknown_model_are_refused_by_the_server(serve: Serve, analyst: MakeAnalyst) -> None:
    server = serve(guarded(KEY, "test"))

    right = analyst(server).opine(asked())
    wrong_key = analyst(server, endpoint={"key": "another"}).opine(asked(prompt="1"))
    wrong_model = analyst(server, endpoint={"model": "unheard-of"}).opine(asked(prompt="2"))

    assert isinstance(right, Opinion) and isinstance(wrong_key, NoOpinion) and isinstance(wrong_model, NoOpinion)
    assert (wrong_key.reason, wrong_model.reason) == ("refused_by_server: HTTP 401", "refused_by_server: HTTP 404")
    assert wrong_model.model == "unheard-of" and wrong_key.cost == Money(0)


PAID: tuple[tuple[Script, int], ...] = (
    (saying(None, refusal="I cannot help with that."), 1350),
    (saying('{"direction": "bul', finish_reason="length"), 1350),
    (calling_a_tool("submit_order", {}), 1350),
    (saying("Do not buy."), 1350),
    (failing(401), 0),
    (failing(500), 0),
)


@pytest.mark.parametrize(("script", "tokens"), PAID)
def test_an_answer_without_an_opinion_counts_what_it_used(
    serve: Serve, analyst: MakeAnalyst, calls: SqlModelCalls, script: Script, tokens: int
) -> None:
    found = analyst(serve(script), attempts_max=1).opine(asked())

    assert isinstance(found, NoOpinion)
    assert calls.spent(DAY).tokens == tokens
    assert found.cost == PRICES.cost(1200, 150) if tokens else found.cost == Money(0)


def test_a_connection_that_is_cut_may_have_been_billed_and_one_never_made_was_not(
    serve: Serve, analyst: MakeAnalyst, calls: SqlModelCalls
) -> None:
    analyst("http://127.0.0.1:9/v1", attempts_max=1).opine(asked())
    unsent = calls.spent(DAY).tokens
    analyst(serve(lambda exchange: exchange.cut()), attempts_max=1).opine(asked())

    assert (unsent, calls.spent(DAY).tokens) == (0, tokens_at_most(INSTRUCTIONS + asked().prompt, 1) + 4096)


def test_an_equal_question_is_answered_once_and_costs_nothing_again(serve: Serve, analyst: MakeAnalyst) -> None:
    server = serve()
    reader = analyst(server)

    first, again = reader.opine(asked()), reader.opine(asked())
    after_a_restart = analyst(server).opine(asked(now=NOW + timedelta(hours=1)))
    asked_for = len(server.exchanges)
    reader.opine(asked(prompt="another"))
    reader.opine(asked(charts=()))
    redrawn = replace(asked().charts[0], picture=Picture(PICTURE + b"1"))
    reader.opine(asked(charts=(redrawn,)))
    analyst(server, endpoint={"model": "other"}).opine(asked())
    analyst(server, endpoint={"temperature": 0.9}).opine(asked())

    assert isinstance(first, Opinion) and isinstance(again, Opinion) and isinstance(after_a_restart, Opinion)
    assert again.cost == after_a_restart.cost == Money(0) and again.targets == first.targets
    assert (asked_for, len(server.exchanges)) == (1, 6)


def test_what_could_not_be_read_is_asked_again(serve: Serve, analyst: MakeAnalyst) -> None:
    server = serve(saying("Do not buy."), answering(GOOD))
    reader = analyst(server)

    assert failure_of(reader.opine(asked())) == "malformed"
    assert isinstance(reader.opine(asked()), Opinion)


def test_a_neutral_answer_needs_no_levels_and_keeps_none(serve: Serve, analyst: MakeAnalyst) -> None:
    server = serve(answering(GOOD, direction="neutral", confidence=20, confidence_label="LOW"))

    found = analyst(server).opine(asked(spot=None))

    assert isinstance(found, Opinion)
    assert found.direction is MarketBias.NEUTRAL
    assert (found.entry, found.stop, found.targets) == (None, None, ())


def test_levels_without_a_price_to_hold_them_against_are_no_opinion(serve: Serve, analyst: MakeAnalyst) -> None:
    assert failure_of(analyst(serve()).opine(asked(spot=None))) == "no_price"


def test_the_days_budget_ends_the_asking_and_the_next_day_begins_anew(
    serve: Serve, analyst: MakeAnalyst, calls: SqlModelCalls
) -> None:
    server = serve()
    most = tokens_at_most(INSTRUCTIONS + "question 0", 1) + 4096  # one question and the longest answer
    tight = DailyBudget(tokens_max=most + 2 * 1350, cost_usd_max=Decimal(10))
    reader = analyst(server, budget=tight)

    answers = [reader.opine(asked(prompt=f"question {number}")) for number in range(5)]
    asked_for = len(server.exchanges)
    reader.clock.advance(days=1)  # type: ignore[attr-defined]  # a test's clock moves
    tomorrow = reader.opine(asked(prompt="question 9"))

    assert [isinstance(answer, Opinion) for answer in answers] == [True, True, True, False, False]
    assert failure_of(answers[3]) == "budget_spent" and asked_for == 3
    assert isinstance(tomorrow, Opinion)
    assert calls.spent(DAY).tokens == 3 * 1350 <= tight.tokens_max


@pytest.mark.parametrize("limit", ["tokens_max", "cost_usd_max"])
def test_the_budget_alone_denies_a_call_and_is_one_for_the_whole_installation(
    serve: Serve, analyst: MakeAnalyst, calls: SqlModelCalls, limit: str
) -> None:
    server = serve()
    most_in = tokens_at_most(INSTRUCTIONS + asked().prompt, 1)
    cost = PRICES.cost(most_in, 4096)
    assert cost is not None
    enough: dict[str, Any] = {"tokens_max": most_in + 4096, "cost_usd_max": Decimal(cost)}
    less = {**enough, limit: enough[limit] - (1 if limit == "tokens_max" else Decimal("0.000001"))}

    denied = analyst(server, budget=DailyBudget(**less)).opine(asked())
    unasked = len(server.exchanges)
    given = analyst(server, budget=DailyBudget(**enough)).opine(asked())
    another = analyst(server, budget=DailyBudget(**enough), endpoint={"model": "other"}).opine(asked())

    assert failure_of(denied) == failure_of(another) == "budget_spent"
    assert isinstance(given, Opinion) and (unasked, len(server.exchanges)) == (0, 1)
    assert calls.spent(DAY).calls == 1  # a call that was denied is none


def test_a_budget_of_money_holds_where_prices_are_known(serve: Serve, analyst: MakeAnalyst) -> None:
    server = serve()
    nothing = DailyBudget(tokens_max=1_000_000, cost_usd_max=Decimal(0))

    assert failure_of(analyst(server, budget=nothing).opine(asked())) == "budget_spent"
    assert isinstance(analyst(server, budget=nothing, prices=TokenPrices()).opine(asked()), Opinion)


def test_a_time_out_counts_as_if_it_had_used_all_it_might(
    serve: Serve, analyst: MakeAnalyst, calls: SqlModelCalls
) -> None:
    server = serve(lambda exchange: exchange.hang())

    found = analyst(server, endpoint={"timeout_seconds": 0.3}, attempts_max=1).opine(asked())

    assert isinstance(found, NoOpinion) and found.cost is not None and found.cost > Money("0.03")
    assert calls.spent(DAY).tokens > 4096


def test_the_key_is_nowhere_but_in_its_header(
    serve: Serve, analyst: MakeAnalyst, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    out = io.StringIO()
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(out))
    echo = f"your key {KEY}"
    scripts: tuple[Script, ...] = (
        answering(GOOD, reasons=[echo]),
        failing(401, json.dumps({"error": {"message": echo, "code": KEY}}).encode()),
        failing(500, echo.encode()),
        saying(echo),
        answering(GOOD, **{KEY: 1}),
        answering(GOOD, direction=KEY),
        failing(200, echo.encode()),
    )

    answers = [analyst(serve(script)).opine(asked(prompt=str(at))) for at, script in enumerate(scripts)]
    structlog.reset_defaults()
    with database.connect() as connection:
        rows = [tuple(row) for row in connection.execute(select(model_calls))]

    seen = repr(answers) + repr(rows) + repr(analyst(serve())) + out.getvalue() + caplog.text
    assert isinstance(answers[0], Opinion) and "**********" in answers[0].reasons[0]
    assert KEY not in seen


def test_the_pictures_are_those_of_the_charts(serve: Serve, analyst: MakeAnalyst) -> None:
    import base64

    server = serve()
    analyst(server).opine(asked())

    assert base64.b64decode(server.exchanges[0].pictures[0].partition(",")[2]) == PICTURE
    assert asked().charts[0].picture.content == PICTURE


def test_every_failure_says_what_it_is() -> None:
    from thetaloom.analysts.answers import Failure

    named: set[Any] = {name for name, _ in (*WRONG, *TRANSIENT)}
    alone = {"timed_out", "unreachable", "no_prompt", "not_set_up", "no_price", "budget_spent"}
    assert named | alone == {failure.value for failure in Failure}
