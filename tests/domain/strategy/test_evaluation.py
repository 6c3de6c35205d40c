from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

import pytest

from thetaloom.domain.market.chain import OptionChain
from thetaloom.domain.market.expirations import Expiration
from thetaloom.domain.strategy.evaluation import Evaluation, evaluate_structure
from thetaloom.domain.strategy.structures import Leg
from thetaloom.domain.values.canonical import canonical_json
from thetaloom.domain.values.money import Money, Price
from thetaloom.domain.values.reasons import Answer, Reason
from thetaloom.maths.pricing import price_option

from .conftest import NOW

P90, P95 = "SPY 2026-01-16 P 90", "SPY 2026-01-16 P 95"
C105, C110 = "SPY 2026-01-16 C 105", "SPY 2026-01-16 C 110"
ROWS = {P90: (0.4, 0.5), P95: (1.1, 1.3), C105: (1.4, 1.6), C110: (0.55, 0.65)}
CONDOR = (f"+1 {P90}", f"-1 {P95}", f"-1 {C105}", f"+1 {C110}")

Make = Callable[..., OptionChain]


def evaluate(
    notations: tuple[str, ...], chain: OptionChain, expirations: tuple[Expiration, ...], age_max: int = 60
) -> Evaluation:
    return evaluate_structure(
        tuple(Leg.parse(text) for text in notations),
        chain,
        now=NOW,
        expirations=expirations,
        rate=0.04,
        dividend_yield=0.01,
        quote_age_max=timedelta(seconds=age_max),
    )


def test_an_iron_condor_is_priced_from_its_quotes(make_chain: Make, expirations: tuple[Expiration, ...]) -> None:
    found = evaluate(CONDOR, make_chain(ROWS), expirations)

    assert found.structure_name == "iron_condor"
    assert (found.mid_price, found.natural_price, found.width) == (Price("1.65"), Price("1.35"), Price(5))
    assert (found.max_profit, found.max_loss) == (Money(165), Money(335))
    assert not found.is_profit_unlimited
    assert not found.is_loss_unlimited
    assert found.breakevens == (Price("93.35"), Price("106.65"))
    assert found.verdict.is_allowed
    assert found.legs[1].bid_ask_width == Price("0.2")
    assert (found.legs[1].open_interest, found.legs[1].volume, found.legs[1].quote_age_seconds) == (500, 50, 10)


def test_greeks_come_from_the_american_volatility_of_each_mid(
    make_chain: Make, expirations: tuple[Expiration, ...]
) -> None:
    found = evaluate((f"-2 {P95}",), make_chain(ROWS), expirations)
    (leg,) = found.legs

    assert leg.iv is not None
    alone = price_option(
        is_call=False, spot=100, strike=95, years=30 / 365, rate=0.04, dividend_yield=0.01, iv=leg.iv, american=True
    )
    delta, gamma, theta, vega = alone.delta, alone.gamma, alone.theta, alone.vega
    assert alone.price == pytest.approx(1.2, abs=1e-6)
    assert leg.delta == pytest.approx(delta, abs=1e-6)
    assert leg.gamma == pytest.approx(gamma, abs=1e-6)
    assert leg.theta == pytest.approx(theta, abs=1e-6)
    assert leg.vega == pytest.approx(vega, abs=2e-5)
    assert "Andersen-Lake-Offengenden" in found.greeks_model
    nets = (found.net_delta, found.net_gamma, found.net_theta, found.net_vega)
    greeks = (leg.delta, leg.gamma, leg.theta, leg.vega)
    assert nets == tuple(Decimal(f"{-200 * (greek or 0):.8f}").quantize(Decimal("0.0001")) for greek in greeks)
    assert found.net_theta is not None
    assert found.net_theta > 0
    assert found.pop is not None
    assert Decimal("0.7") < found.pop < Decimal("0.8")


def test_a_naked_call_says_that_its_loss_is_unlimited(make_chain: Make, expirations: tuple[Expiration, ...]) -> None:
    short = evaluate((f"-1 {C105}",), make_chain(ROWS), expirations)
    long = evaluate((f"+1 {C105}",), make_chain(ROWS), expirations)

    assert (short.max_loss, short.is_loss_unlimited, short.width) == (None, True, None)
    assert (long.max_profit, long.is_profit_unlimited, long.max_loss) == (None, True, Money(150))


NAN = float("nan")


@pytest.mark.parametrize(
    ("quote", "reason", "answer"),
    [
        ((1.3, 1.1), Reason.CROSSED_QUOTE, Answer.DENY),
        ((0.0, 0.1), Reason.ONE_SIDED_QUOTE, Answer.DENY),
        ((NAN, 0.1), Reason.ONE_SIDED_QUOTE, Answer.DENY),
        ((0.1, NAN), Reason.ONE_SIDED_QUOTE, Answer.DENY),
        ((NAN, NAN), Reason.NO_QUOTE, Answer.UNKNOWN),
        ((-1.0, 0.1), Reason.INVALID_QUOTE, Answer.DENY),
    ],
)
def test_one_bad_quote_leaves_the_structure_without_a_price(
    make_chain: Make,
    expirations: tuple[Expiration, ...],
    quote: tuple[float, float],
    reason: Reason,
    answer: Answer,
) -> None:
    found = evaluate(CONDOR, make_chain({**ROWS, P95: quote}), expirations)

    assert (found.verdict.reason, found.verdict.answer) == (reason, answer)
    assert (found.mid_price, found.natural_price, found.max_loss, found.pop) == (None, None, None, None)
    assert (found.net_delta, found.breakevens, found.is_loss_unlimited) == (None, (), False)
    assert found.legs[0].mid is not None


def test_a_contract_that_is_not_listed_has_no_quote(make_chain: Make, expirations: tuple[Expiration, ...]) -> None:
    found = evaluate(("-1 SPY 2026-01-16 P 80",), make_chain(ROWS), expirations)

    assert found.verdict.reason is Reason.NO_QUOTE
    assert (found.legs[0].bid, found.legs[0].open_interest, found.legs[0].quote_age_seconds) == (None, None, None)


def test_old_quotes_an_unknown_spot_and_an_ended_expiration_are_no_ground(
    make_chain: Make, expirations: tuple[Expiration, ...]
) -> None:
    stale = evaluate(CONDOR, make_chain(ROWS, age=timedelta(seconds=60, microseconds=1)), expirations)
    spotless = evaluate(CONDOR, make_chain(ROWS, spot=None), expirations)
    ended = evaluate(CONDOR, make_chain(ROWS), ())

    assert (stale.verdict.reason, stale.legs[0].quote_age_seconds) == (Reason.STALE_QUOTE, 61)
    assert spotless.verdict.reason is Reason.NO_SPOT
    assert ended.verdict.reason is Reason.NO_EXPIRATION


def test_a_price_below_intrinsic_implies_no_volatility_but_still_a_payoff(
    make_chain: Make, expirations: tuple[Expiration, ...]
) -> None:
    chain = make_chain({"SPY 2026-01-16 P 120": (19.0, 19.2)}, open_interest=NAN, volume=NAN)

    found = evaluate(("-1 SPY 2026-01-16 P 120",), chain, expirations)

    assert (found.legs[0].iv, found.legs[0].delta, found.net_delta, found.pop) == (None, None, None, None)
    assert (found.max_profit, found.verdict.is_allowed) == (Money(1910), True)
    assert (found.legs[0].open_interest, found.legs[0].volume) == (None, None)


def test_a_calendar_is_evaluated_at_its_nearest_expiration(
    make_chain: Make, expirations: tuple[Expiration, ...]
) -> None:
    near, far = "SPY 2026-01-16 C 100", "SPY 2026-02-20 C 100"
    chain = make_chain({near: (2.9, 3.1), far: (4.4, 4.6)})

    found = evaluate((f"-1 {near}", f"+1 {far}"), chain, expirations)

    assert (found.structure_name, found.mid_price, found.max_loss) == ("long_call_calendar", Price("-1.5"), Money(150))
    assert len(found.breakevens) == 2
    assert found.pop is not None
    assert 0 < found.pop < 1


def test_a_calendar_whose_later_leg_has_no_volatility_has_no_payoff(
    make_chain: Make, expirations: tuple[Expiration, ...]
) -> None:
    near, far = "SPY 2026-01-16 P 120", "SPY 2026-02-20 P 120"
    chain = make_chain({near: (20.5, 20.7), far: (19.0, 19.2)})

    found = evaluate((f"-1 {near}", f"+1 {far}"), chain, expirations)

    assert (found.mid_price, found.max_loss, found.is_loss_unlimited) == (Price("1.5"), None, False)


def test_an_evaluation_is_the_same_record_to_the_byte(make_chain: Make, expirations: tuple[Expiration, ...]) -> None:
    first = canonical_json(evaluate(CONDOR, make_chain(ROWS), expirations))
    again = canonical_json(evaluate(CONDOR, make_chain(ROWS), expirations))

    assert first == again
