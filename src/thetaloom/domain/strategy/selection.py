"""From a strategy and a chain to the legs of one structure, with the reason for each choice and each refusal."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal

from thetaloom.domain.market.chain import OptionChain
from thetaloom.domain.market.expirations import Expiration
from thetaloom.domain.market.quotes import judge_quote
from thetaloom.domain.strategy.listing import Listed, Market, Pick, list_side
from thetaloom.domain.strategy.strategies import (
    ExpirationRule,
    LegRule,
    Metric,
    SelectBy,
    Side,
    Strategy,
    Term,
    WidthBy,
    WidthTable,
)
from thetaloom.domain.strategy.strikes import RELAXED_TIMES, pick_strike
from thetaloom.domain.strategy.structures import Leg
from thetaloom.domain.strategy.terms import Rejection, Terms, list_terms, no_terms, why_terms
from thetaloom.domain.values.money import Money
from thetaloom.domain.values.reasons import ALLOWED, Reason, Verdict, denied, unknown

__all__ = ["Rejection", "Selection", "select_structure"]

RELAXED_REASON = f"relaxed: a strike may miss by {RELAXED_TIMES} times its miss_max"
ANY_AGE = timedelta.max  # how old a quote may be is for the checks to say; selection only wants it sane


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """The legs found, in the strategy's order, or the reason why there are none."""

    verdict: Verdict
    legs: tuple[Leg, ...]
    leg_names: tuple[str, ...] = ()  # of ``legs``, as the strategy names them
    expires_on: date | None  # the nearest expiration of the legs
    reasons: tuple[str, ...]  # why this expiration and each strike, in plain words
    rejections: tuple[Rejection, ...]  # every expiration looked at and not taken


def select_structure(
    strategy: Strategy,
    chain: OptionChain,
    expirations: tuple[Expiration, ...],
    *,
    now: datetime,
    rate: float,
    dividend_yield: float,
    tradeable_capital: Money | None = None,
    readings: Mapping[Metric, Decimal] | None = None,
    relaxed: bool = False,
    front: Expiration | None = None,
    window: ExpirationRule | None = None,
) -> Selection:
    """Take the first expiration, or pair of them, by the strategy's preference in which every leg finds its strike.

    ``readings`` are the numbers of the market that drops and guards ask for. A ``relaxed`` selection lets strikes
    miss by three times their ``miss_max``. ``front``, when given, is the only expiration looked at for the legs in
    front; ``window`` takes the place of the strategy's own rule for them.
    """
    if len(chain) == 0:
        return _nothing(denied(Reason.EMPTY_CHAIN, underlying=chain.underlying), [])
    if chain.spot is None or chain.spot <= 0:
        return _nothing(unknown(Reason.NO_SPOT, underlying=chain.underlying, spot=chain.spot), [])
    kept = _keep_legs(strategy, readings or {})
    if isinstance(kept, Verdict):
        return _nothing(kept, [])
    back = strategy.back if any(leg.term is Term.BACK for leg in kept.legs) else None
    rule = window or strategy.expiration
    terms, rejections = list_terms(rule, back, expirations, now)
    if front is not None:
        terms = [choice for choice in terms if choice.front == front]
        rejections = [one for one in rejections if one.expires_on == front.expires_on]
    if not terms:
        return _nothing(no_terms(rule, rejections, expirations), rejections)
    spot = Decimal(chain.spot)
    width = _width(strategy.width_table, spot, tradeable_capital)
    market = Market(
        chain=chain,
        expiration=terms[0].front,
        spot=spot,
        rate=rate,
        dividend_yield=dividend_yield,
        readings=readings or {},
        table_width=width.dollars,
        relaxed=relaxed,
    )
    search = _Search(strategy=strategy, rule=rule, kept=kept, terms=terms, rejections=rejections, width=width, now=now)
    return _first_that_fits(search, market)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Search:
    """Where to look for the legs, in what order, and what is known already."""

    strategy: Strategy
    rule: ExpirationRule
    kept: "_Kept"
    terms: Sequence[Terms]
    rejections: Sequence[Rejection]
    width: "_Width"
    now: datetime


def _first_that_fits(search: _Search, market: Market) -> Selection:
    strategy, kept = search.strategy, search.kept
    refused: list[Rejection] = []
    for choice in search.terms:
        markets = _markets(market, choice)
        picks, failures = _select_legs(kept.legs, markets, search.now)
        if not failures:
            why = why_terms(search.rule, strategy.back, choice, len(search.terms), refused)
            reasons = [*why, *search.width.reasons, *(f"{leg.name}: {picks[leg.name].because}" for leg in kept.legs)]
            return Selection(
                verdict=ALLOWED,
                legs=tuple(_leg(market.chain, leg, picks[leg.name]) for leg in kept.legs),
                leg_names=tuple(leg.name for leg in kept.legs),
                expires_on=min(markets[leg.term].expiration.expires_on for leg in kept.legs),
                reasons=(*reasons, *kept.reasons, *([RELAXED_REASON] if market.relaxed else ())),
                rejections=(*refused, *search.rejections),
            )
        refused.extend(failures)
    first = refused[0]
    facts = {"expires_on": str(first.expires_on), "leg": str(first.leg), **first.verdict.facts}
    return _nothing(replace(first.verdict, facts=facts), [*refused, *search.rejections])


def _nothing(verdict: Verdict, rejections: Sequence[Rejection]) -> Selection:
    return Selection(verdict=verdict, legs=(), expires_on=None, reasons=(), rejections=tuple(rejections))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    legs: Sequence[LegRule]  # those that the market does not have left out
    reasons: Sequence[str]


def _keep_legs(strategy: Strategy, readings: Mapping[Metric, Decimal]) -> _Kept | Verdict:
    dropped: set[str] = set()
    reasons = []
    for drop in strategy.drops:
        reading = readings.get(drop.metric)
        if reading is None:
            return unknown(Reason.SELECTION_UNKNOWN, needed=drop.metric.value, to_drop=", ".join(drop.legs))
        said = f"{drop.metric.value} is {reading:f}, left out when {drop.comparison.value} {drop.threshold:f}"
        if drop.comparison.holds(reading, drop.threshold):
            dropped.update(drop.legs)
            reasons.append(f"{', '.join(drop.legs)}: left out, {said}")
        else:
            reasons.append(f"{', '.join(drop.legs)}: kept, {said}")
    return _Kept(legs=[leg for leg in strategy.legs if leg.name not in dropped], reasons=reasons)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Width:
    dollars: Decimal | Verdict | None  # what the table says, if there is one
    reasons: Sequence[str] = ()


def _width(table: WidthTable | None, spot: Decimal, tradeable_capital: Money | None) -> _Width:
    if table is None:
        return _Width(dollars=None)
    amount = spot if table.by is WidthBy.SPOT else tradeable_capital
    if amount is None:
        return _Width(dollars=unknown(Reason.SELECTION_UNKNOWN, needed=table.by.value))
    dollars = table.width_at(Decimal(amount))
    what = table.by.value.replace("_", " ")
    return _Width(dollars=dollars, reasons=[f"width: {dollars} dollars by the table, {what} is {amount}"])


def _markets(market: Market, choice: Terms) -> dict[Term, Market]:
    markets = {Term.FRONT: replace(market, expiration=choice.front)}
    if choice.back is not None:
        markets[Term.BACK] = replace(market, expiration=choice.back)
    return markets


def _select_legs(
    legs: Sequence[LegRule], markets: Mapping[Term, Market], now: datetime
) -> tuple[dict[str, Pick], list[Rejection]]:
    picks: dict[str, Pick] = {}
    failures: dict[str, Verdict] = {}
    ordered = _measured_last(legs)
    for leg in ordered:
        if leg.strike.of is not None and leg.strike.of not in picks:
            continue  # nothing to measure from; the other leg's reason says it all
        followers = _followers(leg, ordered, markets) if leg.strike.by is SelectBy.NET_CREDIT else []
        market = markets[leg.term]
        found = pick_strike(leg, list_side(market, leg), picks, followers)
        verdict = found if isinstance(found, Verdict) else _judge_pick(leg, found, market, now)
        if isinstance(found, Pick) and verdict.is_allowed:
            picks[leg.name] = found
        else:
            failures[leg.name] = verdict
    failures |= _coinciding(picks)
    day = markets[Term.FRONT].expiration.expires_on
    return picks, [Rejection(expires_on=day, leg=name, verdict=verdict) for name, verdict in failures.items()]


def _followers(
    leg: LegRule, ordered: Sequence[LegRule], markets: Mapping[Term, Market]
) -> list[tuple[LegRule, Listed]]:
    names, followers = {leg.name}, []
    for other in ordered:
        if other.strike.of in names:
            names.add(other.name)
            followers.append((other, list_side(markets[other.term], other)))
    return followers


def _measured_last(legs: Sequence[LegRule]) -> list[LegRule]:
    # A strategy refuses circles and unknown names, so that every round places at least one leg.
    ordered: list[LegRule] = []
    waiting = list(legs)
    while waiting:
        placed = {leg.name for leg in ordered}
        ordered.extend(leg for leg in waiting if leg.strike.of is None or leg.strike.of in placed)
        waiting = [leg for leg in waiting if leg not in ordered]
    return ordered


def _judge_pick(leg: LegRule, pick: Pick, market: Market, now: datetime) -> Verdict:
    verdict = judge_quote(market.chain.quote(pick.index), now, ANY_AGE, to_sell=leg.side is Side.SELL)
    if verdict.is_allowed:
        return verdict
    return replace(verdict, facts={"strike": str(pick.strike), **verdict.facts})


def _coinciding(picks: dict[str, Pick]) -> dict[str, Verdict]:
    first: dict[int, str] = {}
    coinciding = {}
    for name, pick in picks.items():
        other = first.setdefault(pick.index, name)
        if other != name:
            coinciding[name] = denied(Reason.LEGS_COINCIDE, strike=pick.strike, other_leg=other)
    return coinciding


def _leg(chain: OptionChain, rule: LegRule, pick: Pick) -> Leg:
    return Leg(contract=chain.contract(pick.index), ratio=rule.ratio if rule.side is Side.BUY else -rule.ratio)
