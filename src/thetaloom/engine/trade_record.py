"""The trade journal: what a trade was, computed from the records of its run; people add only their notes."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from thetaloom.domain.book.fills import Fill
from thetaloom.domain.book.orders import Effect, Order
from thetaloom.domain.book.positions import Position
from thetaloom.domain.run.proposals import Proposal, ProposalStatus
from thetaloom.domain.strategy.evaluation import Evaluation
from thetaloom.domain.strategy.metrics import Metric
from thetaloom.domain.values.ids import AccountId, ClientOrderId, FillId, PositionId, RunId, StrategyId, UserId
from thetaloom.domain.values.money import HUNDRED, NOTHING, Money, Price
from thetaloom.domain.values.reasons import Reason
from thetaloom.engine.trade_facts import EntryRecord, ExitRecord, PlanRecord, cash_of

CENT_PERCENT = Decimal("0.01")
GREEKS = ("delta", "gamma", "theta", "vega")
# How a trade may end by its own plan; anything else is a person's or a fault's doing.
BY_PLAN = frozenset(
    {
        Reason.PROFIT_TARGET,
        Reason.STOP_LOSS,
        Reason.TRAILING_STOP,
        Reason.DTE_EXIT,
        Reason.DAYS_HELD_EXIT,
        Reason.SESSION_END_EXIT,
        Reason.CLOCK_EXIT,
        Reason.DELTA_BREACH,
        Reason.SHORT_STRIKE_BREACH,
        Reason.THETA_EXIT,
        Reason.IV_CRUSH,
        Reason.ATR_STOP,
        Reason.UNDERLYING_LEVEL,
        Reason.GAMMA_FLIP,
        Reason.EARNINGS_EXIT,
        Reason.OPPOSING_MARKET,
        Reason.EXPIRY_LADDER,
        Reason.EXPIRED_WORTHLESS,
        Reason.CASH_SETTLED,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeRecord:
    """All that the journal of one position is computed from."""

    position: Position
    trades: Sequence[tuple[Order, Fill]]  # oldest first
    proposals: Sequence[Proposal]
    trigger: str
    exit_reason: str  # of the run; empty while it goes on
    outcome: str
    entry: EntryRecord
    plan: PlanRecord
    exit: ExitRecord
    high_water: Money | None  # of the whole position, before fees
    low_water: Money | None
    unprotected_minutes: int
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeStep:
    """One order that filled; cash is before fees, received positive."""

    order_id: ClientOrderId
    broker_order_id: str
    purpose: str
    part: str  # the spread it was about; empty = whole structures
    first_at: datetime
    quantity: int
    cash: Money
    fees: Money  # negative
    fills: tuple[FillId, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalEntry:
    """One trade. Money is of the whole position; prices are net per share of one structure, credit positive."""

    position_id: PositionId
    run_id: RunId
    user_id: UserId
    account_id: AccountId
    strategy_id: StrategyId
    chain_id: PositionId
    symbol: str
    structure: str
    quantity: int
    is_open: bool
    opened_at: datetime
    closed_at: datetime | None
    days_held: int | None  # calendar days; None while it is held
    entry_reason: str
    exit_reason: str
    outcome: str
    entry_price: Price | None
    exit_price: Price | None  # average of all that closed
    entry_spot: Price | None
    entry_iv: Decimal | None
    entry_score: Decimal | None
    entry_delta: Decimal | None  # of the whole position, as the three below
    entry_gamma: Decimal | None
    entry_theta: Decimal | None
    entry_vega: Decimal | None
    entry_dte: int | None
    entry_iv_rank: Decimal | None  # 0 to 100
    entry_iv_change: Decimal | None  # over 5 sessions, percentage points
    entry_vix: Decimal | None
    entry_regime: str | None
    exit_spot: Price | None
    exit_iv: Decimal | None
    exit_delta: Decimal | None  # of as many structures as were opened, when closing was decided
    exit_dte: int | None
    exit_iv_rank: Decimal | None
    exit_vix: Decimal | None
    exit_regime: str | None
    pop: Decimal | None
    p50: Decimal | None
    touch: Decimal | None  # the likeliest touch of a short strike, 0 to 1
    expected_value: Money | None  # mean profit at expiration by the entry's volatilities, before fees
    width: Price | None
    breakevens: tuple[Price, ...]
    biases: tuple[str, ...]  # of the strategy: which way the trade leans
    rationale: tuple[str, ...]  # why these strikes
    max_profit: Money | None
    max_loss: Money | None
    realized: Money  # before fees
    fees: Money  # negative
    pnl: Money  # after fees, of what is closed
    is_winner: bool | None  # None while it is held
    percent_of_max_profit: Decimal | None
    return_on_risk_percent: Decimal | None
    planned_price: Price | None  # the mid that was approved
    planned_target: Money | None  # the profit at which the target closes all
    planned_stop: Money | None  # the loss at which the stop closes all, positive
    planned_exit_dte: int | None
    planned_rules: tuple[str, ...]
    risk: Money | None  # one R: the smallest stop that closes all, or the max loss of what was filled if less
    r_multiple: Decimal | None  # profit after fees in R
    buying_power: Money | None  # that the approved trade ties up
    return_on_capital_percent: Decimal | None  # profit after fees of that
    entry_slippage: Money | None  # against the approved mid; negative = worse
    exit_slippage: Money | None  # against the mid when closing was decided
    managed_at_half: bool | None  # closed by an order with half of the max profit or more
    steps: tuple[TradeStep, ...]  # every order that filled, oldest first
    mfe: Money | None  # the highest profit while it was held, before fees
    mae: Money | None  # the lowest
    unprotected_minutes: int
    compliance: Mapping[str, bool | None]  # rule → kept; None = cannot be told
    compliance_percent: Decimal | None  # of the rules that can be told
    note: str


def journal_entry(given: TradeRecord) -> JournalEntry:
    """Compute the record of a trade."""
    position, is_over = given.position, not given.position.is_open
    marks = [one for one in (given.low_water, given.high_water) if one is not None]
    if is_over:  # what it ended at was a profit, too
        marks.append(position.realized)
    kept = _compliance(given)
    quantity, found = position.opened_quantity, given.entry.evaluation
    return JournalEntry(
        position_id=position.id,
        run_id=position.run_id,
        user_id=position.user_id,
        account_id=position.account_id,
        strategy_id=position.strategy_id,
        chain_id=position.chain_id,
        symbol=position.symbol,
        structure="" if found is None else found.structure_name,
        quantity=quantity,
        is_open=position.is_open,
        opened_at=position.opened_at,
        closed_at=position.closed_at,
        days_held=None if position.closed_at is None else (position.closed_at.date() - position.opened_at.date()).days,
        entry_reason=given.trigger,
        exit_reason=given.exit_reason if is_over else "",
        outcome=given.outcome,
        entry_price=_average(given.trades, Effect.OPEN, quantity),
        exit_price=_average(given.trades, Effect.CLOSE, quantity) if is_over else None,
        realized=position.realized,
        fees=position.fees,
        pnl=position.realized_pnl,
        is_winner=position.realized_pnl > 0 if is_over else None,
        mfe=max(marks, default=None),
        mae=min(marks, default=None),
        unprotected_minutes=given.unprotected_minutes,
        compliance=kept,
        compliance_percent=_share([one for one in kept.values() if one is not None]),
        steps=_steps(given.trades),
        note=given.note,
        **_at_entry(given.entry, quantity),
        **_at_exit(given),
        **_planned(given),
        **_measured(given),
    )


def _at_entry(entry: EntryRecord, quantity: int) -> dict[str, Any]:
    found, metrics = entry.evaluation, entry.metrics
    known: dict[str, Any] = {
        "entry_spot": entry.spot,
        "entry_iv": entry.iv,
        "entry_score": entry.score,
        "entry_dte": entry.dte,
        "entry_iv_rank": metrics.get(Metric.IV_RANK),
        "entry_iv_change": metrics.get(Metric.IV_CHANGE_5D),
        "entry_vix": metrics.get(Metric.VIX),
        "entry_regime": entry.regime,
        "touch": None if found is None else max((one.probability for one in found.touches), default=None),
        "breakevens": () if found is None else found.breakevens,
        "max_profit": _whole(found, "max_profit", quantity),
        "max_loss": _whole(found, "max_loss", quantity),
        "expected_value": _whole(found, "expected_value", quantity),
    }
    known |= {f"entry_{greek}": _whole(found, f"net_{greek}", quantity) for greek in GREEKS}
    return known | {name: None if found is None else getattr(found, name) for name in ("pop", "p50", "width")}


def _at_exit(given: TradeRecord) -> dict[str, Any]:
    position, seen = given.position, given.exit
    shares = position.multiplier * position.opened_quantity
    return {
        "exit_spot": seen.spot,
        "exit_iv": seen.iv,
        "exit_delta": None if seen.delta is None else seen.delta * shares,
        "exit_dte": seen.dte,
        "exit_iv_rank": seen.iv_rank,
        "exit_vix": seen.vix,
        "exit_regime": seen.regime,
    }


def _planned(given: TradeRecord) -> dict[str, Any]:
    plan = given.plan
    return {
        "planned_price": plan.price,
        "planned_target": plan.target,
        "planned_stop": plan.stop,
        "planned_exit_dte": plan.exit_dte,
        "planned_rules": plan.rules,
        "risk": plan.risk,
        "buying_power": plan.buying_power,
        "biases": plan.biases,
        "rationale": plan.reasons,
    }


def _measured(given: TradeRecord) -> dict[str, Any]:
    position, plan, found = given.position, given.plan, given.entry.evaluation
    pnl, is_over, quantity = position.realized_pnl, not position.is_open, position.opened_quantity
    of_max = _percent(pnl, _whole(found, "max_profit", quantity)) if is_over else None
    return {
        "percent_of_max_profit": of_max,
        "return_on_risk_percent": _percent(pnl, _whole(found, "max_loss", quantity)) if is_over else None,
        "return_on_capital_percent": _percent(pnl, plan.buying_power) if is_over else None,
        "r_multiple": _ratio(pnl, plan.risk) if is_over else None,
        "entry_slippage": _entry_slippage(given),
        "exit_slippage": _exit_slippage(given),
        "managed_at_half": _managed_at_half(given, of_max),
    }


def _steps(trades: Iterable[tuple[Order, Fill]]) -> tuple[TradeStep, ...]:
    found: dict[str, TradeStep] = {}
    for order, fill in trades:
        before = found.get(order.client_order_id)
        found[order.client_order_id] = TradeStep(
            order_id=order.client_order_id,
            broker_order_id=order.broker_order_id or "",
            purpose=order.purpose.value,
            part=order.part,
            first_at=fill.filled_at if before is None else before.first_at,
            quantity=fill.quantity + (0 if before is None else before.quantity),
            cash=cash_of(order, fill) + (NOTHING if before is None else before.cash),
            fees=fill.fees + (NOTHING if before is None else before.fees),
            fills=(*(() if before is None else before.fills), fill.fill_id),
        )
    return tuple(found.values())


def _entry_slippage(given: TradeRecord) -> Money | None:
    mid = given.plan.price
    opened = [(order, fill) for order, fill in given.trades if order.effect is Effect.OPEN]
    return None if mid is None or not opened else _beyond(opened, mid)


def _exit_slippage(given: TradeRecord) -> Money | None:
    order, mid = given.exit.order, given.exit.mid
    if order is None or mid is None or order.part:
        return None
    mine = [(one, fill) for one, fill in given.trades if one.client_order_id == order.client_order_id]
    return _beyond(mine, mid) if mine else None


def _beyond(trades: Iterable[tuple[Order, Fill]], mid: Price) -> Money:
    parts = ((fill.price - mid).times(order.legs[0].contract.multiplier, fill.quantity) for order, fill in trades)
    return sum(parts, NOTHING)


def _managed_at_half(given: TradeRecord, of_max: Decimal | None) -> bool | None:
    if of_max is None:
        return None
    return of_max >= HUNDRED / 2 and bool(given.trades) and given.trades[-1][0].effect is Effect.CLOSE


def _compliance(given: TradeRecord) -> dict[str, bool | None]:
    approved = [one for one in given.proposals if one.status is ProposalStatus.APPROVED]
    opening = [order for order, _ in given.trades if order.effect is Effect.OPEN]
    proposed = max((one.quantity for one in approved), default=0)
    is_over = not given.position.is_open
    ended = Reason.of(given.exit_reason) if is_over and given.exit_reason else None
    found = given.entry.evaluation
    lost = -given.position.realized
    most = None if found is None or found.max_loss is None else found.max_loss * given.position.opened_quantity
    return {
        "entry_approved": bool(approved) if opening else None,
        "size_as_approved": given.position.opened_quantity <= proposed if approved else None,
        "exit_by_rule": ended in BY_PLAN if ended is not None else None,
        "loss_within_max": lost <= most if is_over and most is not None else None,
        "always_protected": given.unprotected_minutes == 0,
    }


def _average(trades: Iterable[tuple[Order, Fill]], effect: Effect, quantity: int) -> Price | None:
    """Return the net per share of one whole structure, from what all fills of an effect brought."""
    total, shares = NOTHING, 0
    for order, fill in trades:
        if order.effect is effect:
            shares = order.legs[0].contract.multiplier
            total += fill.price.times(shares, fill.quantity)
    return Price((Decimal(total) / (shares * quantity)).quantize(Decimal("0.0001"))) if shares and quantity else None


def _whole(found: Evaluation | None, name: str, quantity: int) -> Any:
    one: Any = None if found is None else getattr(found, name)
    return None if one is None else one * quantity


def _percent(part: Money, whole: Money | None) -> Decimal | None:
    return None if not whole else (Decimal(part) / Decimal(whole) * HUNDRED).quantize(CENT_PERCENT)


def _ratio(part: Money, whole: Money | None) -> Decimal | None:
    return None if not whole else (Decimal(part) / Decimal(whole)).quantize(CENT_PERCENT)


def _share(told: Sequence[bool]) -> Decimal | None:
    return (Decimal(sum(told)) / len(told) * HUNDRED).quantize(CENT_PERCENT) if told else None
