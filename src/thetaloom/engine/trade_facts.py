"""What the records of a run say of its trade: the market at entry, the plan, and the market at exit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

from thetaloom.domain.book.exit_numbers import closing_cost_max, risk_by_rules
from thetaloom.domain.book.fills import Fill
from thetaloom.domain.book.orders import Effect, Order, OrderPurpose
from thetaloom.domain.book.positions import Position
from thetaloom.domain.run.proposals import Proposal, ProposalStatus
from thetaloom.domain.run.runs import StepName, WorkflowRun
from thetaloom.domain.strategy.evaluation import Evaluation
from thetaloom.domain.strategy.exit_rules import ExitKind, ExitRule, ExitUnit
from thetaloom.domain.strategy.metrics import Metric
from thetaloom.domain.strategy.rule_words import exit_conditions, exit_number
from thetaloom.domain.values.money import HUNDRED, NOTHING, Money, Price
from thetaloom.engine.desk import Desk
from thetaloom.engine.entry_facts import entry_facts
from thetaloom.engine.findings import ExitFinding, Indicators, Judgement
from thetaloom.engine.lineage import given_to, output_of
from thetaloom.engine.marks import PositionView, delta_and_iv
from thetaloom.errors import NotFound
from thetaloom.ports.store import UnitOfWork

Trades = Sequence[tuple[Order, Fill]]
DECIDED = frozenset({OrderPurpose.EXIT, OrderPurpose.ROLL})  # orders that the newest decision to close has made


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryRecord:
    """What the run knew when it entered; ``None`` is unknown."""

    spot: Price | None = None
    iv: Decimal | None = None
    evaluation: Evaluation | None = None  # of one structure
    score: Decimal | None = None
    metrics: Mapping[Metric, Decimal] = field(default_factory=dict)
    regime: str | None = None
    dte: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRecord:
    """What was meant to happen; money is of the whole position, ``None`` where no plain rule says it."""

    price: Price | None = None  # the mid that was approved
    buying_power: Money | None = None  # that was to be tied up, of what was filled
    reasons: tuple[str, ...] = ()
    biases: tuple[str, ...] = ()
    target: Money | None = None  # the profit at which the target closes all
    stop: Money | None = None  # the loss at which the stop closes all, positive
    exit_dte: int | None = None
    risk: Money | None = None  # one R
    rules: tuple[str, ...] = ()  # all exits, in words


@dataclass(frozen=True, slots=True, kw_only=True)
class ExitRecord:
    """What was known when it was closed; ``None`` is unknown."""

    spot: Price | None = None
    iv: Decimal | None = None
    delta: Decimal | None = None  # of one structure per share
    iv_rank: Decimal | None = None
    vix: Decimal | None = None
    regime: str | None = None
    dte: int | None = None
    mid: Price | None = None  # of one structure, when closing was decided
    order: Order | None = None  # that the decision made


def read_entry_record(desk: Desk, uow: UnitOfWork, position: Position) -> EntryRecord:
    """Return what was known at the entry; of an adopted position that is its time alone."""
    known, dte = entry_facts(desk, uow, position), _dte(desk, position, position.opened_at)
    try:
        judged = output_of(desk, uow, position.run_id, StepName.EVALUATE, Judgement)
    except NotFound:
        return EntryRecord(spot=known.spot, iv=known.iv, dte=dte)
    try:
        market = output_of(desk, uow, position.run_id, StepName.COMPUTE_INDICATORS, Indicators)
    except NotFound:
        market = None
    regime = None if market is None else market.view.words.get("regime")
    return EntryRecord(
        spot=known.spot,
        iv=known.iv,
        evaluation=judged.evaluation,
        score=None if judged.score is None else judged.score.total,
        metrics={} if market is None else market.metrics,
        regime=None if regime is None else regime.word,
        dte=dte,
    )


def read_plan(
    uow: UnitOfWork, position: Position, run: WorkflowRun | None, proposals: Sequence[Proposal], trades: Trades
) -> PlanRecord:
    """Return the plan of a trade: what was approved, and the exits of the strategy's revision."""
    approved = [one for one in proposals if one.status is ProposalStatus.APPROVED]
    last = approved[-1] if approved else None
    stored = None
    if run is not None:
        stored = uow.strategies.revision(run.user_id, run.strategy_id, run.strategy_revision)
    rules = () if stored is None else stored.strategy.exits
    premium, quantity = opening_cash(trades), position.opened_quantity
    most = _most(position, premium)
    risk = risk_by_rules(rules, premium, most, held=quantity, opened=quantity)
    amounts = {
        kind: next((_dollars(rule, premium, most, risk) for rule in rules if _is_plain(rule, kind)), None)
        for kind in (ExitKind.PROFIT_TARGET, ExitKind.STOP_LOSS)
    }
    days = [int(rule.threshold) for rule in rules if _is_plain(rule, ExitKind.DTE)]
    return PlanRecord(
        price=None if last is None else last.mid_price,
        buying_power=None if last is None else _share(last.buying_power_effect, quantity, last.quantity),
        reasons=() if last is None else last.reasons,
        biases=() if stored is None else tuple(sorted(bias.value for bias in stored.strategy.biases)),
        target=amounts[ExitKind.PROFIT_TARGET],
        stop=amounts[ExitKind.STOP_LOSS],
        exit_dte=max(days, default=None),
        risk=risk,
        rules=tuple(_in_words(rule) for rule in rules),
    )


def read_exit_record(desk: Desk, uow: UnitOfWork, position: Position, trades: Trades) -> ExitRecord:
    """Return what was known at the exit: by the decision to close, and of the market right after it."""
    if position.closed_at is None:
        return ExitRecord()
    market = uow.care.exit_market(position.id)
    dte = _dte(desk, position, position.closed_at)
    last = trades[-1][0] if trades else None
    marks = None
    if last is not None and last.effect is Effect.CLOSE and last.purpose in DECIDED:
        try:
            said = output_of(desk, uow, position.run_id, StepName.MANAGE_POSITION, ExitFinding)
        except NotFound:
            said = None
        marks = said.marks if said is not None and said.kind == "close" else None
    delta, iv = (None, None) if marks is None else _greeks_of(desk, uow, position)
    spot = None if marks is None else marks.spot
    return ExitRecord(
        spot=spot if spot is not None or market is None else market.spot,
        iv=iv,
        delta=delta,
        iv_rank=None if market is None else market.iv_rank,
        vix=None if market is None else market.vix,
        regime=None if market is None else market.regime,
        dte=dte,
        mid=None if marks is None else marks.close_price,
        order=None if marks is None else last,
    )


def _greeks_of(desk: Desk, uow: UnitOfWork, position: Position) -> tuple[Decimal | None, Decimal | None]:
    view = given_to(desk, uow, position.run_id, StepName.MANAGE_POSITION, "view", PositionView)
    return delta_and_iv(view)


def opening_cash(trades: Trades) -> Money:
    """Return what all opening fills brought before fees; what was paid is negative."""
    return sum((cash_of(order, fill) for order, fill in trades if order.effect is Effect.OPEN), NOTHING)


def cash_of(order: Order, fill: Fill) -> Money:
    """Return what one fill brought before fees."""
    return fill.price.times(order.legs[0].contract.multiplier, fill.quantity)


def _most(position: Position, premium: Money) -> Money | None:
    if len({leg.contract.expires_on for leg in position.legs}) > 1 or not position.opened_quantity:
        return None  # what the later leg is worth then is a matter of models
    cost = closing_cost_max(position.legs)
    return None if cost is None else cost.times(position.multiplier, position.opened_quantity) - premium


def _share(whole: Money, filled: int, approved: int) -> Money:
    return whole if filled == approved else Money(Decimal(whole) * filled / approved).to_cents()


def _is_plain(rule: ExitRule, kind: ExitKind) -> bool:
    return rule.kind is kind and rule.quantity_percent == HUNDRED and not rule.has_condition


def _dollars(rule: ExitRule, premium: Money, most: Money | None, risk: Money | None) -> Money | None:
    if rule.unit is ExitUnit.DOLLARS:
        return Money(rule.threshold)
    if rule.unit is ExitUnit.PERCENT_OF_PREMIUM:
        return Money(abs(Decimal(premium)) * rule.threshold / HUNDRED)
    whole = most if rule.unit is ExitUnit.PERCENT_OF_MAX_LOSS else risk
    if whole is None:
        return None
    return whole * rule.threshold if rule.unit is ExitUnit.R else whole * (rule.threshold / HUNDRED)


def _in_words(rule: ExitRule) -> str:
    words = (rule.kind.value.replace("_", " "), exit_number(rule), *exit_conditions(rule))
    return ", ".join(filter(None, (" ".join(filter(None, words[:2])), *words[2:])))


def _dte(desk: Desk, position: Position, at: datetime) -> int | None:
    day: date = desk.calendar.exchange_date(at)
    return min(((leg.contract.expires_on - day).days for leg in position.legs), default=None)
