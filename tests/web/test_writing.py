"""How pages write numbers and times, and how they draw a payoff."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thetaloom.domain.strategy.payoff import expiration_payoff
from thetaloom.domain.strategy.payoff_shape import PayoffShape, plain_shape
from thetaloom.domain.strategy.structures import Leg
from thetaloom.domain.values.money import Money, Price
from thetaloom.web.pages.filters import money, signed, when
from thetaloom.web.pages.lineage import nodes_of
from thetaloom.web.pages.payoff_picture import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, payoff_picture

AT = datetime(2015, 12, 24, 14, 51, tzinfo=UTC)
AMOUNTS = st.decimals(min_value=-(10**7), max_value=10**7, places=2)


@given(AMOUNTS)
def test_money_reads_back_as_what_was_written(amount: Decimal) -> None:
    text = money(Money(amount))

    assert Decimal(text.replace("$", "").replace(",", "").replace("−", "-")) == amount


@given(AMOUNTS)
def test_a_sign_stands_before_everything_but_nothing(amount: Decimal) -> None:
    text = signed(Money(amount))

    assert text[0] == ("$" if amount == 0 else "−" if amount < 0 else "+")
    assert signed(Price(amount))[1:] == (text[1:].removeprefix("$") if amount else signed(Price(0))[1:])


def test_the_unknown_is_not_zero() -> None:
    assert (money(None), signed(None), when(None, "UTC", "UTC")) == ("unknown", "unknown", "never")


@pytest.mark.parametrize(
    ("amount", "text"),
    [("1.2", "+1.20"), ("-0.16555", "−0.1656"), ("0.00001", "0.0000"), ("1175", "+1,175.00")],
)
def test_prices_have_two_to_four_places(amount: str, text: str) -> None:
    assert signed(Decimal(amount)) == text


def test_an_instant_is_written_on_the_wall_of_the_exchange() -> None:
    text = when(AT, "America/New_York", "America/New_York")

    assert ">2015-12-24 09:51:00 EST<" in text
    assert 'datetime="2015-12-24T14:51:00+00:00"' in text


def shape_of(notations: tuple[str, ...], mid: str, shares: int = 0) -> PayoffShape:
    """The payoff of some legs that end together."""
    legs = tuple(Leg.parse(text) for text in notations)
    return plain_shape(legs, expiration_payoff(legs, Price(mid)), Price(600), shares)


CASES = (
    (("-1 SPY 2026-01-16 P 560", "+1 SPY 2026-01-16 P 550"), "2.10"),
    (("-1 SPY 2026-01-16 P 560", "-1 SPY 2026-01-16 C 640"), "5"),
    (("+1 SPY 2026-01-16 C 600",), "-12.5"),
    (
        (
            "+1 SPY 2026-01-16 P 550",
            "-1 SPY 2026-01-16 P 560",
            "-1 SPY 2026-01-16 C 640",
            "+1 SPY 2026-01-16 C 650",
        ),
        "3",
    ),
    (("-1 SPY 2026-01-16 P 5",), "0.01"),
)


@pytest.mark.parametrize(("legs", "mid"), CASES)
def test_every_point_of_a_picture_lies_within_its_frame(legs: tuple[str, ...], mid: str) -> None:
    picture = payoff_picture(shape_of(legs, mid), "SPY", 3)

    points = [tuple(map(float, point.split(","))) for point in picture.curve.split()]
    assert all(LEFT <= x <= WIDTH - RIGHT and TOP <= y <= HEIGHT - BOTTOM for x, y in points)
    assert [x for x, _ in points] == sorted(x for x, _ in points)
    for level in picture.breakevens:
        near = min(points, key=lambda point: abs(point[0] - level.x))
        assert near[1] == pytest.approx(picture.zero_y, abs=0.2)
    assert picture.amounts[0].amount <= 0 <= picture.amounts[-1].amount


def test_shares_beside_the_legs_are_in_the_picture() -> None:
    covered = shape_of(("-1 SPY 2026-01-16 C 620",), "4", shares=100)

    at = dict(covered.line)
    assert at[Decimal(600)] == 400
    assert at[covered.line[-1][0]] == at[Decimal(620)] == 2400


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=20,
)


@given(JSON)
def test_any_evidence_becomes_nodes(content: object) -> None:
    for node in nodes_of(content):
        assert [bool(node.children), bool(node.columns), bool(node.text)].count(True) <= 1


def test_evidence_as_deep_as_a_well_is_shown_as_json() -> None:
    well: object = "water"
    for _ in range(200):
        well = {"down": well}

    assert len(nodes_of(well)) == 1
