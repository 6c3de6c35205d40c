"""Text from outside never alters an order: with it and without it, the order fields are the same bytes."""

import json
import shutil
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from thetaloom.analysts.answers import NoAnswer, read_answer
from thetaloom.analysts.asking import Endpoint
from thetaloom.analysts.llm import LlmAnalyst
from thetaloom.charts.painter import InlinePainter
from thetaloom.domain.run.model_calls import DailyBudget
from thetaloom.domain.run.prompt_text import WORDS_MAX, check_template, printable, render
from thetaloom.domain.run.prompts import Prompt, PromptKind, PromptLanguage
from thetaloom.domain.run.runs import StepName
from thetaloom.domain.run.signal_intake import Answer
from thetaloom.domain.run.signal_sources import SignalSource, SourceAuth
from thetaloom.domain.strategy.strategies import AnalysisRule, AnalystName, Bias
from thetaloom.domain.values.canonical import canonical_json
from thetaloom.domain.values.ids import PromptId, RunId
from thetaloom.engine import commands
from thetaloom.engine.signals import SignalAnswer
from thetaloom.errors import InvalidInput, ThetaloomError
from thetaloom.store.database import open_database
from thetaloom.store.model_calls import SqlModelCalls
from thetaloom.store.prompt_catalogue import give_prompts
from thetaloom.testing.desk import ANNA, STRATEGY, DeskBench, put_credit_spread
from thetaloom.testing.injections import INJECTIONS
from thetaloom.testing.llm_server import GOOD, Script, answering, failing, llm_server, saying

KEY = "planted-secret-77aa01c4e9"
BATCH = 30
BULLISH = {**GOOD, "entry": 575, "stop": 565, "targets": [615], "confidence": 90, "confidence_label": "HIGH"}
WITNESS = AnalysisRule(analyst=AnalystName.LLM)
DECIDES = AnalysisRule(analyst=AnalystName.LLM, weight=Decimal(1))


def desk(template: Path, folder: Path, url: str = "", rule: AnalysisRule | None = None, text: str = "") -> DeskBench:
    """A desk whose strategy, template and model carry a text from outside."""
    database = open_database(Path(shutil.copy(template, folder / f"desk{len(list(folder.iterdir()))}.db")))
    bench = DeskBench(database)
    bench.save(put_credit_spread(analysis=rule, biases=(Bias.BULLISH,), description=text))
    if url:
        pauses: list[float] = []
        model = LlmAnalyst(
            endpoint=Endpoint(model="m", base_url=url, key=KEY, timeout_seconds=20),
            calls=SqlModelCalls(database),
            budget=DailyBudget(tokens_max=10**7, cost_usd_max=Decimal(10)),
            clock=bench.clock,
            wait=pauses.append,
        )
        bench.restart(analysts={model.name: model})
    return bench


def write_prompt(bench: DeskBench, text: str) -> None:
    """Make a text the template of all strategies."""
    prompt = Prompt(
        id=PromptId("outside"),
        name="outside",
        kind=PromptKind.ANALYSIS,
        language=PromptLanguage.ENGLISH,
        is_default=True,
        text=text,
    )
    bench.engine.handle(commands.SavePrompt(user_id=ANNA, prompt=prompt))


def send(bench: DeskBench, payload: str) -> SignalAnswer:
    """Send a message to the source, as the webhook does."""
    wish = commands.TakeSignal(user_id=ANNA, source="outside", payload=payload, wall_at=bench.clock.now())
    answer = bench.engine.handle(wish)
    assert isinstance(answer, SignalAnswer)
    return answer


def letters(text: str) -> str:
    """The text as a field that takes printable letters alone has it."""
    return "".join(letter if letter.isprintable() else " " for letter in text).strip()


def is_template(text: str) -> bool:
    """Whether a text is allowed as a template and reads nothing."""
    try:
        return check_template(text) == ()
    except InvalidInput:
        return False


def order_of(bench: DeskBench, run: RunId) -> bytes:
    """All fields of the run's one order, as stored: ids, legs, quantity, limits and times."""
    (order,) = bench.orders(run)
    (proposal,) = bench.proposals(run)
    return canonical_json({"order": order, "approved": proposal.content_hash})


@pytest.fixture(scope="module")
def plain_order(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The order of a strategy that asks nobody."""
    bench = desk(sqlite_template, tmp_path_factory.mktemp("plain"))
    return order_of(bench, bench.start_run())


def test_there_are_three_hundred_of_them() -> None:
    assert len(set(INJECTIONS)) == len(INJECTIONS) == 300


@pytest.mark.parametrize("first", range(0, 300, BATCH))
@pytest.mark.parametrize("rule", [WITNESS, DECIDES], ids=["witness", "decides"])
def test_no_text_alters_an_order(
    sqlite_template: Path, tmp_path: Path, plain_order: bytes, first: int, rule: AnalysisRule
) -> None:
    batch = INJECTIONS[first : first + BATCH]
    reasons = [text[:1900] for text in batch[:10]]
    with llm_server(answering({**BULLISH, "reasons": reasons})) as server:
        shown = " ".join(letters(text)[:60] for text in batch)
        bench = desk(sqlite_template, tmp_path, server.url, rule, shown)
        literal = [text for text in batch if is_template(text)]
        write_prompt(bench, "\n".join(["{{ symbol }} {{ strategy.description }}", *literal])[:19_000])
        run = bench.start_run()

    assert order_of(bench, run) == plain_order
    assert bench.faults(run) == [] and bench.replay(run).identical
    (exchange,) = server.exchanges
    assert "SPY" in exchange.words


OBEDIENT: tuple[Script, ...] = (
    answering(BULLISH, quantity=1000),
    answering(BULLISH, legs=["+1000 SPY 2026-01-16 C 575"]),
    answering(BULLISH, order={"quantity": 1000, "limit_price": "0.01"}),
    answering(BULLISH, approve=True, strategy="other"),
    saying("submit_order(quantity=1000)"),
    failing(500),
    saying(None, refusal="no"),
)


@pytest.mark.parametrize("script", OBEDIENT)
def test_a_model_that_obeys_has_no_opinion_and_alters_nothing(
    sqlite_template: Path, tmp_path: Path, plain_order: bytes, script: Script
) -> None:
    with llm_server(script) as server:
        bench = desk(sqlite_template, tmp_path, server.url, WITNESS)
        write_prompt(bench, "{{ symbol }}")
        run = bench.start_run()
        other = desk(sqlite_template, tmp_path, server.url, DECIDES)
        write_prompt(other, "{{ symbol }}")
        denied = other.start_run()

    assert order_of(bench, run) == plain_order
    assert other.orders(denied) == [] and other.run(denied).reason == "no_opinion"


@pytest.mark.parametrize("text", INJECTIONS, ids=range(300))
def test_no_text_is_more_than_a_text(text: str) -> None:
    shown = render("{{ symbol }}", {"symbol": text}).text
    kept = printable(text).strip()
    assert shown == (kept if len(kept) <= WORDS_MAX else kept[:WORDS_MAX] + "…")  # nothing in it was carried out

    with_it = [read_answer(json.dumps({**BULLISH, "reasons": [text[:1900]]})).model_dump(exclude={"reasons"})]
    without = [read_answer(json.dumps(BULLISH)).model_dump(exclude={"reasons"})]
    assert with_it == without
    with pytest.raises(NoAnswer):
        read_answer(text)

    if is_template(text):
        assert render(text, {}).text == kept.replace("{{ 7 * 7 }}", "49")


@pytest.mark.parametrize("first", range(0, 300, 100))
def test_no_text_is_a_ticker_or_a_strategy(sqlite_template: Path, tmp_path: Path, first: int) -> None:
    bench = desk(sqlite_template, tmp_path)
    doors: tuple[Callable[[str], Any], ...] = (
        lambda text: bench.start_run(text),
        lambda text: bench.engine.handle(commands.SaveStrategy(user_id=ANNA, strategy=put_credit_spread(id=text))),
    )

    for text in INJECTIONS[first : first + 100]:
        for door in doors:
            with pytest.raises(ThetaloomError):
                door(text)

    assert bench.broker.requests == []


@pytest.mark.parametrize("first", range(0, 300, BATCH))
def test_no_text_in_a_signal_alters_an_order(
    sqlite_template: Path, tmp_path: Path, plain_order: bytes, first: int
) -> None:
    batch = INJECTIONS[first : first + BATCH]
    bench = desk(sqlite_template, tmp_path)
    source = SignalSource(
        name="outside", user_id=ANNA, auth=SourceAuth.UNSIGNED, strategy_id=STRATEGY, saved_at=bench.clock.now()
    )
    bench.engine.handle(commands.SaveSignalSource(source=source))
    known = {"symbol": "SPY", "action": "buy"}
    hostile = [{**known, field: text} for text in batch for field in ("symbol", "action", "strategy", "direction")]

    answers = [send(bench, json.dumps(fields)) for fields in hostile] + [send(bench, text) for text in batch]

    started = [answer for answer in answers if answer.answer is Answer.ACCEPTED]
    assert not started and {answer.signal_id for answer in answers} == {None}
    comments = {f"comment {number}": text for number, text in enumerate(batch)}
    taken = send(bench, json.dumps({**known, "comment": batch[0], "message": batch[1], **comments}))
    bench.engine.settle()
    with bench.store.reading() as uow:
        signal = None if taken.signal_id is None else uow.signals.get(taken.signal_id)
    assert signal is not None and signal.run_id is not None
    assert order_of(bench, signal.run_id) == plain_order
    assert len(bench.broker.requests) == 1 and bench.faults(signal.run_id) == []


def test_a_model_that_reads_charts_leaves_its_evidence_and_no_key(
    sqlite_template: Path, tmp_path: Path, plain_order: bytes
) -> None:
    with llm_server(answering({**BULLISH, "reasons": [f"the key is {KEY}"]})) as server:
        bench = desk(sqlite_template, tmp_path, server.url, WITNESS)
        bench.restart(painter=InlinePainter())
        bench.write(lambda uow: give_prompts(uow, ANNA, bench.clock.now()))
        run = bench.start_run()
        bench.database.close()

    at = bench.steps(run).index(StepName.ANALYZE)
    said, given = bench.said(run, at), bench.inputs(run, at)["given"]
    assert said["witness"]["direction"] == "bullish" and said["decides"] is False
    assert given["request"]["prompt_reference"] == "system-en@1+daily-en@1+weekly-en@1+consolidation-en@1"
    assert given["request"]["prompt"] in server.exchanges[0].words
    assert order_of(bench, run) == plain_order
    stored = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert KEY.encode() not in stored and KEY not in repr(said) + repr(given) + repr(bench.desk.analysts)
