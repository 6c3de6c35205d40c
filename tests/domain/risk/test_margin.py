from decimal import Decimal

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from thetaloom.domain.risk.margin import buying_power_effect
from thetaloom.domain.risk.margin_bound import naked_requirement
from thetaloom.domain.risk.margin_rules import MarginLeg
from thetaloom.domain.strategy.payoff import expiration_payoff
from thetaloom.domain.strategy.structures import Leg, merge_legs
from thetaloom.domain.values.instruments import OptionContract, parse_option_symbol
from thetaloom.domain.values.money import Money, Price
from thetaloom.errors import InvalidInput

JAN, FEB = "SPY 2026-01-16", "SPY 2026-02-20"
SPX, SPXW = "SPX 2026-01-16", "SPXW 2026-01-16"  # AM- and PM-settled on one day
STRIKES = st.integers(50, 150)
CENTS = st.integers(1, 1000).map(lambda cents: Price("0.01") * cents)


@pytest.mark.parametrize(
    ("structure", "net_price", "effect"),
    [
        ([f"-1 {JAN} P 560", f"+1 {JAN} P 555"], "1.25", 375),  # width 5 less the credit
        ([f"+1 {JAN} C 600", f"-1 {JAN} C 605"], "-2.10", 210),  # the debit
        (
            [f"+1 {JAN} P 550", f"-1 {JAN} P 560", f"-1 {JAN} C 640", f"+1 {JAN} C 650"],
            "3.00",
            700,  # one wide side, not both
        ),
        ([f"+1 {JAN} C 600"], "-8.00", 800),
        ([f"+1 {JAN} C 600", f"+1 {JAN} P 600"], "-15.00", 1500),
        ([f"+1 {JAN} C 590", f"-2 {JAN} C 600", f"+1 {JAN} C 610"], "-1.50", 150),
        ([f"-1 {JAN} P 560", f"+2 {JAN} P 550"], "-0.40", 1040),  # a backspread is widest at the bought strike
        ([f"-2 {JAN} P 560", f"+2 {JAN} P 555"], "2.50", 750),
        (
            [f"+1 {JAN} C 590", f"-1 {JAN} C 600", f"-1 {JAN} P 590", f"+1 {JAN} P 600"],
            "-9.90",
            990,
        ),  # a box: its debit
        ([f"-1 {JAN} C 600", f"+1 {FEB} C 600"], "-3.20", 320),  # a calendar: its debit
        ([f"-1 {JAN} P 600", f"+1 {FEB} P 595"], "-1.00", 600),  # a diagonal: its debit and the gap
        ([f"-1 {SPX} P 5600", f"+1 {SPXW} P 5590"], "2.00", 800),  # the bought put outlasts the sold one
        (
            [f"-1 {JAN} C 600", f"+1 {JAN} C 605", f"-1 {FEB} C 600", f"+1 {FEB} C 605"],
            "2.00",
            800,  # each short has the cover that lasts as long
        ),
        ([f"+1 {JAN} P 560", f"-1 {JAN} P 560", f"+1 {JAN} C 600"], "-2.00", 200),  # what cancels out is gone
    ],
)
def test_defined_risk_ties_up_its_max_loss_and_at_least_its_debit(
    structure: list[str], net_price: str, effect: int
) -> None:
    legs = [Leg.parse(leg) for leg in structure]

    found = buying_power_effect(legs, Price(net_price), spot=Price(600), is_cash_account=False)

    assert found == Money(effect)
    assert type(found) is Money


@pytest.mark.parametrize(
    ("contract", "spot", "requirement"),
    [
        ("SPY 2026-01-16 C 600", "600", 12_000),  # 20 % of 600
        ("SPY 2026-01-16 C 630", "600", 9_000),  # less 30 out of the money
        ("SPY 2026-01-16 C 700", "600", 6_000),  # at least 10 % of the underlying
        ("SPY 2026-01-16 C 550", "600", 12_000),  # in the money: nothing less
        ("SPY 2026-01-16 P 570", "600", 9_000),
        ("SPY 2026-01-16 P 500", "600", 5_000),  # at least 10 % of the strike
        ("SPX 2026-01-16 P 5900", "6000", 80_000),  # 15 % of a broad index
        ("VIX 2026-01-21 C 20", "20", 400),  # volatility indices as equities
    ],
)
def test_an_uncovered_short_secures_the_share_of_the_rule(contract: str, spot: str, requirement: int) -> None:
    found = naked_requirement(parse_option_symbol(contract), Price(spot))

    assert found == Money(requirement)


@pytest.mark.parametrize(
    ("structure", "net_price", "effect"),
    [
        ([f"-1 {JAN} P 570"], "4.00", 9_000),
        ([f"-3 {JAN} P 570"], "12.00", 27_000),
        ([f"-1 {JAN} P 570", f"-1 {JAN} C 620"], "7.00", 10_000),  # the call side is the greater
        ([f"-1 {JAN} P 600", f"-1 {JAN} C 600"], "20.00", 12_000),
        ([f"-1 {JAN} P 570"], "-0.10", 9_010),  # sold for nothing and a fee on top: paid as well
    ],
)
def test_uncovered_shorts_tie_up_the_greater_side_above_their_premium(
    structure: list[str], net_price: str, effect: int
) -> None:
    legs = [Leg.parse(leg) for leg in structure]

    assert buying_power_effect(legs, Price(net_price), spot=Price(600), is_cash_account=False) == effect


@pytest.mark.parametrize(
    ("structure", "effect"),
    [
        ([f"-1 {JAN} P 570", f"-1 {JAN} C 620", f"+1 {JAN} C 625"], 9_500),  # jade lizard: put and call width
        ([f"+1 {JAN} C 610", f"-2 {JAN} C 620"], 11_000),  # ratio: one call and the width
        ([f"-1 {JAN} P 570", f"-1 {JAN} P 560", f"+1 {JAN} P 550"], 10_000),  # the dearer put stays uncovered
        ([f"-1 {FEB} C 620", f"+1 {JAN} C 610"], None),  # the long ends first: it covers nothing and cost something
        ([f"-1 {JAN} P 570", f"+1 {JAN} C 620"], None),  # risk reversal: the call's price is not known here
        ([f"-1 {SPXW} P 560", f"+1 {SPX} P 550"], None),  # gone at the open, while the short lives to the close
        ([f"-2 {JAN} C 620", f"+1 {FEB} C 620"], None),  # a calendar's cost is bounded by no strike
    ],
)
def test_partly_covered_shorts_tie_up_an_upper_bound_or_are_unknown(structure: list[str], effect: int | None) -> None:
    legs = [Leg.parse(leg) for leg in structure]

    assert buying_power_effect(legs, Price("1.00"), spot=Price(600), is_cash_account=False) == effect


@pytest.mark.parametrize(
    ("structure", "net_price", "effect"),
    [
        ([f"-1 {JAN} P 570"], "4.00", 56_600),
        ([f"-2 {JAN} P 570"], "8.00", 113_200),
        ([f"-1 {JAN} C 620"], "4.00", None),
        ([f"-1 {JAN} C 620", f"+1 {JAN} C 625"], "1.00", None),
        ([f"-1 {JAN} P 560", f"+1 {JAN} P 555"], "1.25", 55_875),  # no spreads: the put is secured in full
        ([f"+1 {JAN} C 600"], "-8.00", 800),
        ([f"-1 {SPX} P 5600", f"+1 {SPX} P 5590"], "2.00", 800),  # European and cash-settled: a spread
        ([f"-1 {SPX} C 6100"], "2.00", None),
        ([f"-1 {SPX} P 5600", f"+1 {SPXW} P 5590"], "2.00", 559_800),
        ([f"-1 {JAN} P 1"], "2.00", 0),  # more credit than it secures
    ],
)
def test_a_cash_account_secures_puts_in_cash_and_sells_no_calls(
    structure: list[str], net_price: str, effect: int | None
) -> None:
    legs = [Leg.parse(leg) for leg in structure]

    assert buying_power_effect(legs, Price(net_price), spot=Price(600), is_cash_account=True) == effect


def test_without_a_real_spot_an_uncovered_short_is_unknown() -> None:
    legs = [Leg.parse(f"-1 {JAN} P 570")]

    assert buying_power_effect(legs, Price("4.00"), spot=Price(0), is_cash_account=False) is None


def test_legs_that_cancel_out_are_no_structure() -> None:
    legs = [Leg.parse(f"-1 {JAN} P 570"), Leg.parse(f"+1 {JAN} P 570")]

    with pytest.raises(InvalidInput):
        buying_power_effect(legs, Price(0), spot=Price(600), is_cash_account=False)


@given(
    st.lists(st.tuples(st.sampled_from("CP"), STRIKES, STRIKES), min_size=1, max_size=3),
    CENTS | CENTS.map(lambda price: -price),
)
def test_a_covered_structure_never_loses_more_at_expiration_than_it_tied_up(
    pairs: list[tuple[str, int, int]], net_price: Price
) -> None:
    legs = [
        Leg.parse(f"{ratio:+d} {JAN} {right} {strike}")
        for right, short, long in pairs
        for ratio, strike in ((-1, short), (1, long + 200))
    ]

    effect = buying_power_effect(legs, net_price, spot=Price(100), is_cash_account=False)
    max_loss = expiration_payoff(legs, net_price).max_loss

    assert effect is not None
    assert max_loss is not None
    assert effect >= max_loss
    assert effect == max_loss or effect == -net_price.times(100)


@given(st.sampled_from("CP"), STRIKES, STRIKES, CENTS)
def test_a_bought_cover_never_ties_up_more_than_its_width_less_the_credit(
    right: str, short: int, gap: int, credit: Price
) -> None:
    long = short + gap if right == "C" else short + 200 - gap
    legs = [Leg.parse(f"-1 {JAN} {right} {short + 200}"), Leg.parse(f"+1 {JAN} {right} {long}")]

    effect = buying_power_effect(legs, credit, spot=Price(300), is_cash_account=False)

    width = Decimal(abs(short + 200 - long)) * 100
    assert effect is not None
    assert 0 <= effect <= max(width, Decimal(0))


@given(st.lists(st.tuples(st.sampled_from("CP"), STRIKES), min_size=1, max_size=4), CENTS, st.integers(1, 5))
def test_uncovered_shorts_grow_in_step_with_their_number(
    shorts: list[tuple[str, int]], credit: Price, times: int
) -> None:
    legs, many = ([Leg.parse(f"{-count} {JAN} {right} {strike}") for right, strike in shorts] for count in (1, times))

    one = buying_power_effect(legs, credit, spot=Price(100), is_cash_account=False)
    all_of_them = buying_power_effect(many, credit * times, spot=Price(100), is_cash_account=False)

    assert one is not None
    assert one > 0
    assert all_of_them == one * times


def priced(*legs: str) -> tuple[list[Leg], dict[OptionContract, Price]]:
    pairs = [(Leg.parse(text), Price(price)) for text, _, price in (leg.partition(" @ ") for leg in legs)]
    return [leg for leg, _ in pairs], {leg.contract: price for leg, price in pairs}


def holding(*legs: str) -> tuple[MarginLeg, ...]:
    found, prices = priced(*legs)
    return tuple(MarginLeg(contract=leg.contract, quantity=leg.ratio, price=prices[leg.contract]) for leg in found)


@pytest.mark.parametrize(
    ("order", "held", "quantity", "effect"),
    [
        ([f"-1 {JAN} P 560 @ 5", f"+1 {JAN} P 555 @ 3.75"], [], 1, 375),  # the width less the credit
        ([f"-1 {JAN} P 560 @ 5", f"+1 {JAN} P 555 @ 3.75"], [], 3, 1_125),
        ([f"+1 {JAN} C 600 @ 8"], [], 1, 800),
        ([f"-1 {JAN} P 570 @ 4"], [], 1, 9_000),  # the premium pays for the market value
        ([f"-1 {JAN} P 570 @ 4", f"-1 {JAN} C 620 @ 3"], [], 1, 10_000),
        ([f"+1 {JAN} C 610 @ 3", f"-2 {JAN} C 620 @ 2"], [], 1, 10_100),  # one naked at 10,200, 400 - 300 received
        ([f"-1 {JAN} P 570 @ 4", f"+1 {JAN} C 620 @ 3"], [], 1, 9_300),  # a risk reversal, not known unpriced
        ([f"-1 {JAN} C 605 @ 4", f"+1 {JAN} C 900 @ 0.01"], [], 1, 11_501),  # as if uncovered: 300 wide is more
        # Beside what is held:
        ([f"-1 {JAN} C 640 @ 4", f"+1 {JAN} C 645 @ 3"], [f"-1 {JAN} P 560 @ 5", f"+1 {JAN} P 555 @ 4"], 1, -100),
        ([f"-1 {JAN} C 640 @ 4"], [f"+1 {FEB} C 650 @ 5"], 1, 600),  # what is held covers it but for 10 dollars
        ([f"+1 {JAN} P 550 @ 2"], [f"-1 {JAN} P 560 @ 5"], 1, -7_300),  # 8,500 become 1,000; 200 are paid
        ([f"+1 {JAN} P 560 @ 5"], [f"-1 {JAN} P 560 @ 5"], 1, -8_000),  # bought back: 8,500 less 500 paid
        ([f"-1 {JAN} C 640 @ 4"], [f"-1 {JAN} P 560 @ 5"], 1, 0),  # a strangle: 8,900 - 8,500 - 400 received
        ([f"-2 {JAN} P 560 @ 5"], [f"-1 {JAN} P 560 @ 5"], 1, 16_000),
    ],
)
def test_an_order_ties_up_what_it_adds_to_the_book_less_its_premium(
    order: list[str], held: list[str], quantity: int, effect: int
) -> None:
    legs, prices = priced(*order)
    net_price = sum((-prices[leg.contract] * leg.ratio for leg in legs), Price(0))

    found = buying_power_effect(
        legs,
        net_price,
        spot=Price(600),
        is_cash_account=False,
        quantity=quantity,
        prices=prices,
        held=holding(*held),
    )

    assert found == Money(effect)


@pytest.mark.parametrize(("shares", "effect"), [(0, None), (99, None), (100, -400), (200, -400)])
def test_a_cash_account_sells_a_call_against_its_shares_alone(shares: int, effect: int | None) -> None:
    legs, prices = priced(f"-1 {JAN} C 640 @ 4")

    found = buying_power_effect(
        legs, Price(4), spot=Price(600), is_cash_account=True, prices=prices, held_shares=shares
    )

    assert found == effect


def test_an_order_without_a_spot_or_on_two_underlyings_has_no_effect_to_tell() -> None:
    legs, prices = priced(f"-1 {JAN} P 570 @ 4", "-1 QQQ 2026-01-16 P 400 @ 4")

    assert buying_power_effect(legs[:1], Price(4), spot=Price(0), is_cash_account=False, prices=prices) is None
    with pytest.raises(InvalidInput):
        buying_power_effect(legs, Price(8), spot=Price(600), is_cash_account=False, prices=prices)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from("CP"), STRIKES, st.sampled_from([-1, 1]), CENTS), min_size=1, max_size=3),
    st.lists(st.tuples(st.sampled_from("CP"), STRIKES, st.sampled_from([-1, 1]), CENTS), max_size=3),
)
def test_an_order_never_ties_up_more_beside_a_book_than_alone(
    order: list[tuple[str, int, int, Price]], held: list[tuple[str, int, int, Price]]
) -> None:
    legs, prices = priced(*(f"{sign:+d} {JAN} {right} {strike} @ {price}" for right, strike, sign, price in order))
    assume(merge_legs(legs))
    # One that closes a leg leaves bare what that leg covered, which may tie up more than its own contract would.
    closes = {(right, strike, -sign) for right, strike, sign, _ in order}
    assume(closes.isdisjoint((right, strike, sign) for right, strike, sign, _ in held))
    book = holding(*(f"{sign:+d} {JAN} {right} {strike} @ {price}" for right, strike, sign, price in held))
    known = {"spot": Price(100), "is_cash_account": False, "prices": prices}

    alone = buying_power_effect(legs, Price(0), **known)  # type: ignore[arg-type]  # a dict of several types
    beside = buying_power_effect(legs, Price(0), held=book, **known)  # type: ignore[arg-type]  # as above

    assert alone is not None and beside is not None
    assert beside <= alone


def test_amounts_are_written_plainly() -> None:
    legs, prices = priced(f"-1 {JAN} P 560 @ 5.00", f"+1 {JAN} P 555 @ 3.75")

    found = buying_power_effect(legs, Price("1.250"), spot=Price(600), is_cash_account=False, prices=prices)

    assert str(found) == "375"
