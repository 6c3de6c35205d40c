"""How pages write numbers and times, and how they draw a payoff."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thetaloom.domain.run.proposals import Proposal
from thetaloom.domain.strategy.payoff import expiration_payoff
from thetaloom.domain.strategy.structures import Leg
from thetaloom.domain.values.ids import AccountId, ProposalId, RunId, StrategyId, UserId
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
    assert (money(None), signed(None), when(None, "UTC")) == ("unknown", "unknown", "never")


@pytest.mark.parametrize(
    ("amount", "text"),
    [("1.2", "+1.20"), ("-0.16555", "−0.1656"), ("0.00001", "0.0000"), ("1175", "+1,175.00")],
)
def test_prices_have_two_to_four_places(amount: str, text: str) -> None:
    assert signed(Decimal(amount)) == text


def test_an_instant_is_written_on_the_wall_of_the_exchange() -> None:
    text = when(AT, "America/New_York")

    assert ">2015-12-24 09:51:00 EST<" in text
    assert 'datetime="2015-12-24T14:51:00+00:00"' in text


def proposal_of(notations: tuple[str, ...], mid: str, quantity: int) -> Proposal:
    """A proposal of some legs; what the picture does not look at is left at its plainest."""
    legs = tuple(Leg.parse(text) for text in notations)
    payoff = expiration_payoff(legs, Price(mid))
    return Proposal(
        id=ProposalId("prop-1"),
        run_id=RunId("run-1"),
        user_id=UserId("local"),
        account_id=AccountId("PAPER"),
        strategy_id=StrategyId("s"),
        strategy_revision=1,
        symbol="SPY",
        spot=Price(600),
        structure_name="any",
        legs=legs,
        quantity=quantity,
        mid_price=Price(mid),
        natural_price=Price(mid),
        limit_floor=Price(mid),
        max_profit=None if payoff.max_profit is None else payoff.max_profit * quantity,
        max_loss=None if payoff.max_loss is None else payoff.max_loss * quantity,
        breakevens=payoff.breakevens,
        pop=None,
        net_delta=None,
        net_theta=None,
        net_vega=None,
        buying_power_effect=Money(0),
        fees=Money(0),
        reasons=(),
        synthetic=True,
        as_of=AT,
        created_at=AT,
        expires_at=AT,
    )


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
    picture = payoff_picture(proposal_of(legs, mid, 3))

    assert picture is not None
    points = [tuple(map(float, point.split(","))) for point in picture.curve.split()]
    assert all(LEFT <= x <= WIDTH - RIGHT and TOP <= y <= HEIGHT - BOTTOM for x, y in points)
    assert [x for x, _ in points] == sorted(x for x, _ in points)
    for level in picture.breakevens:
        near = min(points, key=lambda point: abs(point[0] - level.x))
        assert near[1] == pytest.approx(picture.zero_y, abs=0.2)
    assert picture.amounts[0].amount <= 0 <= picture.amounts[-1].amount


def test_legs_that_end_at_different_times_have_no_picture() -> None:
    calendar = ("-1 SPY 2026-01-16 C 600", "+1 SPY 2026-02-20 C 600")
    proposal = replace(proposal_of(("+1 SPY 2026-01-16 C 600",), "-3", 1), legs=tuple(map(Leg.parse, calendar)))

    assert payoff_picture(proposal) is None


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
