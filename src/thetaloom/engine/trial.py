"""A strategy tried on one market: what it would select, expiration by expiration, and all that is said of it."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from thetaloom.domain.book.targets import TargetOrder, target_orders, target_text
from thetaloom.domain.market.chain import OptionChain
from thetaloom.domain.market.expirations import Expiration, list_expirations
from thetaloom.domain.strategy.cautions import cautions
from thetaloom.domain.strategy.evaluation import Evaluation, LegEvaluation
from thetaloom.domain.strategy.judging import Judged
from thetaloom.domain.strategy.one_check import UNKNOWN, Check
from thetaloom.domain.strategy.ranking import MarketState, judge_selection, readings_of
from thetaloom.domain.strategy.selection import Rejection, Selection, select_structure
from thetaloom.domain.strategy.strategies import ExitKind, ExpirationRule, Preference, Strategy
from thetaloom.domain.values.calendar import DAYS_PER_YEAR, TradingCalendar
from thetaloom.domain.values.ids import UserId
from thetaloom.domain.values.money import Money, Price
from thetaloom.domain.values.reasons import Verdict
from thetaloom.engine.desk import Desk, EngineSettings
from thetaloom.engine.ranking import read_state
from thetaloom.engine.steps import compute_indicators
from thetaloom.errors import InvalidInput
from thetaloom.ports.market_data import MarketData

WISHES = (0, 7, 14, 21, 30, 45, 60)  # days to expiration that a strategy is tried for when none are named
WISH_MAX = 90
WISHES_MAX = 31
TOLERANCE_DAYS = 15
MONTHLY_FROM = 30  # wishes from here on want a monthly expiration; shorter ones take what is nearest

Record = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One try: the expiration taken, the structure found there with its numbers, and what stands against it."""

    wish: int | None  # days to expiration asked for; None = this expiration and no other
    front: Expiration | None  # None: no expiration would do
    selection: Selection
    verdict: Verdict  # the first no, or a yes
    evaluation: Evaluation | None = None
    judged: Judged | None = None
    targets: tuple[TargetOrder, ...] = ()
    errors: tuple[str, ...] = ()  # every rule that failed or whose answer is not known
    warnings: tuple[str, ...] = ()

    @property
    def is_valid(self) -> bool:
        """Whether no rule failed and none is unknown."""
        return self.verdict.is_allowed and not self.errors


def try_expirations(strategy: Strategy, market: MarketState, *, relaxed: bool = False) -> tuple[Trial, ...]:
    """Try a strategy on each expiration listed, the earliest first."""
    select = _selector(strategy, market, relaxed=relaxed)
    return tuple(
        _trial(strategy, market, select(front, None, front.years), front=front, relaxed=relaxed)
        for front in market.expirations
    )


def try_wishes(
    strategy: Strategy, market: MarketState, wishes: Sequence[int], *, relaxed: bool = False
) -> tuple[Trial, ...]:
    """Try a strategy for each of the days to expiration wished, within 15 days of them.

    The wish takes the place of the strategy's own window; an expiration outside of that window carries a warning.
    """
    refuse_wishes(wishes)
    select = _selector(strategy, market, relaxed=relaxed)
    trials = []
    for wish in dict.fromkeys(wishes):
        selection = select(None, wished_window(strategy, wish), wish / DAYS_PER_YEAR)
        front = _front_of(selection, market.expirations)
        trials.append(_trial(strategy, market, selection, front=front, relaxed=relaxed, wish=wish))
    return tuple(trials)


def refuse_wishes(wishes: Sequence[int]) -> None:
    """Raise ``InvalidInput`` for days to expiration that nobody can wish for."""
    wrong = next((wish for wish in wishes if not 0 <= wish <= WISH_MAX), None)
    if wrong is not None:
        raise InvalidInput(f"dte: {wrong} is not from 0 to {WISH_MAX}", details={"dte": "is out of range"})
    if not 0 < len(wishes) <= WISHES_MAX:
        raise InvalidInput(f"dte: names {len(wishes)}, not 1 to {WISHES_MAX}", details={"dte": "is too long a list"})


def wished_window(strategy: Strategy, wish: int) -> ExpirationRule:
    """Return the rule of expirations for a wish: monthly ones first from 30 days on, as the strategy likes before."""
    own = strategy.expiration.prefer
    wished = Preference.MONTHLY if wish >= MONTHLY_FROM else Preference.NEAREST
    return ExpirationRule(
        dte_min=max(0, wish - TOLERANCE_DAYS),
        dte_max=wish + TOLERANCE_DAYS,
        dte_target=wish,
        prefer=own if own is Preference.WEEKLY else wished,
    )


def read_trial_market(
    market: MarketData,
    calendar: TradingCalendar,
    settings: EngineSettings,
    chain: OptionChain,
    *,
    capital: Money | None,
    shares_held: int | None,
) -> MarketState:
    """Read the market at the instant of a chain; whether the exchange was open then is left aside."""
    now = chain.as_of
    expirations = list_expirations(chain, calendar, now)
    given = compute_indicators.inputs_of(market, calendar, settings, chain, expirations, now)
    return MarketState(
        chain=chain,
        expirations=expirations,
        view=compute_indicators.decide(given).view,
        now=now,
        today=calendar.exchange_date(now),
        rates=settings.rates,
        dividend_yield=settings.dividend_yield,
        tradeable_capital=capital,
        shares_held=shares_held,
    )


def read_desk(desk: Desk, user: UserId, symbol: str) -> MarketState:
    """Read the desk's own market and account of this moment as strategies are tried on them."""
    state = read_state(desk, user, symbol, desk.clock.now())
    return replace(state, is_open=None, next_open="", data_age_seconds_max=None)


def _selector(
    strategy: Strategy, market: MarketState, *, relaxed: bool
) -> Callable[[Expiration | None, ExpirationRule | None, float], Selection]:
    readings = readings_of(market.view)

    def select(front: Expiration | None, window: ExpirationRule | None, years: float) -> Selection:
        return select_structure(
            strategy,
            market.chain,
            market.expirations,
            now=market.now,
            rate=market.rates.at(years),
            dividend_yield=market.dividend_yield,
            tradeable_capital=market.tradeable_capital,
            readings=readings,
            relaxed=relaxed,
            front=front,
            window=window,
        )

    return select


def _front_of(selection: Selection, expirations: Iterable[Expiration]) -> Expiration | None:
    near = {leg.contract.root for leg in selection.legs if leg.contract.expires_on == selection.expires_on}
    return next((one for one in expirations if one.expires_on == selection.expires_on and one.root in near), None)


def _trial(
    strategy: Strategy,
    market: MarketState,
    selection: Selection,
    *,
    front: Expiration | None,
    relaxed: bool,
    wish: int | None = None,
) -> Trial:
    if not selection.legs or front is None:
        verdict = _refusal(selection, wish)
        errors = _selection_errors(selection, verdict, wish)
        return Trial(wish=wish, front=front, selection=selection, verdict=verdict, errors=errors)
    evaluation, judged = judge_selection(strategy, market, readings_of(market.view), selection, forced=relaxed)
    failed = [check for check in judged.checks if not check.verdict.is_allowed]
    return Trial(
        wish=wish,
        front=front,
        selection=selection,
        verdict=judged.verdict,
        evaluation=evaluation,
        judged=judged,
        targets=target_orders(evaluation, strategy),
        errors=tuple(map(_failure, failed)),
        warnings=(*_about_wish(strategy, wish, front), *cautions(strategy, evaluation, front)),
    )


def _failure(check: Check) -> str:
    gap = "" if check.distance == UNKNOWN else f", {check.distance} from a yes"
    return f"{_code(check.verdict)}: {check.name} is {check.value}, allowed {check.limit}{gap}"


def _refusal(selection: Selection, wish: int | None) -> Verdict:
    # Of one expiration alone: the leg that found no strike, or why the date itself does not do.
    if wish is not None or not selection.rejections:
        return selection.verdict
    first = selection.rejections[0]
    return first.verdict if first.leg is None else _of_leg(first)


def _of_leg(refused: Rejection) -> Verdict:
    said = refused.verdict
    facts = {"leg": str(refused.leg), **said.facts}
    return Verdict(answer=said.answer, reason=said.reason, facts=facts)


def _selection_errors(selection: Selection, verdict: Verdict, wish: int | None) -> tuple[str, ...]:
    legs = [one for one in selection.rejections if one.leg is not None]
    if not legs:
        return (_said(verdict),)
    return tuple(f"{f'{one.expires_on}: ' if wish is not None else ''}{_said(_of_leg(one))}" for one in legs)


def _said(verdict: Verdict) -> str:
    facts = ", ".join(f"{name} {fact}" for name, fact in verdict.facts.items())
    return f"{_code(verdict)}: {facts}" if facts else _code(verdict)


def _code(verdict: Verdict) -> str:
    return verdict.reason.value if verdict.reason else verdict.answer.value


def _about_wish(strategy: Strategy, wish: int | None, front: Expiration) -> Iterator[str]:
    if wish is None:
        return
    prefers = wished_window(strategy, wish).prefer
    if prefers is Preference.MONTHLY and not front.is_monthly and strategy.expiration.prefer is not Preference.MONTHLY:
        yield (
            f"no monthly expiration within {TOLERANCE_DAYS} days of {wish} DTE will do; "
            f"{front.expires_on} is a weekly one"
        )
    own = strategy.expiration
    if not own.dte_min <= front.dte <= own.dte_max:
        yield f"{front.dte} DTE lie outside the strategy's own {own.dte_min} to {own.dte_max}; no run would take them"
    for rule in strategy.exits:
        if rule.kind is ExitKind.DTE and front.dte <= rule.threshold:
            yield f"the exit at {rule.threshold} DTE closes a position of {front.dte} DTE at once"


def trial_record(trial: Trial) -> Record:
    """Return a trial as programs get it; what is not known is ``None``, never zero."""
    front, found = trial.front, trial.evaluation
    legs = () if found is None else found.legs
    return {
        "dte_wanted": trial.wish,
        "valid": trial.is_valid,
        "expiration": None if front is None else front.expires_on,
        "root": None if front is None else front.root,
        "dte": None if front is None else front.dte,
        "is_monthly": None if front is None else front.is_monthly,
        "structure": None if found is None else found.structure_name,
        "legs": [_leg_record(one) for one in legs],
        **_numbers(found),
        "score": None
        if trial.judged is None
        else {"total": trial.judged.score.total, "label": trial.judged.score.label.value},
        "targets": [_target_record(target) for target in trial.targets],
        "verdict": {
            "answer": trial.verdict.answer.value,
            "reason": trial.verdict.reason.value if trial.verdict.reason else None,
            "text": trial.verdict.reason.text if trial.verdict.reason else "",
            "facts": dict(trial.verdict.facts),
        },
        "errors": trial.errors,
        "warnings": trial.warnings,
        "reasons": (*trial.selection.reasons, *map(target_text, trial.targets)),
        "checks": () if trial.judged is None else trial.judged.checks,
    }


def _numbers(found: Evaluation | None) -> Record:
    names = ("mid_price", "natural_price", "max_profit", "max_loss", "pop", "p50", "expected_value")
    greeks = ("net_delta", "net_gamma", "net_theta", "net_vega")
    return {
        "price_effect": None if found is None or found.mid_price is None else price_effect(found.mid_price),
        **{name: None if found is None else getattr(found, name) for name in (*names, *greeks)},
        "max_profit_unlimited": None if found is None else found.is_profit_unlimited,
        "max_loss_unlimited": None if found is None else found.is_loss_unlimited,
        "breakevens": () if found is None else found.breakevens,
        "touches": []
        if found is None
        else [
            {"right": one.right.value, "strike": one.strike, "probability": one.probability} for one in found.touches
        ],
    }


def price_effect(price: Price) -> str:
    """Return whether a net price is received or paid."""
    return "credit" if price > 0 else "debit" if price < 0 else "even"


def _leg_record(one: LegEvaluation) -> Record:
    leg, contract = one.leg, one.leg.contract
    return {
        "name": one.name,
        "side": "buy" if leg.ratio > 0 else "sell",
        "ratio": leg.ratio,
        "notation": leg.notation,
        "occ_symbol": contract.occ_symbol,
        "root": contract.root,
        "expires_on": contract.expires_on,
        "right": contract.right.value,
        "strike": contract.strike,
        "bid": one.bid,
        "ask": one.ask,
        "mid": one.mid,
        "iv": one.iv,
        "delta": one.delta,
        "open_interest": one.open_interest,
        "volume": one.volume,
        "quote_age_seconds": one.quote_age_seconds,
    }


def _target_record(target: TargetOrder) -> Record:
    return {
        "name": target.name,
        "legs": [leg.notation for leg in target.legs],
        "quantity": target.quantity,
        "percent": target.percent,
        "entry_credit": target.entry_credit,
        "limit_price": target.limit_price,
    }
