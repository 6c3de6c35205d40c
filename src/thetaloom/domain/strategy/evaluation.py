"""The numbers about a candidate: its legs with their quotes and greeks, its prices, payoff and chance of profit.

Volatilities and greeks come from the model that a contract's exercise style calls for, named beside them. Every
float kept is rounded to ten places, so that the same inputs give the same record to the byte.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from thetaloom.domain.market.chain import OptionChain
from thetaloom.domain.market.expirations import Expiration
from thetaloom.domain.market.leg_greeks import FLOAT_PLACES, LegGreeks, greeks_model, leg_greeks
from thetaloom.domain.market.quotes import judge_quote
from thetaloom.domain.strategy.horizon import HorizonLeg, horizon_payoff
from thetaloom.domain.strategy.payoff import (
    LegKind,
    Payoff,
    PayoffLeg,
    exact_payoff,
    multiplier_of,
    payoff_legs,
    probability_of_profit,
    tidy,
)
from thetaloom.domain.strategy.probabilities import ProbabilityLeg, structure_probabilities
from thetaloom.domain.strategy.structures import Leg, is_single_expiration, max_width, name_structure
from thetaloom.domain.values.instruments import ExerciseStyle, Right
from thetaloom.domain.values.money import CENT, Money, Price
from thetaloom.domain.values.reasons import ALLOWED, Reason, Verdict, unknown

GREEK_STEP = Decimal("0.0001")
POP_STEP = Decimal("0.0001")
POP_MODEL = "lognormal with risk-neutral drift, at each breakeven the volatility interpolated between the legs' own"


@dataclass(frozen=True, slots=True, kw_only=True)
class LegEvaluation:
    """One leg with its quote; greeks are per share of a long contract, whichever side the leg is on."""

    leg: Leg
    name: str = ""  # as the strategy names it
    bid: Price | None
    ask: Price | None
    mid: Price | None
    iv: float | None  # implied by the mid, 0.20 = 20 %
    delta: float | None
    gamma: float | None
    theta: float | None  # per calendar day
    vega: float | None  # per vol point
    bid_ask_width: Price | None
    open_interest: int | None
    volume: int | None
    quote_age_seconds: int | None
    verdict: Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class TouchChance:
    """The chance that the underlying reaches a short strike before that leg expires."""

    right: Right
    strike: Decimal
    probability: Decimal  # 0 to 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """One structure at a snapshot. Prices are per share, credit positive; money and greeks hold the multiplier.

    Prices are of the options alone. Shares beside them count in the payoff, the chance of profit and the delta as
    if they had been bought, or sold short, at spot.
    ``None`` is unknown; for max profit and max loss it is unlimited where the flag beside it says so.
    """

    structure_name: str
    legs: tuple[LegEvaluation, ...]
    mid_price: Price | None
    natural_price: Price | None  # what it brings at once: buying at the ask, selling at the bid
    width: Price | None
    max_profit: Money | None
    max_loss: Money | None  # positive
    is_profit_unlimited: bool
    is_loss_unlimited: bool
    breakevens: tuple[Price, ...]
    pop: Decimal | None  # 0 to 1
    pop_model: str
    p50: Decimal | None = None  # 0 to 1; half of the most profit is reached before the nearest expiration
    touches: tuple[TouchChance, ...] = ()
    expected_value: Money | None = None  # mean profit at the nearest expiration, before fees
    probability_models: tuple[str, ...] = ()
    net_delta: Decimal | None  # shares
    net_gamma: Decimal | None  # shares per dollar
    net_theta: Decimal | None  # dollars per calendar day
    net_vega: Decimal | None  # dollars per vol point
    greeks_model: str = ""
    verdict: Verdict
    shares: int = 0  # per structure, held beside the legs


@dataclass(frozen=True, slots=True, kw_only=True)
class _Market:
    """What all legs are judged and priced by."""

    chain: OptionChain
    now: datetime
    years: dict[tuple[str, date], float]  # by root and expiration
    rate: float
    dividend_yield: float
    quote_age_max: timedelta
    shares: int

    def years_of(self, leg: Leg) -> float | None:
        return self.years.get((leg.contract.root, leg.contract.expires_on))


def evaluate_structure(
    legs: tuple[Leg, ...],
    chain: OptionChain,
    *,
    now: datetime,
    expirations: tuple[Expiration, ...],
    rate: float,
    dividend_yield: float,
    quote_age_max: timedelta,
    names: Sequence[str] = (),
    shares: int = 0,
    net_price: Price | None = None,
    with_chances: bool = True,
) -> Evaluation:
    """Return the numbers of one structure. A leg that can't be believed leaves prices unknown and the verdict a no.

    ``names`` are the strategy's for the legs; ``shares`` are held beside one structure, negative when sold short.
    With ``net_price`` they are those of a trade at this price instead of at mid; the quotes stay as they are.
    Without chances P50, touches and the mean stay unknown; they take a third of the time.
    """
    years = {(expiration.root, expiration.expires_on): expiration.years for expiration in expirations}
    market = _Market(
        chain=chain,
        now=now,
        years=years,
        rate=rate,
        dividend_yield=dividend_yield,
        quote_age_max=quote_age_max,
        shares=shares,
    )
    named = zip(legs, names or [""] * len(legs), strict=True)
    evaluated = tuple(_evaluate_leg(leg, name, market) for leg, name in named)
    verdict = next((one.verdict for one in evaluated if not one.verdict.is_allowed), ALLOWED)
    mid, natural = (_mid_price(evaluated), _natural_price(evaluated)) if verdict.is_allowed else (None, None)
    mid = mid if net_price is None or mid is None else net_price
    payoff = None if mid is None else _payoff(evaluated, mid, market)
    width = max_width(legs)
    net_delta = _net(evaluated, [one.delta for one in evaluated])
    return Evaluation(
        structure_name=name_structure(legs, shares),
        legs=evaluated,
        mid_price=mid,
        natural_price=natural,
        width=None if width is None else Price(width),
        max_profit=None if payoff is None else payoff.max_profit,
        max_loss=None if payoff is None else payoff.max_loss,
        is_profit_unlimited=payoff is not None and payoff.max_profit is None,
        is_loss_unlimited=payoff is not None and payoff.max_loss is None,
        breakevens=() if payoff is None else payoff.breakevens,
        pop=None if payoff is None else _pop(payoff, evaluated, market),
        pop_model=POP_MODEL,
        **(_chances(payoff, evaluated, market) if with_chances else {}),
        net_delta=None if net_delta is None else net_delta + shares,
        net_gamma=_net(evaluated, [one.gamma for one in evaluated]),
        net_theta=_net(evaluated, [one.theta for one in evaluated]),
        net_vega=_net(evaluated, [one.vega for one in evaluated]),
        greeks_model=greeks_model(leg.contract for leg in legs),
        verdict=verdict,
        shares=shares,
    )


def _evaluate_leg(leg: Leg, name: str, market: _Market) -> LegEvaluation:
    index = market.chain.find(leg.contract)
    quote = None if index is None else market.chain.quote(index)
    verdict = judge_quote(quote, market.now, market.quote_age_max, to_sell=leg.ratio < 0)
    if verdict.is_allowed:
        verdict = _judge_market(leg, market)
    mid = quote.mid if quote is not None and verdict.is_allowed else None
    greeks = _implied(leg, mid, market)
    return LegEvaluation(
        leg=leg,
        name=name,
        bid=None if quote is None else quote.bid,
        ask=None if quote is None else quote.ask,
        mid=mid,
        iv=greeks.iv,
        delta=greeks.delta,
        gamma=greeks.gamma,
        theta=greeks.theta,
        vega=greeks.vega,
        bid_ask_width=None if quote is None else quote.bid_ask_width,
        open_interest=None if index is None else _count(market.chain.open_interest[index]),
        volume=None if index is None else _count(market.chain.volume[index]),
        quote_age_seconds=None if quote is None else math.ceil(quote.age(market.now).total_seconds()),
        verdict=verdict,
    )


def _judge_market(leg: Leg, market: _Market) -> Verdict:
    if market.chain.spot is None or market.chain.spot <= 0:
        return unknown(Reason.NO_SPOT, symbol=market.chain.underlying)
    if market.years_of(leg) is None:  # it no longer trades, or the calendar does not reach it
        return unknown(Reason.NO_EXPIRATION, leg=leg.notation)
    return ALLOWED


def _implied(leg: Leg, mid: Price | None, market: _Market) -> LegGreeks:
    years, spot = market.years_of(leg), market.chain.spot
    if mid is None or years is None or spot is None:
        return LegGreeks()
    return leg_greeks(leg.contract, mid, spot=spot, years=years, rate=market.rate, dividend_yield=market.dividend_yield)


def quoted_mid(found: Evaluation) -> Price | None:
    """Return the net mid of the legs' quotes, whatever price the rest was judged at; ``None`` where one has none."""
    return None if any(one.mid is None for one in found.legs) else _mid_price(found.legs)


def _mid_price(legs: Sequence[LegEvaluation]) -> Price:
    return _net_price([(one.leg, one.mid) for one in legs])


def _natural_price(legs: Sequence[LegEvaluation]) -> Price:
    return _net_price([(one.leg, one.ask if one.leg.ratio > 0 else one.bid) for one in legs])


def _net_price(priced: Sequence[tuple[Leg, Price | None]]) -> Price:
    return Price(tidy(sum((Decimal(price or 0) * -leg.ratio for leg, price in priced), Decimal(0))))


def _payoff(legs: Sequence[LegEvaluation], mid_price: Price, market: _Market) -> Payoff | None:
    plain = [one.leg for one in legs]
    stock, net_price = _stock(payoff_legs(plain), mid_price, market)
    if is_single_expiration(plain):
        parts = (*payoff_legs(plain), *stock)
        return exact_payoff(parts, net_price, multiplier_of(parts))
    years = [market.years_of(leg) or 0.0 for leg in plain]
    left = [life - min(years) for life in years]
    if any(life > 0 and one.iv is None for one, life in zip(legs, left, strict=True)):
        return None
    alive = [
        HorizonLeg(
            leg=part,
            years_left=life,
            iv=one.iv or 0.0,
            early_exercise=one.leg.contract.exercise_style is ExerciseStyle.AMERICAN,
        )
        for part, one, life in zip(payoff_legs(plain), legs, left, strict=True)
    ]
    alive += [HorizonLeg(leg=part, years_left=0.0) for part in stock]
    return horizon_payoff(alive, net_price, rate=market.rate, dividend_yield=market.dividend_yield)


def _stock(parts: Sequence[PayoffLeg], mid_price: Price, market: _Market) -> tuple[list[PayoffLeg], Price]:
    spot = market.chain.spot
    if not market.shares or spot is None:
        return [], mid_price
    stock = PayoffLeg(kind=LegKind.STOCK, quantity=market.shares, price=spot)
    paid = Decimal(spot) * market.shares / multiplier_of(parts)
    return [stock], Price(Decimal(mid_price) - paid)


def _pop(payoff: Payoff, legs: Sequence[LegEvaluation], market: _Market) -> Decimal | None:
    spot, years = market.chain.spot, [market.years_of(one.leg) for one in legs]
    by_strike: dict[float, list[float]] = {}
    for one in legs:
        if one.iv is not None:
            by_strike.setdefault(float(one.leg.contract.strike), []).append(one.iv)
    if spot is None or not by_strike:
        return None
    chance = probability_of_profit(
        payoff,
        spot=float(spot),
        years=min(life for life in years if life is not None),
        ivs={strike: math.fsum(ivs) / len(ivs) for strike, ivs in by_strike.items()},
        rate=market.rate,
        dividend_yield=market.dividend_yield,
    )
    return Decimal(repr(chance)).quantize(POP_STEP)


def _chances(payoff: Payoff | None, legs: Sequence[LegEvaluation], market: _Market) -> dict[str, Any]:
    lives = [market.years_of(one.leg) for one in legs]
    if payoff is None or market.chain.spot is None or any(one.iv is None for one in legs) or None in lives:
        return {}
    parts = [
        ProbabilityLeg(
            leg=part,
            years=life or 0.0,
            iv=one.iv or 0.0,
            early_exercise=one.leg.contract.exercise_style is ExerciseStyle.AMERICAN,
        )
        for part, one, life in zip(payoff_legs([one.leg for one in legs]), legs, lives, strict=True)
    ]
    stock, _ = _stock([part.leg for part in parts], payoff.net_price, market)
    parts += [ProbabilityLeg(leg=held) for held in stock]
    found = structure_probabilities(
        parts, payoff, spot=float(market.chain.spot), rate=market.rate, dividend_yield=market.dividend_yield
    )
    return {
        "p50": None if found.p50 is None else Decimal(repr(found.p50)).quantize(POP_STEP),
        "touches": tuple(
            TouchChance(
                right=touch.right,
                strike=touch.strike,
                probability=Decimal(repr(round(touch.probability, FLOAT_PLACES))).quantize(POP_STEP),
            )
            for touch in found.touches
        ),
        "expected_value": None
        if found.expected_value is None
        else Money(Decimal(repr(round(found.expected_value, 6))).quantize(CENT) + 0),
        "probability_models": tuple(f"{name}: {model}" for name, model in found.models.items()),
    }


def _net(legs: Sequence[LegEvaluation], greeks: Sequence[float | None]) -> Decimal | None:
    multiplier = multiplier_of(payoff_legs([one.leg for one in legs]))
    products = [one.leg.ratio * greek for one, greek in zip(legs, greeks, strict=True) if greek is not None]
    if len(products) < len(legs):
        return None
    net = Decimal(repr(round(math.fsum(products) * multiplier, FLOAT_PLACES))).quantize(GREEK_STEP)
    return net + 0  # never -0.0000


def _count(number: float) -> int | None:
    return None if math.isnan(number) else int(number)
