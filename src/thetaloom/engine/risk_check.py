"""The size of a trade and every limit it meets: one judgement for runs and for whoever asks beforehand."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal

from thetaloom.domain.risk.budget import RiskBudget, risk_budget
from thetaloom.domain.risk.limits import (
    LegMarket,
    LimitCheck,
    Portfolio,
    RiskLimits,
    Surroundings,
    Trade,
    Warned,
    check_limits,
    first_denial,
)
from thetaloom.domain.risk.sizing import SizeBasis, Sizing, size_trade
from thetaloom.domain.risk.sizing_factors import TrackRecord, track_record
from thetaloom.domain.strategy.evaluation import Evaluation
from thetaloom.domain.strategy.strategies import SizeBy, SizeRule, Strategy
from thetaloom.domain.values.ids import StrategyId
from thetaloom.domain.values.money import HUNDRED, NOTHING, Money
from thetaloom.domain.values.reasons import Reason, unknown
from thetaloom.engine.desk import Desk
from thetaloom.engine.findings import RiskFinding
from thetaloom.engine.history import volatility_index
from thetaloom.engine.portfolio import is_equity, sector_of
from thetaloom.engine.portfolio_greeks import beta_weight
from thetaloom.engine.sent import contracts_of, notional_of
from thetaloom.ports.store import UnitOfWork

BY_RECORD = frozenset({SizeBy.KELLY, SizeBy.SMALLEST})


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskBasis:
    """What the judgement rests on beside the candidate: the account, its limits, and the market around."""

    portfolio: Portfolio
    limits: RiskLimits
    around: Surroundings
    sector: str | None
    is_equity: bool | None
    beta_weight: Decimal | None  # shares of the benchmark that one share weighs; None also where nobody asks
    iv_percent: Decimal | None
    record: TrackRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The trade to be judged; ``quantity`` overrules the strategy's rule of size."""

    symbol: str
    evaluation: Evaluation
    buying_power_effect: Money | None  # of one structure, looked at alone
    effect_beside_held: Callable[[int], Money | None] | None = None  # of so many, beside what is held
    structures_max: int | None = None  # for which the shares last that the account holds
    shares_loss: Money = NOTHING  # what the shares of one structure, held already, can lose by themselves
    size: SizeRule
    quantity: int | None = None
    signal_factor: Decimal | None = None  # of the signal that started it
    strategy_id: str = ""
    positions_max: int | None = None
    capital_percent_max: Decimal | None = None
    undefined_risk_allowed: bool = False


def basis_of(
    desk: Desk,
    uow: UnitOfWork,
    symbol: str,
    portfolio: Portfolio,
    limits: RiskLimits,
    strategy: Strategy | None,
    metrics: Mapping[str, Decimal],
    now: datetime,
) -> RiskBasis:
    """Gather what the judgement rests on; ``metrics`` are the market's readings by name."""
    closed: tuple[Money, ...] = ()
    if strategy is not None and strategy.size.by in BY_RECORD:
        closed = tuple(
            held.realized_pnl for held in uow.positions.closed_of(desk.broker.account_id, StrategyId(strategy.id))
        )
    weighted = limits.in_force().max_beta_delta is not None
    return RiskBasis(
        portfolio=portfolio,
        limits=limits,
        around=surroundings(desk, metrics, now),
        sector=sector_of(desk, symbol),
        is_equity=is_equity(desk, symbol),
        beta_weight=beta_weight(desk, symbol, now) if weighted else None,
        iv_percent=metrics.get("atm_iv"),
        record=track_record(closed),
    )


def surroundings(desk: Desk, metrics: Mapping[str, Decimal], now: datetime) -> Surroundings:
    """Return the market around a trade; the VIX is asked of the source where no reading names it."""
    session = desk.calendar.session_at(now)
    vix = metrics.get("vix")
    if vix is None:
        vix, _ = volatility_index(desk.market, desk.calendar, now)
    return Surroundings(
        vix=None if vix is None else Decimal(vix),
        stress=metrics.get("stress"),
        days_to_earnings=metrics.get("days_to_earnings"),
        days_to_ex_dividend=metrics.get("days_to_ex_dividend"),
        minutes_since_open=None if session is None else int((now - session.open_at).total_seconds() // 60),
        minutes_to_close=desk.calendar.minutes_to_close(now),
    )


def judge_risk(basis: RiskBasis, wanted: Wanted) -> RiskFinding:
    """Size the trade and hold it against every limit."""
    portfolio, limits = basis.portfolio, basis.limits
    budget = budget_now(basis)
    sizing = _sized(basis, wanted, budget)
    blocked_by_limits = sizing.quantity == 0 and sizing.decided_by == "limits"
    if sizing.quantity == 0 and not blocked_by_limits:
        refused = unknown(sizing.reason or Reason.QUANTITY_ZERO, **sizing.facts)
        return RiskFinding(
            verdict=refused,
            quantity=0,
            max_loss=None,
            buying_power_effect=None,
            checks=(),
            sizing=sizing,
            budget=budget,
        )
    # Where the limits leave no room for even one, they say themselves why.
    quantity = sizing.quantity if wanted.structures_max is None else min(sizing.quantity, wanted.structures_max)
    trade = trade_of(basis, wanted, max(quantity, 1))
    if wanted.effect_beside_held is not None:  # never more than alone, as what is held may cover a part
        trade = replace(trade, buying_power_effect=wanted.effect_beside_held(trade.quantity))
    verdict, checks = check_limits(limits, portfolio, trade)
    return RiskFinding(
        verdict=verdict,
        quantity=quantity,
        max_loss=_loss(wanted.evaluation, trade.quantity),
        buying_power_effect=trade.buying_power_effect,
        checks=checks,
        sizing=sizing,
        trade=trade,
        budget=budget,
        needs_confirmation=any(check.warned is Warned.HIGH for check in checks),
        warnings=warnings_of(checks),
    )


def budget_now(basis: RiskBasis) -> RiskBudget:
    """Return the risk budget before the trade."""
    portfolio = basis.portfolio
    return risk_budget(
        basis.limits,
        buying_power=portfolio.buying_power,
        risk_in_use=portfolio.risk_in_use,
        stress=basis.around.stress,
    )


def warnings_of(checks: tuple[LimitCheck, ...]) -> tuple[str, ...]:
    """Return the warnings of the budget in plain words; the loudest alone."""
    loud = [check for check in checks if check.warned is not Warned.NO]
    return tuple(
        f"{check.warned.value}: {check.value:.1f} % of the risk budget would be in use, above {check.limit} %"
        for check in loud[-1:]
    )


def trade_of(basis: RiskBasis, wanted: Wanted, quantity: int) -> Trade:
    """Return the trade as the limits look at it."""
    found, weight = wanted.evaluation, basis.beta_weight
    delta = _times(found.net_delta, quantity)
    legs = [one.leg for one in found.legs]
    return Trade(
        symbol=wanted.symbol,
        quantity=quantity,
        max_loss=_added_loss(wanted, quantity),
        buying_power_effect=None if wanted.buying_power_effect is None else wanted.buying_power_effect * quantity,
        net_delta=delta,
        undefined_risk_allowed=wanted.undefined_risk_allowed,
        beta_delta=None if delta is None or weight is None else delta * weight,
        net_gamma=_times(found.net_gamma, quantity),
        net_theta=_times(found.net_theta, quantity),
        net_vega=_times(found.net_vega, quantity),
        net_price=found.mid_price,
        expires_on=_first_expiration(found),
        sector=basis.sector,
        is_equity=basis.is_equity,
        strategy_id=wanted.strategy_id,
        strategy_positions_max=wanted.positions_max,
        strategy_capital_percent_max=wanted.capital_percent_max,
        legs=legs_market(found),
        around=basis.around,
        contracts=contracts_of(legs, quantity),
        notional=notional_of(legs, quantity),
    )


def legs_market(evaluation: Evaluation) -> LegMarket:
    """Return the worst of the legs in each respect; where one is unknown, so is the worst."""
    legs = evaluation.legs
    widths = [one.bid_ask_width for one in legs if one.bid_ask_width is not None]
    shares = [
        Decimal(one.bid_ask_width) / Decimal(one.mid) * HUNDRED
        for one in legs
        if one.bid_ask_width is not None and one.mid is not None and one.mid > 0
    ]
    interests = [one.open_interest for one in legs if one.open_interest is not None]
    volumes = [one.volume for one in legs if one.volume is not None]
    ages = [one.quote_age_seconds for one in legs if one.quote_age_seconds is not None]
    count = len(legs)
    return LegMarket(
        bid_ask_percent=max(shares) if len(shares) == count else None,
        bid_ask_width=max(widths) if len(widths) == count else None,
        open_interest=min(interests) if len(interests) == count else None,
        volume=min(volumes) if len(volumes) == count else None,
        quote_age_seconds=max(ages) if len(ages) == count else None,
    )


def _sized(basis: RiskBasis, wanted: Wanted, budget: RiskBudget) -> Sizing:
    portfolio, evaluation = basis.portfolio, wanted.evaluation
    undefined = wanted.buying_power_effect if wanted.undefined_risk_allowed else None
    power, reserve = portfolio.buying_power, basis.limits.buying_power_reserve
    size_basis = SizeBasis(
        max_loss=undefined if evaluation.max_loss is None else evaluation.max_loss,
        net_liquidating_value=portfolio.net_liquidating_value,
        buying_power=None if power is None else power - reserve,
        buying_power_effect=wanted.buying_power_effect,
        budget=budget,
        iv_percent=basis.iv_percent,
        vix=basis.around.vix,
        record=basis.record,
        open_positions=portfolio.open_positions,
        signal_factor=wanted.signal_factor,
    )
    rule = wanted.size
    if wanted.quantity is not None:
        rule = SizeRule(by=SizeBy.FIXED, quantity=wanted.quantity)
    return size_trade(
        rule, size_basis, lambda count: first_denial(basis.limits, portfolio, trade_of(basis, wanted, count))
    )


def _loss(evaluation: Evaluation, quantity: int) -> Money | None:
    return None if evaluation.max_loss is None else evaluation.max_loss * quantity


def _added_loss(wanted: Wanted, quantity: int) -> Money | None:
    # What shares can lose that were held before is no risk of this trade.
    loss = _loss(wanted.evaluation, quantity)
    return None if loss is None else max(NOTHING, loss - wanted.shares_loss * quantity)


def _first_expiration(evaluation: Evaluation) -> date | None:
    return min((one.leg.contract.expires_on for one in evaluation.legs), default=None)


def _times(number: Decimal | None, quantity: int) -> Decimal | None:
    return None if number is None else number * quantity
