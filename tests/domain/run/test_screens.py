"""The screener's ranks of a whole scan against sums worked out anew, in floats and by another way."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thetaloom.domain.run.scans import SECTOR_PLACES, DayRange, Screen, screen_of, screen_order

KNOWN = {
    "iv_rank": Decimal(60),
    "atm_iv": Decimal(24),
    "iv_change_5d": Decimal("2.5"),
    "hv_30": Decimal(20),
    "underlying_price": Decimal(103),
    "beta": Decimal("0.8"),
}
DAY = DayRange(low=Decimal(100), high=Decimal(104))
percents = st.decimals("-20", "120", places=2)


def held(number: float, least: float = 0.0, most: float = 100.0) -> float:
    """A number within bounds."""
    return sorted((least, number, most))[1]


def in_sector(symbol: str, sector: str | None, edge: str | None) -> Screen:
    """A screen with a rank in its sector."""
    return Screen(symbol=symbol, total=None, sector=sector, sector_total=None if edge is None else Decimal(edge))


def test_a_screen_holds_the_three_ranks_with_their_parts() -> None:
    found = screen_of("SPY", KNOWN, DAY, "Financials")

    # place 0.5 × 0.5, premium 24/20 − 1 × 0.3, IV rises × 0.2; then (0.51 + 1) × 50 = 75.5
    assert found.trend == Decimal("0.51")
    # 0.30 × 60 + 0.15 × 24 + 0.35 × 25 + 0.20 × 75.5
    assert found.total == Decimal("45.45")
    # 0.30 × 60 + 0.25 × 20 + 0.25 × 25 + 0.20 × (100 − 40)
    assert found.sector_total == Decimal("41.25")
    for total, parts in (
        (found.total, found.parts),
        (found.trend, found.trend_parts),
        (found.sector_total, found.sector_parts),
    ):
        assert total == sum(part.points for part in parts)
    assert (found.unknown, found.sector_unknown, found.sector_place) == ((), (), None)


@given(
    rank=percents,
    iv=st.decimals("0.5", "150", places=2),
    change=percents,
    hv=st.decimals("0.5", "150", places=2),
    beta=st.decimals("-4", "4", places=2),
    ends=st.tuples(st.decimals("50", "150", places=2), st.decimals("50", "150", places=2)),
)
def test_the_ranks_are_what_the_rules_say(
    rank: Decimal, iv: Decimal, change: Decimal, hv: Decimal, beta: Decimal, ends: tuple[Decimal, Decimal]
) -> None:
    known = KNOWN | {"iv_rank": rank, "atm_iv": iv, "iv_change_5d": change, "hv_30": hv, "beta": beta}

    found = screen_of("X", known, DayRange(low=min(ends), high=max(ends)), None)

    low, high, price = min(float(min(ends)), 103.0), max(float(max(ends)), 103.0), 103.0
    place = 0.0 if high == low else ((price - low) - (high - price)) / (high - low)
    sign = 0 if change == 0 else abs(float(change)) / float(change)
    trend = 0.5 * place + 0.3 * held((float(iv) - float(hv)) / float(hv), -1, 1) + 0.2 * sign
    total = 0.30 * held(float(rank)) + 0.15 * held(float(iv)) + 3.5 * held(float(change), 0, 10)
    edge = 0.30 * held(float(rank)) + 0.25 * held(float(hv)) + 2.5 * held(float(change), 0, 10)
    assert found.trend is not None and found.total is not None and found.sector_total is not None
    assert float(found.trend) == pytest.approx(trend)
    assert float(found.total) == pytest.approx(total + 10 * (1 + trend))
    assert float(found.sector_total) == pytest.approx(edge + max(0.0, 20 - 10 * abs(float(beta))))


@pytest.mark.parametrize("missing", ["iv_rank", "atm_iv", "iv_change_5d", "hv_30", "underlying_price", "beta"])
def test_a_number_that_is_not_known_takes_out_the_ranks_that_rest_on_it(missing: str) -> None:
    found = screen_of("SPY", {name: number for name, number in KNOWN.items() if name != missing}, DAY, "Energy")

    assert (found.total is None) == (missing != "beta") == (missing in found.unknown)
    assert (found.sector_total is None) == (missing in found.sector_unknown)
    assert (missing in found.sector_unknown) == (missing not in {"atm_iv", "underlying_price"})


def test_before_the_first_bar_of_the_session_only_the_sector_is_ranked() -> None:
    found = screen_of("SPY", KNOWN, None, None)

    assert (found.total, found.unknown) == (None, ("day_range",))
    assert found.sector_total == Decimal("41.25")


def test_ten_symbols_of_a_sector_have_a_place_in_it() -> None:
    energy = [in_sector(f"E{number:02}", "Energy", str(number % 7)) for number in range(13)]
    others = [in_sector("U", "Utilities", "1"), in_sector("N", None, "99"), in_sector("Q", "Energy", None)]

    placed = {one.symbol: one.sector_place for one in screen_order([*energy, *others])}

    ordered = sorted(energy, key=lambda one: (-(one.sector_total or 0), one.symbol))
    assert [placed[one.symbol] for one in ordered] == [*range(1, SECTOR_PLACES + 1), None, None, None]
    assert (placed["U"], placed["N"], placed["Q"]) == (1, None, None)
