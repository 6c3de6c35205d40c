"""The trade journal: what a trade was, computed from the records of its run; people add only their notes."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from thetaloom.domain.book.fills import Fill
from thetaloom.domain.book.orders import Effect, Order
from thetaloom.domain.book.positions import Position
from thetaloom.domain.run.proposals import Proposal, ProposalStatus
from thetaloom.domain.strategy.evaluation import Evaluation
from thetaloom.domain.values.ids import AccountId, PositionId, RunId, StrategyId, UserId
from thetaloom.domain.values.money import HUNDRED, NOTHING, Money, Price
from thetaloom.domain.values.reasons import Reason

CENT_PERCENT = Decimal("0.01")
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
class EntryRecord:
    """What the run knew when it entered; ``None`` is unknown."""

    spot: Price | None = None
    iv: Decimal | None = None
    evaluation: Evaluation | None = None  # of one structure
    score: Decimal | None = None


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
    high_water: Money | None  # of the whole position, before fees
    low_water: Money | None
    unprotected_minutes: int
    note: str = ""


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
    pop: Decimal | None
    p50: Decimal | None
    max_profit: Money | None
    max_loss: Money | None
    realized: Money  # before fees
    fees: Money  # negative
    pnl: Money  # after fees, of what is closed
    is_winner: bool | None  # None while it is held
    percent_of_max_profit: Decimal | None
    return_on_risk_percent: Decimal | None
    mfe: Money | None  # the highest profit while it was held, before fees
    mae: Money | None  # the lowest
    unprotected_minutes: int
    compliance: Mapping[str, bool | None]  # rule → kept; None = cannot be told
    compliance_percent: Decimal | None  # of the rules that can be told
    note: str


def journal_entry(given: TradeRecord) -> JournalEntry:
    """Compute the record of a trade."""
    position, entry = given.position, given.entry
    found, quantity = entry.evaluation, position.opened_quantity
    max_profit = None if found is None or found.max_profit is None else found.max_profit * quantity
    max_loss = None if found is None or found.max_loss is None else found.max_loss * quantity
    pnl, is_over = position.realized_pnl, not position.is_open
    marks = [one for one in (given.low_water, given.high_water) if one is not None]
    if is_over:  # what it ended at was a profit, too
        marks.append(position.realized)
    kept = _compliance(given)
    told = [one for one in kept.values() if one is not None]
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
        entry_spot=entry.spot,
        entry_iv=entry.iv,
        entry_score=entry.score,
        entry_delta=_whole(found, "net_delta", quantity),
        entry_gamma=_whole(found, "net_gamma", quantity),
        entry_theta=_whole(found, "net_theta", quantity),
        entry_vega=_whole(found, "net_vega", quantity),
        pop=None if found is None else found.pop,
        p50=None if found is None else found.p50,
        max_profit=max_profit,
        max_loss=max_loss,
        realized=position.realized,
        fees=position.fees,
        pnl=pnl,
        is_winner=pnl > 0 if is_over else None,
        percent_of_max_profit=_percent(pnl, max_profit) if is_over else None,
        return_on_risk_percent=_percent(pnl, max_loss) if is_over else None,
        mfe=max(marks, default=None),
        mae=min(marks, default=None),
        unprotected_minutes=given.unprotected_minutes,
        compliance=kept,
        compliance_percent=_share(told),
        note=given.note,
    )


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


def _whole(found: Evaluation | None, name: str, quantity: int) -> Decimal | None:
    one: Decimal | None = None if found is None else getattr(found, name)
    return None if one is None else one * quantity


def _percent(part: Money, whole: Money | None) -> Decimal | None:
    return None if not whole else (Decimal(part) / Decimal(whole) * HUNDRED).quantize(CENT_PERCENT)


def _share(told: Sequence[bool]) -> Decimal | None:
    return (Decimal(sum(told)) / len(told) * HUNDRED).quantize(CENT_PERCENT) if told else None
