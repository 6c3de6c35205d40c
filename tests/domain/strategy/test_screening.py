"""The screener's scores against sums worked by hand."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thetaloom.domain.strategy.screening import decorrelation, screening_score, sector_score, trend_score

numbers = st.decimals("-1000", "1000", places=3)


def test_a_screening_score_is_the_weighed_sum_of_its_parts() -> None:
    # 0.30 × 60 + 0.15 × 24 + 0.35 × (2.5 × 10) + 0.20 × 70 = 18 + 3.6 + 8.75 + 14
    rank = screening_score(iv_rank=Decimal(60), iv_index=Decimal(24), iv_change_5d=Decimal("2.5"), trend=Decimal("0.4"))

    assert rank.total == Decimal("44.35")
    assert [part.points for part in rank.parts] == [Decimal(18), Decimal("3.6"), Decimal("8.75"), Decimal(14)]


def test_a_trend_score_is_the_weighed_sum_of_its_parts() -> None:
    # place 3/4 of the range is 0.5; IV 25 over HV 20 is 0.25; IV rises: 0.25 + 0.075 + 0.2
    rank = trend_score(
        price=Decimal(103),
        day_low=Decimal(100),
        day_high=Decimal(104),
        iv=Decimal(25),
        hv=Decimal(20),
        iv_change=Decimal("0.1"),
    )

    assert rank.total == Decimal("0.525")


def test_a_day_without_a_range_and_a_symbol_without_hv_say_nothing() -> None:
    rank = trend_score(
        price=Decimal(5), day_low=Decimal(5), day_high=Decimal(5), iv=Decimal(9), hv=Decimal(0), iv_change=Decimal(-1)
    )

    assert rank.total == Decimal("-0.2")


def test_a_sector_score_is_the_weighed_sum_of_its_parts() -> None:
    # 0.30 × 50 + 0.25 × 30 + 0.25 × (1.2 × 10) + 0.20 × (100 − 50 × 0.8) = 15 + 7.5 + 3 + 12
    rank = sector_score(iv_rank=Decimal(50), hv_30=Decimal(30), iv_change_5d=Decimal("1.2"), beta=Decimal("-0.8"))

    assert rank.total == Decimal("37.5")


@pytest.mark.parametrize(("beta", "apart"), [("0", "100"), ("1", "50"), ("-1", "50"), ("2", "0"), ("3", "0")])
def test_decorrelation_falls_by_fifty_for_each_unit_of_beta(beta: str, apart: str) -> None:
    assert decorrelation(Decimal(beta)) == Decimal(apart)


@given(iv_rank=numbers, iv_index=numbers, iv_change=numbers, trend=numbers)
def test_a_screening_score_stays_within_0_and_100(
    iv_rank: Decimal, iv_index: Decimal, iv_change: Decimal, trend: Decimal
) -> None:
    rank = screening_score(iv_rank=iv_rank, iv_index=iv_index, iv_change_5d=iv_change, trend=trend)

    assert 0 <= rank.total <= 100
    assert rank.total == sum(part.points for part in rank.parts)


@given(price=numbers, day=st.tuples(numbers, numbers), iv=numbers, hv=numbers, change=numbers)
def test_a_trend_score_stays_within_minus_1_and_1(
    price: Decimal, day: tuple[Decimal, Decimal], iv: Decimal, hv: Decimal, change: Decimal
) -> None:
    rank = trend_score(price=price, day_low=min(day), day_high=max(day), iv=iv, hv=hv, iv_change=change)

    assert -1 <= rank.total <= 1
