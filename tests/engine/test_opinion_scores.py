"""Opinions are written down to be judged when they are made, and judged once their sessions have passed."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from thetaloom.domain.market.bars import Bar
from thetaloom.domain.market.opinions import AnalysisRequest, NoOpinion, Opinion
from thetaloom.domain.market.words import MarketBias
from thetaloom.domain.run.prompts import Prompt, PromptKind, PromptLanguage
from thetaloom.domain.strategy.strategies import AnalysisRule, AnalystName, Bias
from thetaloom.domain.values.ids import PromptId
from thetaloom.domain.values.money import Price
from thetaloom.engine import commands
from thetaloom.engine.opinion_scores import due_on, judge_due
from thetaloom.errors import AnswerPending
from thetaloom.store.prompt_catalogue import give_prompts
from thetaloom.store.queries.track_records import list_scores, records_of
from thetaloom.testing.desk import ANNA, STRATEGY, DeskBench, put_credit_spread

WITNESS = AnalysisRule(analyst=AnalystName.LLM)


class Slow:
    """A model that answers at the third look."""

    name = "llm"

    def __init__(self) -> None:
        self.looks = 0

    def opine(self, request: AnalysisRequest) -> Opinion | NoOpinion:
        """Answer late."""
        self.looks += 1
        if self.looks < 3:
            raise AnswerPending("not yet")
        return Opinion(
            analyst="llm",
            model="m",
            direction=MarketBias.BULLISH,
            confidence=Decimal("0.8"),
            entry=Price(575),
            stop=Price(565),
            targets=(Price(595),),
            made_at=request.now,
        )


def test_a_run_waits_for_a_late_answer_and_its_opinion_is_scored_at_last(lite: DeskBench) -> None:
    model = Slow()
    lite.restart(analysts={"llm": model})
    lite.write(lambda uow: give_prompts(uow, ANNA, lite.clock.now()))
    lite.save(put_credit_spread(analysis=WITNESS, biases=(Bias.BULLISH,)))

    run = lite.start_run()
    waiting = lite.run(run)
    lite.pass_time(seconds=5)

    assert (waiting.attempts, waiting.next_step) == (0, "analyze") and model.looks == 3
    assert len(lite.orders(run)) == 1 and lite.replay(run).identical
    (score,) = [one for one in list_scores(lite.database, ANNA).rows if one.analyst == "llm"]
    assert score.prompt == "system-en@1+daily-en@1+weekly-en@1+consolidation-en@1"
    assert score.judged_at is None and judge_due(lite.desk) == 0

    days = [
        on for at in range(1, 40) if (on := score.made_on + timedelta(days=at)) <= score.due_on and on.weekday() < 5
    ]
    rows = [Bar(session_on=on, open=580, high=582, low=579, close=581, volume=1e6) for on in days]
    lite.market.set_history("SPY", rows)
    assert due_on(lite.desk.calendar, score.made_on) == score.due_on == days[-1]

    lite.clock.advance(days=40)
    judged = judge_due(lite.desk)
    (record,) = records_of(lite.database, ANNA, analyst="llm", prompt="daily-en")

    assert judged >= 1 and judge_due(lite.desk) == 0
    assert (record.judged, record.brier and record.brier.estimate) == (1, Decimal("0.04"))
    assert record.has_edge is None  # one opinion says nothing


class Asked(Slow):
    """A model that remembers what it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.prompts: list[str] = []

    def opine(self, request: AnalysisRequest) -> Opinion | NoOpinion:
        """Remember, then answer late."""
        self.prompts.append(request.prompt)
        return super().opine(request)


def test_what_another_run_says_meanwhile_makes_no_other_question_of_a_run_that_waits(lite: DeskBench) -> None:
    model = Asked()
    lite.restart(analysts={"llm": model})
    lite.write(lambda uow: give_prompts(uow, ANNA, lite.clock.now()))
    lite.save(put_credit_spread(analysis=WITNESS, biases=(Bias.BULLISH,)))
    first = lite.start_run()
    lite.pass_time(seconds=5)
    assert len(lite.orders(first)) == 1

    model.looks = 0
    lite.clock.advance(seconds=60)
    second = lite.start_run(forced=True)
    with lite.store.reading() as uow:
        (told,) = uow.scores.recent(ANNA, "SPY", "llm", before=lite.clock.now(), limit=5)
    lite.write(lambda uow: uow.scores.add(replace(told, id="meanwhile", made_at=lite.clock.now())))
    lite.pass_time(seconds=5)

    asked = model.prompts[3:]
    assert len(asked) == 3 and len(set(asked)) == 1 and "Earlier opinions" in asked[0]
    assert asked[0].count("bullish at confidence") == 1
    assert lite.replay(second).identical


def test_a_template_reads_what_the_rules_say_and_the_strategys_days(lite: DeskBench) -> None:
    model = Asked()
    lite.restart(analysts={"llm": model})
    text = "{{ analysis_daily | default_if_none('none') }}, {{ strategy.dte_min }} to {{ strategy.dte_max }} days"
    prompt = Prompt(
        id=PromptId("own"),
        name="own",
        kind=PromptKind.ANALYSIS,
        language=PromptLanguage.ENGLISH,
        strategy_id=STRATEGY,
        text=text,
    )
    strategy = put_credit_spread(analysis=WITNESS, biases=(Bias.BULLISH,))
    lite.save(strategy)
    lite.engine.handle(commands.SavePrompt(user_id=ANNA, prompt=prompt))
    lite.start_run()

    assert model.prompts == [f"none, {strategy.expiration.dte_min} to {strategy.expiration.dte_max} days"]
