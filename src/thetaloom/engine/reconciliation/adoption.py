"""Making a position of a holding from elsewhere: a run of a strategy that starts where others have arrived."""

import time

from thetaloom.domain.book.adoption import AdoptionInputs, decide_adoption
from thetaloom.domain.book.elsewhere import Finding, FindingStatus
from thetaloom.domain.book.positions import Position
from thetaloom.domain.run.events import EventKind
from thetaloom.domain.run.runs import RunStatus, StepName, TriggerKind, WorkflowRun
from thetaloom.domain.values.ids import StrategyId, make_position_id, make_run_id
from thetaloom.domain.values.money import Price
from thetaloom.domain.values.reasons import Reason
from thetaloom.engine.lineage import Decider, Executed, record
from thetaloom.engine.reconciliation.round import Round
from thetaloom.engine.step import tell
from thetaloom.errors import NotFound

ADOPTION_DECIDER = Decider(name="adopt_position", inputs=AdoptionInputs, decide=decide_adoption)


def adopt(now: Round, found: Finding, strategy: StrategyId, *, by: str, price: Price | None = None) -> Position:
    """Make a run and its position of a holding; its exits are looked at at once, and no order is staged here."""
    stored = now.uow.strategies.latest(found.user_id, strategy)
    if stored is None:
        raise NotFound(f"no strategy has the id {strategy!r}", advice=Reason.STRATEGY_NOT_FOUND.text)
    name = make_run_id(now.desk.store.installation_id(), now.uow.runs.next_number())
    began = time.perf_counter_ns()
    given = AdoptionInputs(
        finding=found,
        run_id=name,
        position_id=make_position_id(name),
        strategy_id=strategy,
        price=price,
        by=by,
        now=now.now,
    )
    said = decide_adoption(given)
    run = WorkflowRun(
        id=name,
        user_id=found.user_id,
        account_id=found.account_id,
        strategy_id=strategy,
        strategy_revision=stored.revision,
        symbol=said.position.symbol,
        trigger=TriggerKind.MANUAL,
        status=RunStatus.MONITORING,
        next_step=StepName.MANAGE_POSITION,
        due_at=now.now,
        created_at=now.now,
        updated_at=now.now,
    )
    now.uow.runs.add(run)
    executed = Executed(
        step=StepName.TRIGGER,
        decider=ADOPTION_DECIDER,
        inputs=given,
        output=said,
        started_at=now.now,
        duration_us=(time.perf_counter_ns() - began) // 1000,
    )
    run = now.uow.runs.save(record(now.desk, now.uow, run, executed))
    now.uow.positions.add(said.position)
    now.positions[said.position.id] = said.position
    tell(now.uow, run, EventKind.POSITION_ADOPTED, now.now, position=said.position.id, finding=found.id, by=by)
    now.settle_finding(found, FindingStatus.ADOPTED, f"{said.position.id}, {by}")
    now.counts.created += 1
    now.moved.add(run.id)
    now.wake.append(run.id)
    return said.position
