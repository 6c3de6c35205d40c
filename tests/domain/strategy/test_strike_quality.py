"""Strike quality against its table, by hand."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thetaloom.domain.strategy.strike_quality import quality_level, strike_quality, structure_quality

counts = st.none() | st.integers(0, 10_000)
prices = st.decimals("0", "100", places=2)


@pytest.mark.parametrize(
    ("open_interest", "liquidity"),
    [(None, "40"), (0, "0"), (250, "25"), (499, "49.9"), (500, "50"), (1000, "75"), (1500, "100"), (9000, "100")],
)
def test_open_interest_turns_at_500_and_is_full_at_1500(open_interest: int | None, liquidity: str) -> None:
    quality = strike_quality(open_interest=open_interest, volume=0, bid=Decimal(1), ask=Decimal(1))

    assert quality.liquidity == Decimal(liquidity)


@pytest.mark.parametrize(
    ("bid", "ask", "points"),
    [
        ("1", "1", "100"),
        ("0.98", "1.02", "80"),  # 4 % of mid
        ("0.95", "1.05", "50"),  # 10 %, the pivot
        ("0.94", "1.06", "30"),  # 12 %: 50 less 2 × 10
        ("0.925", "1.075", "0"),  # 15 %
        ("0.50", "1.50", "0"),
        (None, "1.05", "40"),
        ("1.10", "1.05", "40"),  # crossed: nothing is known
        ("0", "0", "40"),
    ],
)
def test_the_bid_ask_width_turns_at_a_tenth_of_mid(bid: str | None, ask: str, points: str) -> None:
    quality = strike_quality(open_interest=500, volume=50, bid=None if bid is None else Decimal(bid), ask=Decimal(ask))

    assert quality.bid_ask == Decimal(points)


@pytest.mark.parametrize(
    ("volume", "age", "activity"),
    [
        (None, None, "40"),
        (25, None, "25"),
        (50, None, "50"),
        (275, None, "75"),
        (500, None, "100"),
        (500, 7200, "100"),
        (500, 7201, "80"),
        (50, 9000, "40"),
    ],
)
def test_volume_turns_at_50_and_an_old_trade_counts_a_fifth_less(
    volume: int | None, age: int | None, activity: str
) -> None:
    quality = strike_quality(open_interest=0, volume=volume, bid=Decimal(1), ask=Decimal(1), last_trade_age_seconds=age)

    assert quality.activity == Decimal(activity)


def test_the_parts_weigh_forty_forty_and_twenty() -> None:
    # 0.40 × 75 + 0.40 × 80 + 0.20 × 50 = 72
    quality = strike_quality(open_interest=1000, volume=50, bid=Decimal("0.98"), ask=Decimal("1.02"))

    assert quality.total == 72
    assert quality.level == "good"


def test_a_strike_of_which_nothing_is_known_is_just_fair() -> None:
    quality = strike_quality(open_interest=None, volume=None, bid=None, ask=None)

    assert (str(quality.total), quality.level) == ("40.00", "fair")


@pytest.mark.parametrize(
    ("total", "level"), [("80", "excellent"), ("79.99", "good"), ("60", "good"), ("59.99", "fair"), ("39.99", "poor")]
)
def test_levels_are_cut_at_eighty_sixty_and_forty(total: str, level: str) -> None:
    assert quality_level(Decimal(total)) == level


def test_a_structure_is_told_by_its_weakest_leg_and_the_mean() -> None:
    good = strike_quality(open_interest=1500, volume=500, bid=Decimal(1), ask=Decimal(1))
    poor = strike_quality(open_interest=0, volume=0, bid=Decimal("0.5"), ask=Decimal("1.5"))

    assert structure_quality([good, poor, good]) == (Decimal(0), Decimal("66.67"))


@given(open_interest=counts, volume=counts, bid=prices, width=prices, more=st.integers(0, 5000))
def test_more_interest_and_volume_never_make_a_strike_worse(
    open_interest: int | None, volume: int | None, bid: Decimal, width: Decimal, more: int
) -> None:
    quality = strike_quality(open_interest=open_interest, volume=volume, bid=bid, ask=bid + width)
    better = strike_quality(
        open_interest=None if open_interest is None else open_interest + more,
        volume=None if volume is None else volume + more,
        bid=bid,
        ask=bid + width,
    )

    assert 0 <= quality.total <= better.total <= 100
