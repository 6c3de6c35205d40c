"""Values with defaults, so that a test writes only what matters to it."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from thetaloom.domain.book.fills import Fill, LegFill
from thetaloom.domain.book.orders import Effect, Order
from thetaloom.domain.book.positions import Position
from thetaloom.domain.run.events import Event, EventKind
from thetaloom.domain.run.lineage import LineageRecord
from thetaloom.domain.run.proposals import Proposal
from thetaloom.domain.run.runs import StepName, StepStatus, TriggerKind, WorkflowRun
from thetaloom.domain.strategy.strategies import ExpirationRule, LegRule, SelectBy, Side, Strategy, StrikeRule, Unit
from thetaloom.domain.strategy.structures import Leg
from thetaloom.domain.values.ids import (
    AccountId,
    ClientOrderId,
    FillId,
    PositionId,
    ProposalId,
    RunId,
    StrategyId,
    UserId,
)
from thetaloom.domain.values.instruments import OptionContract, Right
from thetaloom.domain.values.money import Money, Price

NOW = datetime(2026, 3, 2, 15, 30, 0, 123456, tzinfo=UTC)
ANNA, BERT = UserId("anna"), UserId("bert")
SHORT_PUT = OptionContract(root="SPY", expires_on=date(2026, 4, 17), right=Right.PUT, strike=Decimal("560"))
LONG_PUT = OptionContract(root="SPY", expires_on=date(2026, 4, 17), right=Right.PUT, strike=Decimal("555.5"))
LEGS = (Leg(contract=SHORT_PUT, ratio=-1), Leg(contract=LONG_PUT, ratio=1))


def a_run(number: int = 1, **changes: Any) -> WorkflowRun:
    """A run of Anna's, just started."""
    run = WorkflowRun(
        id=RunId(f"run-{number:05d}"),
        user_id=ANNA,
        account_id=AccountId("paper-1"),
        strategy_id=StrategyId("bull-put"),
        strategy_revision=1,
        symbol="SPY",
        trigger=TriggerKind.MANUAL,
        due_at=NOW,
        created_at=NOW + timedelta(microseconds=number),
        updated_at=NOW,
    )
    return replace(run, **changes)


def a_strategy(name: str = "Bull put", **changes: Any) -> Strategy:
    """A bull put spread."""
    short = StrikeRule(by=SelectBy.DELTA, distance=Decimal("-0.20"), unit=Unit.DELTA)
    wing = StrikeRule(by=SelectBy.WIDTH, distance=Decimal(5), unit=Unit.DOLLARS, of="short")
    strategy = Strategy(
        id=StrategyId("bull-put"),
        name=name,
        expiration=ExpirationRule(dte_min=30, dte_max=60, dte_target=45),
        legs=(
            LegRule(name="short", side=Side.SELL, right=Right.PUT, strike=short),
            LegRule(name="long", side=Side.BUY, right=Right.PUT, strike=wing),
        ),
    )
    return replace(strategy, **changes)


def a_proposal(run: WorkflowRun, number: int = 1, **changes: Any) -> Proposal:
    """A proposal of the run, pending."""
    proposal = Proposal(
        id=ProposalId(f"prop-{run.id}-{number}"),
        run_id=run.id,
        user_id=run.user_id,
        account_id=run.account_id,
        strategy_id=run.strategy_id,
        strategy_revision=run.strategy_revision,
        symbol=run.symbol,
        spot=Price("571.20"),
        structure_name="vertical",
        legs=LEGS,
        quantity=2,
        mid_price=Price("1.050"),
        natural_price=Price("0.95"),
        limit_floor=Price("0.99"),
        max_profit=Money("210"),
        max_loss=None,
        breakevens=(Price("558.95"),),
        pop=Decimal("0.78"),
        net_delta=Decimal("24.1"),
        net_theta=None,
        net_vega=Decimal("-8.30"),
        buying_power_effect=Money("690.00"),
        fees=Money("-2.60"),
        reasons=("short strike at delta -0.20 · 560",),
        synthetic=True,
        as_of=NOW,
        created_at=NOW,
        expires_at=NOW + timedelta(hours=1),
    )
    return replace(proposal, **changes)


def an_order(run: WorkflowRun, number: int = 1, **changes: Any) -> Order:
    """An opening order of the run, staged."""
    order = Order(
        client_order_id=ClientOrderId(f"tl-{run.id}-{number}"),
        run_id=run.id,
        account_id=run.account_id,
        effect=Effect.OPEN,
        legs=LEGS,
        quantity=3,
        limit_price=Price("1.05"),
        staged_at=NOW + timedelta(seconds=number),
        expires_at=NOW + timedelta(hours=1),
    )
    return replace(order, **changes)


def a_fill(order: Order, number: int = 1, **changes: Any) -> Fill:
    """One structure of the order, filled."""
    fill = Fill(
        fill_id=FillId(f"f{number}"),
        client_order_id=order.client_order_id,
        quantity=1,
        price=Price("1.06"),
        fees=Money("-1.30"),
        filled_at=NOW + timedelta(seconds=number),
        legs=(
            LegFill(contract=SHORT_PUT, quantity=-1, price=Price("3.16")),
            LegFill(contract=LONG_PUT, quantity=1, price=Price("2.10")),
        ),
    )
    return replace(fill, **changes)


def a_position(run: WorkflowRun, **changes: Any) -> Position:
    """The position of the run, with nothing in it yet."""
    position = Position(
        id=PositionId(f"pos-{run.id}"),
        run_id=run.id,
        user_id=run.user_id,
        account_id=run.account_id,
        strategy_id=run.strategy_id,
        symbol=run.symbol,
        legs=LEGS,
        opened_at=NOW,
    )
    return replace(position, **changes)


def a_record(run: WorkflowRun, seq: int, **changes: Any) -> LineageRecord:
    """A record of the run, done."""
    record = LineageRecord(
        run_id=run.id,
        seq=seq,
        step=StepName.TRIGGER,
        status=StepStatus.DONE,
        started_at=NOW + timedelta(seconds=seq),
        duration_us=1500 + seq,
        input_digest="00",
        output_digest="11",
        code_version="0.1.0",
        strategy_id=run.strategy_id,
        strategy_revision=run.strategy_revision,
        parent=seq - 1 or None,
    )
    return replace(record, **changes)


def an_event(run: WorkflowRun, kind: EventKind = EventKind.STEP_RECORDED, **facts: str) -> Event:
    """A fact about the run."""
    return Event(kind=kind, user_id=run.user_id, happened_at=NOW, run_id=run.id, facts=facts)
