from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest

from tests.domain.market import by_hand
from tests.domain.market.conftest import DIVIDEND_YIELD, PRICED_ON, RATE, BarsOf, PricedOf
from thetaloom.domain.market.bars import Bars
from thetaloom.domain.market.chain import ARRAY_TYPES, SCALAR_NAMES, OptionChain, from_date
from thetaloom.domain.market.events import EventKind, Events
from thetaloom.domain.market.reading import MarketInputs, MarketView, read_market
from thetaloom.domain.market.volatility import IvHistory
from thetaloom.domain.strategy.metrics import MARKET_METRICS, METRIC_MAX, METRIC_OF, SIGNED_METRICS, WORDS, WordMetric
from thetaloom.domain.values.canonical import canonical_json, from_json
from thetaloom.domain.values.money import Price

AT = datetime(2025, 12, 17, 15, tzinfo=UTC)
CLOSE = datetime(2025, 12, 16, 21, tzinfo=UTC)
WORD_OF = {word.value: word for word in WordMetric}
InputsOf = Callable[..., MarketInputs]


@pytest.fixture
def inputs_of(priced: PricedOf, bars_of: BarsOf) -> InputsOf:
    """Make inputs of which everything is known; ``changes`` replace parts."""

    def make(**changes: object) -> MarketInputs:
        market = priced(
            lambda strike, days: 0.25 - 0.002 * (strike - 100) + 0.0005 * days,
            interest=lambda strike, is_call: 900 - 10 * abs(strike - (106 if is_call else 95)),
        )
        arrays = {name: getattr(market.chain, name) for name in ARRAY_TYPES}
        volume = np.where(market.chain.is_call, 10.0, 15.0)
        scalars = {name: getattr(market.chain, name) for name in SCALAR_NAMES}
        chain = OptionChain(**scalars, **(arrays | {"volume": volume}))
        raw = bars_of(7, 280, deviation=0.008)
        factor = 101 / raw.closes[-1]
        bars = Bars(
            days=tuple(from_date(PRICED_ON) - 280 + at for at in range(280)),
            highs=tuple(high * factor for high in raw.highs),
            lows=tuple(low * factor for low in raw.lows),
            closes=tuple(close * factor for close in raw.closes),
            volumes=raw.volumes,
        )
        benchmark = bars_of(8, 280)
        given = MarketInputs(
            symbol="AAPL",
            chain=chain,
            expirations=market.expirations,
            bars=bars,
            bars_as_of=CLOSE,
            rate=RATE,
            dividend_yield=DIVIDEND_YIELD,
            today=PRICED_ON,
            now=AT,
            benchmark_bars=Bars(days=bars.days, closes=benchmark.closes),
            iv_history=IvHistory(days=bars.days[-252:], ivs=tuple(0.2 + 0.0005 * at for at in range(252))),
            events=Events(
                as_of=AT,
                source="test",
                earnings=(PRICED_ON + timedelta(days=12),),
                dividends_known_until=PRICED_ON + timedelta(days=40),
            ),
            vix=Price("17.5"),
            vix_as_of=AT,
        )
        return replace(given, **changes)  # type: ignore[arg-type]  # the caller names fields

    return make


def number(view: MarketView, name: str) -> float:
    return float(view.numbers[name].number)


def test_every_metric_is_known_or_says_why_not(inputs_of: InputsOf) -> None:
    for given in (inputs_of(), inputs_of(bars=Bars(), bars_as_of=None), inputs_of(events=None, vix=None)):
        view = read_market(given)

        known = view.numbers.keys() | view.words.keys()
        assert known | view.unknown.keys() == {one.value for one in MARKET_METRICS} | WORD_OF.keys()
        assert not known & view.unknown.keys()
        assert all(view.unknown.values())


def test_with_everything_at_hand_nearly_everything_is_known(inputs_of: InputsOf) -> None:
    view = read_market(inputs_of())

    # What a judgement does not rate stays open.
    assert view.unknown.keys() <= {"momentum_confidence", "regime_confidence"}


def test_numbers_are_within_the_bounds_a_condition_may_name(inputs_of: InputsOf) -> None:
    for name, found in read_market(inputs_of()).numbers.items():
        most = METRIC_MAX[METRIC_OF[name]]
        assert (-most if METRIC_OF[name] in SIGNED_METRICS else 0) <= found.number <= most, name


def test_words_are_those_of_the_list(inputs_of: InputsOf) -> None:
    for name, found in read_market(inputs_of()).words.items():
        assert found.word in {one.value for one in WORDS[WORD_OF[name]]}, name


def test_each_number_has_the_time_of_what_it_rests_on(inputs_of: InputsOf) -> None:
    view = read_market(inputs_of())

    assert view.numbers["rsi_14"].as_of == view.numbers["support"].as_of == view.words["trend"].as_of == CLOSE
    assert view.numbers["atm_iv"].as_of == view.numbers["stress"].as_of == view.words["bands"].as_of == AT
    assert view.numbers["rsi_14"].source == "test daily bars"
    assert view.numbers["net_gamma"].source == "test chain"
    assert view.numbers["iv_rank"].source == "test chain and IV history"
    assert view.numbers["days_to_earnings"].source == "test events"


def test_numbers_follow_from_the_inputs(inputs_of: InputsOf) -> None:
    given = inputs_of()
    bars = given.bars
    view = read_market(given)
    lower, middle, upper = by_hand.bollinger(list(bars.closes), 20, 2.0)

    assert number(view, "underlying_price") == 100
    assert number(view, "support") == pytest.approx(min(bars.lows[-20:]))
    assert number(view, "resistance") == pytest.approx(max(bars.highs[-20:]))
    assert number(view, "recent_move") == pytest.approx(max(bars.highs[-5:]) - min(bars.lows[-5:]))
    assert number(view, "range_3d") == pytest.approx(max(bars.closes[-3:]) - min(bars.closes[-3:]))
    assert number(view, "sma_20_distance") == pytest.approx((100 / middle - 1) * 100)
    assert number(view, "bollinger_position") == pytest.approx((100 - lower) / (upper - lower) * 100)
    assert number(view, "band_distance") == pytest.approx(max(min(100 - lower, upper - 100), 0))
    assert number(view, "adx_14") == pytest.approx(by_hand.adx(bars, 14)[0])
    assert number(view, "volume") == bars.volumes[-1]
    assert number(view, "average_volume") == pytest.approx(by_hand.mean(list(bars.volumes[-20:])))
    flow = by_hand.obv(bars) - by_hand.obv(replace_tail(bars))
    assert number(view, "obv_flow_20") == pytest.approx(flow / sum(bars.volumes[-20:]) * 100)
    assert number(view, "put_call_volume_ratio") == 1.5
    assert number(view, "hv_iv_ratio") == pytest.approx(number(view, "hv_30") / number(view, "atm_iv"))
    assert number(view, "iv_change_5d") == pytest.approx(number(view, "atm_iv") - (0.2 + 0.0005 * 247) * 100)
    assert number(view, "term_slope") > 1
    assert number(view, "skew_25d") > 1
    assert number(view, "days_to_earnings") == 12
    assert number(view, "history_sessions") == 280
    assert number(view, "vix") == 17.5


def replace_tail(bars: Bars) -> Bars:
    """The bars without the last twenty."""
    return Bars(
        days=bars.days[:-20],
        highs=bars.highs[:-20],
        lows=bars.lows[:-20],
        closes=bars.closes[:-20],
        volumes=bars.volumes[:-20],
    )


def test_an_event_known_not_to_come_is_no_unknown_one(inputs_of: InputsOf) -> None:
    view = read_market(inputs_of())
    fund = Events(as_of=AT, source="test", not_applicable=frozenset({EventKind.EARNINGS}))
    others = read_market(inputs_of(events=fund))

    assert number(view, "days_to_ex_dividend") == 41
    assert view.none.keys() == {"days_to_ex_dividend"}
    assert number(others, "days_to_earnings") == 366
    assert others.none.keys() == {"days_to_earnings"}
    assert "days_to_ex_dividend" in others.unknown


def test_without_bars_only_the_chain_speaks(inputs_of: InputsOf) -> None:
    view = read_market(inputs_of(bars=Bars(), bars_as_of=None))

    assert number(view, "history_sessions") == 0
    assert number(view, "atm_iv") > 0
    assert view.unknown["rsi_14"] == "needs 15 sessions of daily bars, 0 are known"
    assert view.unknown["stress"] == "needs recent_move, support, resistance"
    assert view.unknown["macd_state"] == "needs macd_histogram, atr_14, adx_14, rsi_14, bands"
    assert view.unknown["regime"] == "needs stress, range_days, adx_14, macd_state"


def test_impossible_bars_are_said_to_be_so(inputs_of: InputsOf) -> None:
    good = inputs_of().bars
    view = read_market(inputs_of(bars=replace(good, lows=(0.0, *good.lows[1:]))))

    assert view.unknown["rsi_14"] == "the daily bars hold prices that cannot be right"
    assert number(view, "history_sessions") == 280


def test_a_short_iv_history_gives_no_rank_and_so_no_stress(inputs_of: InputsOf) -> None:
    view = read_market(inputs_of(iv_history=IvHistory(days=(1, 2), ivs=(0.2, 0.3))))

    assert view.unknown["iv_rank"] == "needs 125 sessions of IV history, 2 are known"
    assert view.unknown["iv_change_5d"] == "needs 5 sessions of it"
    for name in ("stress", "regime", "bias", "bias_confidence"):
        assert "iv_rank" in view.unknown[name] or "stress" in view.unknown[name]


def test_a_benchmark_is_its_own_beta(inputs_of: InputsOf) -> None:
    assert number(read_market(inputs_of(symbol="SPY", benchmark_bars=Bars())), "beta") == 1
    assert "SPY" in read_market(inputs_of(benchmark_bars=Bars())).unknown["beta"]


def test_intraday_bars_join_the_timeframes(inputs_of: InputsOf, bars_of: BarsOf) -> None:
    frames = {name: bars_of(seed, 120) for seed, name in enumerate(("15m", "1h", "4h"))}

    daily, all_of_them = read_market(inputs_of()), read_market(inputs_of(frames=frames))

    assert daily.numbers["alignment"].as_of == CLOSE
    assert all_of_them.numbers["alignment"].as_of == AT
    assert number(all_of_them, "alignment") * 5 % 100 == pytest.approx(0)  # fifths


def test_a_view_reads_back_to_the_byte(inputs_of: InputsOf) -> None:
    view = read_market(inputs_of())

    text = canonical_json(view)

    assert from_json(text, MarketView) == view
    assert canonical_json(read_market(inputs_of())) == text


def test_numbers_carry_no_float_noise(inputs_of: InputsOf) -> None:
    for found in read_market(inputs_of()).numbers.values():
        assert isinstance(found.number, Decimal)
        assert -int(found.number.as_tuple().exponent) <= 10


def test_a_chain_without_spot_leaves_what_rests_on_a_price_open(inputs_of: InputsOf) -> None:
    given = inputs_of()
    arrays = {name: getattr(given.chain, name) for name in ARRAY_TYPES}
    scalars = {name: getattr(given.chain, name) for name in SCALAR_NAMES}
    view = read_market(replace(given, chain=OptionChain(**(scalars | {"spot": None}), **arrays)))

    for name in ("underlying_price", "net_gamma", "stress", "bollinger_position", "recent_move"):
        assert name in view.unknown
    assert number(view, "rsi_14") > 0


def test_today_is_the_exchanges(inputs_of: InputsOf) -> None:
    assert number(read_market(inputs_of(today=date(2025, 12, 20))), "days_to_earnings") == 9


def test_todays_own_session_is_not_counted_among_the_days_before(inputs_of: InputsOf) -> None:
    given = inputs_of()
    history = given.iv_history
    closed = IvHistory(days=(*history.days, from_date(given.today)), ivs=(*history.ivs, 0.9), source=history.source)

    before, after = read_market(given), read_market(replace(given, iv_history=closed))

    for name in ("iv_rank", "iv_percentile", "iv_change_5d"):
        assert after.numbers[name] == before.numbers[name]
