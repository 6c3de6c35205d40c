"""A trade that somebody thinks of, judged as a run would judge it; nothing is written or sent."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from thetaloom.domain.book.reports import AccountSnapshot
from thetaloom.domain.market.expirations import list_expirations, nearest_years
from thetaloom.domain.risk.limits import RiskLimits
from thetaloom.domain.risk.margin import buying_power_effect
from thetaloom.domain.strategy.evaluation import Evaluation, evaluate_structure
from thetaloom.domain.strategy.payoff import expiration_payoff
from thetaloom.domain.strategy.strategies import SizeRule, Strategy
from thetaloom.domain.strategy.structures import Leg, is_single_expiration
from thetaloom.domain.values.ids import RunId, StrategyId, UserId
from thetaloom.domain.values.money import Money, Price
from thetaloom.domain.values.reasons import Verdict
from thetaloom.engine.desk import Desk
from thetaloom.engine.findings import RiskFinding
from thetaloom.engine.held import held_legs
from thetaloom.engine.portfolio import portfolio_of
from thetaloom.engine.risk_check import Wanted, basis_of, judge_risk
from thetaloom.engine.steps import compute_indicators
from thetaloom.errors import InvalidInput, MarketDataUnavailable, NotFound
from thetaloom.ports.store import UnitOfWork

SOME_RULE = SizeRule()


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeIdea:
    """Legs as they would be opened; without a quantity the strategy's rule finds one, else it is one structure."""

    symbol: str
    legs: tuple[Leg, ...]
    quantity: int | None = None
    net_price: Price | None = None  # per share, credit positive; the mid where none is given
    strategy_id: StrategyId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeJudgement:
    """What a run would have said."""

    idea: TradeIdea
    as_of: datetime
    evaluation: Evaluation
    finding: RiskFinding

    @property
    def verdict(self) -> Verdict:
        """The quotes' own no comes first: nothing can be said of what has no market."""
        return self.finding.verdict if self.evaluation.verdict.is_allowed else self.evaluation.verdict


def validate_trade(desk: Desk, user: UserId, idea: TradeIdea) -> TradeJudgement:
    """Judge a trade by the market of this moment and every limit of the user."""
    now, snapshot = desk.clock.now(), desk.broker.account()
    if desk.market.underlying(idea.symbol) is None:
        raise NotFound(f"{desk.market.name} does not know {idea.symbol}", advice="Check the spelling.")
    _refuse_strangers(idea)
    evaluation, metrics = _evaluate(desk, idea, now)
    with desk.store.reading() as uow:
        strategy = _strategy(uow, user, idea.strategy_id)
        limits = RiskLimits.from_settings(uow.accounts.limits(user))
        portfolio = portfolio_of(desk, uow, snapshot, limits, now, without=RunId(""))
        effect = _effect(desk, uow, snapshot, idea, evaluation, now)
        basis = basis_of(desk, uow, idea.symbol, portfolio, limits, strategy, metrics, now)
    finding = judge_risk(basis, _wanted(idea, evaluation, effect, strategy))
    return TradeJudgement(
        idea=idea,
        as_of=now,
        evaluation=evaluation,
        finding=finding,
    )


def _wanted(
    idea: TradeIdea,
    evaluation: Evaluation,
    effect: Callable[[int, bool], Money | None],
    strategy: Strategy | None,
) -> Wanted:
    wanted = Wanted(
        symbol=idea.symbol,
        evaluation=evaluation,
        buying_power_effect=effect(1, False),
        effect_beside_held=lambda quantity: effect(quantity, True),
        size=SOME_RULE,
        quantity=idea.quantity,
    )
    if strategy is None:
        return wanted
    return replace(
        wanted,
        size=strategy.size,
        strategy_id=strategy.id,
        positions_max=strategy.positions_max,
        capital_percent_max=strategy.capital_percent_max,
        undefined_risk_allowed=strategy.allow_undefined_risk,
    )


def _evaluate(desk: Desk, idea: TradeIdea, now: datetime) -> tuple[Evaluation, Mapping[str, Decimal]]:
    chain = desk.market.chain(idea.symbol, now)
    if chain is None:
        raise MarketDataUnavailable(f"there is no chain of {idea.symbol} at this moment")
    settings = desk.settings
    expirations = list_expirations(chain, desk.calendar, now)
    held = {(leg.contract.root, leg.contract.expires_on) for leg in idea.legs}
    lives = [one for one in expirations if (one.root, one.expires_on) in held]
    evaluation = evaluate_structure(
        idea.legs,
        chain,
        now=now,
        expirations=expirations,
        rate=settings.rates.at(nearest_years(lives)),
        dividend_yield=settings.dividend_yield,
        quote_age_max=timedelta(seconds=settings.data_age_seconds_max),
    )
    given = compute_indicators.inputs_of(desk.market, desk.calendar, settings, chain, expirations, now)
    metrics = compute_indicators.decide(given).metrics
    return _at_price(evaluation, idea), {metric.value: number for metric, number in metrics.items()}


def _effect(
    desk: Desk, uow: UnitOfWork, snapshot: AccountSnapshot, idea: TradeIdea, evaluation: Evaluation, now: datetime
) -> Callable[[int, bool], Money | None]:
    spot, price = desk.market.spot(idea.symbol, now), evaluation.mid_price
    held = held_legs(desk, uow, idea.symbol, now) or ()

    def effect(quantity: int, beside_held: bool) -> Money | None:
        if spot is None or price is None:
            return None
        return buying_power_effect(
            idea.legs,
            price,
            spot=spot,
            is_cash_account=snapshot.is_cash_account,
            quantity=quantity,
            prices={one.leg.contract: one.mid for one in evaluation.legs if one.mid is not None},
            held=held if beside_held else (),
            held_shares=(snapshot.shares or {}).get(idea.symbol, 0),
        )

    return effect


def _at_price(evaluation: Evaluation, idea: TradeIdea) -> Evaluation:
    # Of several expirations the payoff is a model's, which starts from the market's own price.
    price = idea.net_price
    if price is None or not is_single_expiration(idea.legs):
        return evaluation
    payoff = expiration_payoff(idea.legs, price)
    return replace(
        evaluation,
        mid_price=price,
        max_profit=payoff.max_profit,
        max_loss=payoff.max_loss,
        is_profit_unlimited=payoff.max_profit is None,
        is_loss_unlimited=payoff.max_loss is None,
        breakevens=payoff.breakevens,
    )


def _strategy(uow: UnitOfWork, user: UserId, strategy: StrategyId | None) -> Strategy | None:
    if strategy is None:
        return None
    stored = uow.strategies.latest(user, strategy)
    if stored is None:
        raise NotFound(f"no strategy has the id {strategy!r}", advice="GET /api/strategies lists them.")
    return stored.strategy


def _refuse_strangers(idea: TradeIdea) -> None:
    strangers: Sequence[str] = [leg.contract.notation for leg in idea.legs if leg.contract.underlying != idea.symbol]
    if strangers:
        raise InvalidInput(
            f"{', '.join(strangers)}: not on {idea.symbol}", details=dict.fromkeys(strangers, "another underlying")
        )
    if len({leg.contract.multiplier for leg in idea.legs}) != 1:
        raise InvalidInput("the legs of a trade have one multiplier")
