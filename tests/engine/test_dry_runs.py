"""The broker's dry run of an entry: asked before it is proposed, held against our own margin, never waited for long."""

from dataclasses import replace
from decimal import Decimal
from threading import Event

import pytest

from thetaloom.domain.book.refusals import Refusal
from thetaloom.domain.run.proposals import Proposal
from thetaloom.domain.run.runs import Outcome, StepName
from thetaloom.domain.values.ids import RunId
from thetaloom.domain.values.money import Money
from thetaloom.domain.values.reasons import Reason
from thetaloom.engine.findings import RiskFinding
from thetaloom.engine.lineage import output_of
from thetaloom.ports.broker import Preview
from thetaloom.testing.desk import DeskBench, put_credit_spread

OURS = Money(400)  # a 5 wide spread for 1.00


def preview(effect: Decimal | int | str = OURS, after: Decimal | int | str = 50_000, **more: object) -> Preview:
    """Return what a broker says."""
    known = {"buying_power_effect": Money(effect), "buying_power_after": Money(after), "fees": Money("-2.60")}
    return Preview(**(known | more))  # type: ignore[arg-type]  # fields by their names


@pytest.fixture
def real(lite: DeskBench) -> DeskBench:
    """A desk at a broker whose exchange is not ours."""
    lite.broker.simulated = False
    lite.save(put_credit_spread())
    return lite


def finding_of(bench: DeskBench, run: RunId) -> RiskFinding:
    with bench.store.reading() as uow:
        return output_of(bench.desk, uow, run, StepName.CHECK_RISK, RiskFinding)


def proposals_of(bench: DeskBench, run: RunId) -> list[Proposal]:
    with bench.store.reading() as uow:
        return list(uow.proposals.of_run(run))


def test_what_the_broker_says_stands_beside_our_own_margin(real: DeskBench) -> None:
    real.broker.previews.append(preview(440, message="margin call possible"))

    run = real.start_run()

    found = finding_of(real, run)
    assert found.verdict.is_allowed
    assert found.dry_run is not None and found.dry_run.told is not None
    assert (found.buying_power_effect, found.dry_run.told.buying_power_effect) == (OURS, Money(440))
    assert found.dry_run.told.fees == Money("-2.60")
    assert (found.dry_run.limit_price, found.dry_run.quantity) == (Decimal("1.00"), 1)
    assert proposals_of(real, run)[0].warnings == ()


def test_a_refusal_denies_with_the_brokers_words(real: DeskBench) -> None:
    no = Preview(
        buying_power_effect=None, buying_power_after=None, fees=None, refusal=Refusal.NOT_PERMITTED, message="level 2"
    )
    real.broker.previews.append(no)

    run = real.start_run()

    verdict = finding_of(real, run).verdict
    assert verdict.reason is Reason.DRY_RUN_REFUSED
    assert (verdict.facts["refusal"], verdict.facts["message"]) == ("not_permitted", "level 2")
    assert Decimal(verdict.facts["our_effect"]) == OURS
    assert proposals_of(real, run) == []
    with real.store.reading() as uow:
        ended = uow.runs.get(run)
    assert ended is not None and ended.outcome is Outcome.DENIED


@pytest.mark.parametrize("said", [preview(100_001, after=0), preview(400, after=-1)])
def test_an_effect_beyond_the_buying_power_denies_with_the_numbers(real: DeskBench, said: Preview) -> None:
    real.broker.previews.append(said)

    verdict = finding_of(real, real.start_run()).verdict

    assert verdict.reason is Reason.INSUFFICIENT_BUYING_POWER
    assert Decimal(verdict.facts["broker_effect"]) == said.buying_power_effect
    assert Decimal(verdict.facts["buying_power"]) == 100_000


@pytest.mark.parametrize(("effect", "is_told"), [("500", False), ("500.01", True), ("299.99", True), ("300", False)])
def test_a_difference_beyond_the_tolerance_is_told_on_the_proposal(real: DeskBench, effect: str, is_told: bool) -> None:
    real.broker.previews.append(preview(effect))

    shown = proposals_of(real, real.start_run())[0]

    assert bool(shown.warnings) is is_told
    assert all(
        f"would tie up {effect} " in one and "we reckoned 400" in one and "25 % apart" in one for one in shown.warnings
    )


def test_the_tolerance_is_a_setting(real: DeskBench) -> None:
    real.restart(settings=replace(real.desk.settings, preview_tolerance=Decimal(1)))
    real.broker.previews.append(preview(800))

    assert proposals_of(real, real.start_run())[0].warnings == ()


def test_a_broker_without_a_dry_run_is_not_asked_and_nothing_is_denied(real: DeskBench) -> None:
    real.broker.capabilities = replace(real.broker.capabilities, preview=False)
    real.broker.previews.append(preview(refusal=Refusal.UNKNOWN))

    found = finding_of(real, real.start_run())

    assert found.verdict.is_allowed
    assert found.dry_run is None
    assert len(real.broker.previews) == 1


def test_a_broker_that_does_not_answer_in_time_denies_nothing(real: DeskBench, monkeypatch: pytest.MonkeyPatch) -> None:
    over = Event()
    real.restart(settings=replace(real.desk.settings, preview_seconds=0.01))
    monkeypatch.setattr(real.broker, "preview", lambda order: over.wait(10) and preview())

    run = real.start_run()
    over.set()

    found = finding_of(real, run)
    assert found.verdict.is_allowed
    assert found.dry_run is not None and found.dry_run.silence == "no answer within 0.01 s"
    assert proposals_of(real, run)[0].warnings == ("the broker's dry run is not known: no answer within 0.01 s",)


def test_a_decision_with_a_dry_run_replays_to_the_byte(real: DeskBench) -> None:
    real.broker.previews.append(preview(700))
    run = real.start_run()
    real.broker.previews.append(preview(1))

    assert real.replay(run).identical
    assert real.faults(run) == []
