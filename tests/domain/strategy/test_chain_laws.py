"""Laws of the selection on made-up chains that look like real ones: sides, widths, pairs, net credits, Tridents."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from itertools import product
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.domain.strategy.samples import CALENDAR, TRIDENT
from thetaloom.domain.market.chain import OptionChain
from thetaloom.domain.market.expirations import Expiration, list_expirations
from thetaloom.domain.strategy.documents import parse_strategy
from thetaloom.domain.strategy.evaluation import Evaluation, evaluate_structure
from thetaloom.domain.strategy.selection import Selection, select_structure
from thetaloom.domain.strategy.strategies import Metric, Strategy
from thetaloom.domain.strategy.structures import Leg
from thetaloom.domain.values.money import Money
from thetaloom.domain.values.reasons import Reason
from thetaloom.marketdata.calendar_table import SHIPPED_TABLE, read_table
from thetaloom.marketdata.clocks import VirtualClock
from thetaloom.marketdata.synthetic import SyntheticMarket

AT = datetime(2026, 1, 28, 16, 30, tzinfo=UTC)
CALM = {Metric.RSI_14: Decimal(50)}
Market = tuple[OptionChain, tuple[Expiration, ...]]


@cache
def market(seed: int, symbol: str) -> Market:
    calendar = read_table(SHIPPED_TABLE)
    source = SyntheticMarket(seed, date(2026, 1, 3), calendar, VirtualClock(AT), 1, (symbol,))
    chain = source.chain(symbol, AT)
    assert chain is not None
    return chain, list_expirations(chain, calendar, AT)


def select(strategy: Strategy, of: Market, **known: Any) -> Selection:
    chain, expirations = of
    given: dict[str, Any] = {"now": AT, "rate": 0.04, "dividend_yield": 0.0, **known}
    return select_structure(strategy, chain, expirations, **given)


def evaluate(found: Selection, of: Market, shares: int = 0) -> Evaluation:
    chain, expirations = of
    return evaluate_structure(
        found.legs,
        chain,
        now=AT,
        expirations=expirations,
        rate=0.04,
        dividend_yield=0.0,
        quote_age_max=timedelta(minutes=5),
        names=found.leg_names,
        shares=shares,
    )


def strategy_of(*legs: dict[str, Any]) -> Strategy:
    window = {"dte_min": 25, "dte_max": 60, "dte_target": 45}
    return parse_strategy({"id": "a", "name": "a", "expiration": window, "legs": list(legs)})


def leg(name: str, side: str, right: str, **rule: Any) -> dict[str, Any]:
    return {"name": name, "side": side, "right": right, "select": rule}


MARKETS = st.builds(market, st.integers(1, 6), st.sampled_from(["SPY", "SPX", "GOOG"]))


@settings(deadline=None)
@given(of=MARKETS, right=st.sampled_from(["put", "call"]), percent=st.integers(0, 12), width=st.integers(1, 30))
def test_the_wing_stands_beyond_the_short_strike_at_the_exact_width_or_there_is_none(
    of: Market, right: str, percent: int, width: int
) -> None:
    found = select(
        strategy_of(
            leg("short", "sell", right, by="otm", value=percent, unit="percent"),
            leg("long", "buy", right, by="width", of="short", value=width, unit="dollars"),
        ),
        of,
    )

    if not found.verdict.is_allowed:
        assert found.verdict.reason in (Reason.SELECTION_TOO_FAR, Reason.NO_STRIKE, Reason.ONE_SIDED_QUOTE)
        return
    near, far = (each.contract.strike for each in found.legs)
    sign = 1 if right == "call" else -1
    assert (far - near) * sign == width
    spot = Decimal(of[0].spot or 0)
    assert percent == 0 or (near - spot) * sign >= 0


@settings(deadline=None)
@given(of=MARKETS, capital=st.sampled_from([24_999, 25_000, 50_000, 75_000]), rsi=st.sampled_from([50, 71]))
def test_a_trident_loses_at_worst_its_worse_side_less_all_credits(of: Market, capital: int, rsi: int) -> None:
    found = select(
        parse_strategy(TRIDENT), of, tradeable_capital=Money(capital), readings={Metric.RSI_14: Decimal(rsi)}
    )
    if not found.verdict.is_allowed:  # the index lists every fifth strike
        assert found.verdict.reason is Reason.SELECTION_TOO_FAR
        return
    numbers = evaluate(found, of)
    mids = {one.name: Decimal(one.mid or 0) for one in numbers.legs}
    has_calls = rsi <= 70
    put_credit = mids["short_put"] - mids["long_put"]
    call_credit = mids["short_call"] - mids["long_call"] if has_calls else Decimal(0)
    width = {24_999: 3, 25_000: 5, 50_000: 7, 75_000: 9}[capital]

    assert len(found.legs) == (4 if has_calls else 2)
    assert found.legs[0].contract.strike % 2 == 0
    assert numbers.structure_name == ("senex_trident" if has_calls else "put_credit_spread")
    assert numbers.mid_price == 2 * put_credit + call_credit
    assert numbers.max_loss == max(2 * width, width * has_calls) * 100 - 100 * (2 * put_credit + call_credit)
    assert numbers.max_loss == -min(settled(found.legs, numbers, Decimal(at)) for at in knots(found.legs))
    assert numbers.max_profit == max(settled(found.legs, numbers, Decimal(at)) for at in knots(found.legs))


def knots(legs: tuple[Leg, ...]) -> list[Decimal]:
    strikes = [each.contract.strike for each in legs]
    return [Decimal(0), *strikes, max(strikes) * 2]


def settled(legs: tuple[Leg, ...], numbers: Evaluation, at: Decimal) -> Decimal:
    worth = sum(
        each.ratio
        * max(
            Decimal(0),
            (at - each.contract.strike) if each.contract.right.value == "C" else (each.contract.strike - at),
        )
        for each in legs
    )
    return (Decimal(numbers.mid_price or 0) + worth) * 100


@settings(deadline=None, max_examples=30)
@given(of=MARKETS, front=st.integers(18, 30), back=st.integers(48, 70))
def test_the_pair_of_a_calendar_is_the_nearest_to_its_targets(of: Market, front: int, back: int) -> None:
    document = CALENDAR | {
        "expiration": CALENDAR["expiration"] | {"dte_target": front},
        "back": CALENDAR["back"] | {"dte_target": back},
    }
    found = select(parse_strategy(document), of)
    pairs = [
        (near, far)
        for near, far in product(of[1], repeat=2)
        if 15 <= near.dte <= 35 and 45 <= far.dte <= 75 and Decimal("1.6") * near.dte <= far.dte <= 3 * near.dte
    ]

    if not found.verdict.is_allowed:
        assert not pairs or found.verdict.reason is not Reason.NO_EXPIRATION
        return
    tried = {rejection.expires_on for rejection in found.rejections if rejection.leg}
    days = [leg.contract.expires_on for leg in found.legs]
    chosen = [next(one.dte for one in of[1] if one.expires_on == day) for day in days]
    nearest = min(abs(near.dte - front) + abs(far.dte - back) for near, far in pairs)
    assert tried or abs(chosen[0] - front) + abs(chosen[1] - back) == nearest
    assert found.legs[0].contract.strike == found.legs[1].contract.strike
    assert evaluate(found, of).structure_name == "long_call_calendar"


@settings(deadline=None, max_examples=30)
@given(of=MARKETS, right=st.sampled_from(["put", "call"]), cents=st.integers(5, 200))
def test_no_strike_further_out_would_bring_the_net_credit(of: Market, right: str, cents: int) -> None:
    wished, width = Decimal(cents) / 100, 5
    found = select(
        strategy_of(
            leg("short", "sell", right, by="net_credit", value=str(wished), unit="dollars"),
            leg("long", "buy", right, by="width", of="short", value=width, unit="dollars"),
        ),
        of,
    )
    if not found.verdict.is_allowed:
        return
    short, long = found.legs
    chain, sign = of[0], 1 if right == "call" else -1
    same = (
        (chain.expires_on == chain.expires_on[chain.find(short.contract) or 0])
        & (chain.is_call == (right == "call"))
        & (chain.root == short.contract.root)
    )
    mids = {
        Decimal(int(chain.strike[at])) / 1000: (Decimal(f"{chain.bid[at]:.6f}") + Decimal(f"{chain.ask[at]:.6f}")) / 2
        for at in np.flatnonzero(same & (chain.bid >= 0) & (chain.ask > 0) & (chain.ask >= chain.bid))
    }
    sellable = {Decimal(int(strike)) / 1000 for strike in chain.strike[same & (chain.bid > 0)]}
    enough = [
        strike
        for strike, mid in mids.items()
        if (strike - Decimal(chain.spot or 0)) * sign > 0
        and strike in sellable
        and strike + sign * width in mids
        and mid - mids[strike + sign * width] >= wished
    ]
    assert (long.contract.strike - short.contract.strike) * sign == width
    assert short.contract.strike == max(enough, key=lambda strike: strike * sign)
