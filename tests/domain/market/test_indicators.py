from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal

import numpy as np
import pytest

from thetaloom.domain.market.chain import OptionChain, from_date
from thetaloom.domain.market.expirations import Expiration
from thetaloom.domain.market.indicators import atm_iv, atm_straddle, historical_volatility, put_call_ratio
from thetaloom.domain.values.instruments import parse_option_symbol
from thetaloom.domain.values.money import Price
from thetaloom.maths.black_scholes import bsm_price

NAN = float("nan")
ON = date(2026, 1, 16)
C95, P95 = "SPY 2026-01-16 C 95", "SPY 2026-01-16 P 95"
C100, P100 = "SPY 2026-01-16 C 100", "SPY 2026-01-16 P 100"
QUOTES = {C95: (6.0, 6.2), P95: (0.9, 1.1), C100: (2.9, 3.1), P100: (2.6, 2.7)}


@pytest.fixture
def chain_of() -> Callable[..., OptionChain]:
    def make(
        rows: dict[str, tuple[float, float]], spot: str | None = "99", interest: list[float] | None = None
    ) -> OptionChain:
        contracts = [parse_option_symbol(text) for text in rows]
        count = len(rows)
        quotes = np.array(list(rows.values()), dtype=np.float64).reshape(-1, 2)
        unknown = {name: np.full(count, NAN) for name in ("bid_size", "ask_size", "volume", "iv", "delta")}
        return OptionChain(
            underlying="SPY",
            as_of=datetime(2025, 12, 17, tzinfo=UTC),
            spot=None if spot is None else Price(spot),
            source="test",
            synthetic=True,
            root=np.array([contract.root for contract in contracts], dtype=np.str_),
            expires_on=np.array([from_date(contract.expires_on) for contract in contracts], dtype=np.int32),
            strike=np.array([int(contract.strike * 1000) for contract in contracts], dtype=np.int64),
            is_call=np.array([contract.right.value == "C" for contract in contracts], dtype=np.bool_),
            bid=quotes[:, 0].copy(),
            ask=quotes[:, 1].copy(),
            open_interest=np.array(interest or [NAN] * count, dtype=np.float64),
            quoted_at=np.zeros(count, dtype=np.int64),
            **unknown,
        )

    return make


def expiration(days: int, root: str = "SPY") -> Expiration:
    on = date.fromordinal(date(2025, 12, 17).toordinal() + days)
    return Expiration(
        expires_on=on,
        root=root,
        dte=days,
        years=days / 365,
        is_monthly=False,
        last_trading_at=datetime(on.year, on.month, on.day, 21, tzinfo=UTC),
    )


def test_the_straddle_is_that_of_the_strike_nearest_to_spot(chain_of: Callable[..., OptionChain]) -> None:
    assert atm_straddle(chain_of(QUOTES), ON, "SPY") == Price("5.65")
    assert atm_straddle(chain_of(QUOTES, "96"), ON, "SPY") == Price("7.1")


def test_of_two_strikes_as_near_the_lower_one_counts(chain_of: Callable[..., OptionChain]) -> None:
    assert atm_straddle(chain_of(QUOTES, "97.5"), ON, "SPY") == Price("7.1")


@pytest.mark.parametrize("quote", [(NAN, 2.7), (2.6, NAN), (2.8, 2.7)])
def test_a_straddle_with_a_bad_quote_is_unknown(
    chain_of: Callable[..., OptionChain], quote: tuple[float, float]
) -> None:
    chain = chain_of({**QUOTES, P100: quote})

    assert atm_straddle(chain, ON, "SPY") is None
    assert atm_iv(chain, [expiration(30)], 0.0, 0.0) is None


def test_without_spot_or_a_pair_there_is_no_straddle(chain_of: Callable[..., OptionChain]) -> None:
    assert atm_straddle(chain_of(QUOTES, None), ON, "SPY") is None
    assert atm_straddle(chain_of({C95: (1, 2), P100: (1, 2)}), ON, "SPY") is None
    assert atm_straddle(chain_of(QUOTES), ON, "SPXW") is None
    assert atm_straddle(chain_of(QUOTES), date(2026, 1, 17), "SPY") is None


def quote_at(days: int, iv: float, root: str = "SPY") -> dict[str, tuple[float, float]]:
    on = expiration(days).expires_on
    prices = [bsm_price(is_call, 100.0, 100.0, days / 365, 0.04, 0.01, iv) for is_call in (True, False)]
    return {
        f"{root} {on} C 100": (prices[0] - 0.01, prices[0] + 0.01),
        f"{root} {on} P 100": (prices[1] - 0.01, prices[1] + 0.01),
    }


def test_volatility_between_two_expirations_is_interpolated_in_total_variance(
    chain_of: Callable[..., OptionChain],
) -> None:
    chain = chain_of({**quote_at(20, 0.2), **quote_at(50, 0.3)}, "100")

    iv = atm_iv(chain, [expiration(50), expiration(20)], 0.04, 0.01)

    variance = (0.2**2 * 20 * 20 + 0.3**2 * 50 * 10) / 30
    assert iv == pytest.approx((variance / 30) ** 0.5, abs=1e-6)


@pytest.mark.parametrize(("days", "is_known"), [(14, False), (15, True), (30, True), (60, True), (61, False)])
def test_one_expiration_speaks_only_for_lives_near_its_own(
    chain_of: Callable[..., OptionChain], days: int, is_known: bool
) -> None:
    iv = atm_iv(chain_of(quote_at(days, 0.25), "100"), [expiration(days)], 0.04, 0.01)

    assert iv == (pytest.approx(0.25, abs=1e-6) if is_known else None)


def test_an_expiration_without_a_volatility_gives_way_to_the_next(chain_of: Callable[..., OptionChain]) -> None:
    worthless = {text: (90.0, 91.0) for text in quote_at(29, 0.2)}  # far above what volatility could explain
    too_dear = {text: (101.0, 102.0) for text in quote_at(31, 0.2)}
    chain = chain_of({**quote_at(20, 0.2), **worthless, **too_dear, **quote_at(40, 0.2)}, "100")

    iv = atm_iv(chain, [expiration(days) for days in (0, 20, 29, 31, 40)], 0.04, 0.01)

    assert iv is not None
    assert atm_iv(chain, [expiration(20), expiration(31), expiration(40)], 0.04, 0.01) == pytest.approx(0.2, abs=1e-6)


def test_adjusted_contracts_and_an_unknown_spot_tell_no_volatility(chain_of: Callable[..., OptionChain]) -> None:
    adjusted = chain_of(quote_at(30, 0.2, "SPY1"), "100")

    assert atm_iv(adjusted, [expiration(30, "SPY1")], 0.04, 0.01) is None
    assert atm_iv(chain_of(quote_at(30, 0.2), None), [expiration(30)], 0.04, 0.01) is None


def test_puts_over_calls_by_open_interest(chain_of: Callable[..., OptionChain]) -> None:
    assert put_call_ratio(chain_of(QUOTES, interest=[100, 150, 100, NAN])) == 0.75
    assert put_call_ratio(chain_of(QUOTES, interest=[0, 10, 0, 10])) is None
    assert put_call_ratio(chain_of(QUOTES)) is None


def test_historical_volatility_of_a_hand_worked_series() -> None:
    step = np.log(1.01)
    closes = [100.0]
    for sign in (1, -1, 1, -1):
        closes.append(closes[-1] * float(np.exp(sign * step)))

    # Returns +s, -s, +s, -s: sample deviation s × sqrt(4/3).
    assert historical_volatility(closes, 4) == pytest.approx(step * np.sqrt(4 / 3) * np.sqrt(252), abs=1e-9)


@pytest.mark.parametrize("closes", [[], [100.0] * 4, [100.0, 101.0, NAN, 102.0, 103.0], [1.0, 2.0, 0.0, 1.0, 1.0]])
def test_too_few_or_impossible_closes_tell_nothing(closes: list[float]) -> None:
    assert historical_volatility(closes, 4) is None


def test_decimals_of_the_straddle_stay_exact(chain_of: Callable[..., OptionChain]) -> None:
    straddle = atm_straddle(chain_of({C100: (1.005, 1.015), P100: (0.1, 0.15)}), ON, "SPY")

    assert straddle == Decimal("1.135")
