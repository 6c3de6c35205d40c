"""Reads a market: every number and word that is known of it, from plain inputs and nothing else."""

from dataclasses import dataclass, field
from datetime import date, datetime

from thetaloom.domain.market import conditions, volatility
from thetaloom.domain.market.alignment import align, bars_direction
from thetaloom.domain.market.bars import Bars, weekly
from thetaloom.domain.market.chain import OptionChain, from_date
from thetaloom.domain.market.draft import Draft
from thetaloom.domain.market.events import EventKind, Events, next_event
from thetaloom.domain.market.expirations import Expiration
from thetaloom.domain.market.gamma import flip_distance, gamma_exposure
from thetaloom.domain.market.indicators import (
    atm_iv,
    historical_volatility,
    put_call_ratio,
    put_call_volume_ratio,
)
from thetaloom.domain.market.latest import Technicals, latest
from thetaloom.domain.market.technicals import obv
from thetaloom.domain.market.view import MarketView as MarketView
from thetaloom.domain.market.view import Measured as Measured
from thetaloom.domain.market.view import Named as Named
from thetaloom.domain.market.volatility import BENCHMARK, IvHistory
from thetaloom.domain.market.words import Bands, Direction, Extreme, MacdState, Momentum, Regime
from thetaloom.domain.values.money import Price

LEVEL_SESSIONS, MOVE_SESSIONS, VOLUME_SESSIONS, IV_CHANGE_SESSIONS = 20, 5, 20, 5
MILLION = 1_000_000
SLOPE_REACH = 4 / 3  # of 60 days: an expiration nearer than 45 would tell of the 30 days once more
CHAIN, BARS, BOTH = "chain", "daily bars", "chain and daily bars"


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketInputs:
    """All that a reading rests on. What the source does not carry is empty or ``None``."""

    symbol: str
    chain: OptionChain
    expirations: tuple[Expiration, ...]
    bars: Bars  # daily, complete sessions only
    bars_as_of: datetime | None  # the close of the last of them
    rate: float
    dividend_yield: float
    today: date  # the exchange's
    now: datetime
    benchmark: str = BENCHMARK
    benchmark_bars: Bars = field(default_factory=Bars)  # days and closes suffice
    iv_history: IvHistory = field(default_factory=IvHistory)
    events: Events | None = None
    vix: Price | None = None
    vix_as_of: datetime | None = None
    frames: dict[str, Bars] = field(default_factory=dict)  # of the day so far and before: "15m", "1h" and the like


def read_market(given: MarketInputs) -> MarketView:
    """Return every number and word that is known, and of each other one why it is not."""
    usable = given.bars if given.bars.are_prices else Bars()
    draft = Draft(source=given.chain.source, has_bars=len(usable) > 0)
    found = latest(usable)
    _read_chain(draft, given)
    _read_volatility(draft, given, usable)
    _read_gamma(draft, given)
    _read_technicals(draft, given, found)
    _read_levels(draft, given, usable)
    _read_volume(draft, given, usable)
    _read_bands(draft, given, found)
    _read_judgements(draft, given, found)
    _read_timeframes(draft, given, usable)
    _read_events(draft, given)
    return draft.view()


def _read_chain(draft: Draft, given: MarketInputs) -> None:
    chain = given.chain
    draft.number("underlying_price", _float(chain.spot), chain.as_of, CHAIN, "the chain names no price")
    by_interest, by_volume = put_call_ratio(chain), put_call_volume_ratio(chain)
    draft.number("put_call_ratio", by_interest, chain.as_of, CHAIN, "no call has open interest that is known")
    draft.number("put_call_volume_ratio", by_volume, chain.as_of, CHAIN, "no call has a volume that is known")
    why = draft.missing("put_call_ratio", "put_call_volume_ratio")
    blend = None
    if by_interest is not None and by_volume is not None:
        blend = conditions.put_call_blend(by_volume, by_interest)
    draft.number("put_call_blend", blend, chain.as_of, CHAIN, why)
    sentiment = None if blend is None else conditions.sentiment_word(blend)
    draft.word("sentiment", sentiment, chain.as_of, CHAIN, why)


def _read_volatility(draft: Draft, given: MarketInputs, bars: Bars) -> None:
    chain, rate, dividends = given.chain, given.rate, given.dividend_yield
    iv = atm_iv(chain, given.expirations, rate, dividends)
    iv_60 = atm_iv(chain, given.expirations, rate, dividends, 60, SLOPE_REACH)
    no_quotes = "no expirations near {} days have at-the-money quotes that tell a volatility"
    draft.number("atm_iv", _percent(iv), chain.as_of, CHAIN, no_quotes.format(30))
    slope = None if iv is None or iv_60 is None else iv_60 / iv
    draft.number("term_slope", slope, chain.as_of, CHAIN, no_quotes.format("30 and 60"))
    skew = volatility.skew_25_delta(chain, given.expirations, rate, dividends)
    points = None if skew is None else skew.put_over_call * 100
    draft.number("skew_25d", points, chain.as_of, CHAIN, "no quotes near 25 delta on both sides at 30 days")

    past = _before_today(given)
    short = f"needs {volatility.IV_SESSIONS_MIN - 1} sessions of IV history, {len(past)} are known"
    why = draft.missing("atm_iv") or short
    resting = "chain and IV history"
    rank, percentile = (
        (None, None) if iv is None else (volatility.iv_rank(past, iv), volatility.iv_percentile(past, iv))
    )
    flat = "IV did not move in its history" if rank is None and percentile is not None else why
    draft.number("iv_rank", rank, chain.as_of, resting, flat)
    draft.number("iv_percentile", percentile, chain.as_of, resting, why)
    change = None if iv is None or len(past) < IV_CHANGE_SESSIONS else (iv - past[-IV_CHANGE_SESSIONS]) * 100
    draft.number("iv_change_5d", change, chain.as_of, resting, draft.missing("atm_iv") or "needs 5 sessions of it")

    hv = historical_volatility(bars.closes)
    draft.number("hv_30", _percent(hv), given.bars_as_of, BARS, _too_few(draft, given, 31))
    ratio = None if iv is None or hv is None else hv / iv
    draft.number("hv_iv_ratio", ratio, chain.as_of, BOTH, draft.missing("hv_30", "atm_iv"))
    slope = 1.0 if given.symbol == given.benchmark else volatility.beta(bars, given.benchmark_bars)
    needed = f"needs more than {volatility.BETA_SESSIONS_MIN} sessions in common with {given.benchmark}"
    draft.number("beta", slope, given.bars_as_of, BARS, needed)
    draft.number("vix", _float(given.vix), given.vix_as_of, "VIX", "the source does not carry VIX")


def _before_today(given: MarketInputs) -> tuple[float, ...]:
    # After the close today's own session may already be among them.
    known = zip(given.iv_history.days, given.iv_history.ivs, strict=True)
    return tuple(iv for day, iv in known if day < from_date(given.today))


def _read_gamma(draft: Draft, given: MarketInputs) -> None:
    chain = given.chain
    exposure = gamma_exposure(chain, given.expirations, given.rate, given.dividend_yield)
    if exposure is None or chain.spot is None:
        why = "no contract has open interest and a volatility"
        for name in ("net_gamma", "gamma_flip_distance", "call_wall", "put_wall", "dealer_gamma"):
            draft.unknown[name] = why
        return
    draft.number("net_gamma", exposure.net / MILLION, chain.as_of, CHAIN, "")
    distance = flip_distance(exposure, float(chain.spot))
    draft.number("gamma_flip_distance", distance, chain.as_of, CHAIN, "net gamma keeps its sign within 25 % of spot")
    draft.number("call_wall", exposure.call_wall, chain.as_of, CHAIN, "no call has gamma")
    draft.number("put_wall", exposure.put_wall, chain.as_of, CHAIN, "no put has gamma")
    draft.word("dealer_gamma", exposure.dealer, chain.as_of, CHAIN, "")


def _read_technicals(draft: Draft, given: MarketInputs, found: Technicals) -> None:
    at = given.bars_as_of
    few = _too_few(draft, given, 28)
    draft.number("history_sessions", float(len(given.bars)), at or given.now, BARS, "")
    draft.number("rsi_14", found.rsi_14, at, BARS, _too_few(draft, given, 15))
    draft.number("adx_14", found.adx_14, at, BARS, few)
    draft.number("atr_14", found.atr_14, at, BARS, _too_few(draft, given, 15))
    draft.number("stochastic_k", found.stochastic_k, at, BARS, _too_few(draft, given, 18))
    draft.number("macd_histogram", found.macd_histogram, at, BARS, _too_few(draft, given, 34))
    trend = None if found.adx_14 is None else conditions.trend_word(found.adx_14)
    draft.word("trend", trend, at, BARS, few)
    sides = (found.plus_di, found.minus_di)
    direction = None if sides[0] is None or sides[1] is None else conditions.direction_word(sides[0], sides[1])
    draft.word("direction", direction, at, BARS, few)
    pointing = None
    if found.supertrend_is_up is not None:
        pointing = Direction.UP if found.supertrend_is_up else Direction.DOWN
    draft.word("supertrend", pointing, at, BARS, _too_few(draft, given, 11))


def _read_levels(draft: Draft, given: MarketInputs, bars: Bars) -> None:
    at, price = given.bars_as_of, draft.floats.get("underlying_price")
    levels = bars.last(LEVEL_SESSIONS)
    few = _too_few(draft, given, LEVEL_SESSIONS)
    is_enough = len(levels) == LEVEL_SESSIONS
    draft.number("support", min(levels.lows) if is_enough else None, at, BARS, few)
    draft.number("resistance", max(levels.highs) if is_enough else None, at, BARS, few)
    latest_bar = bars.last(1)
    daily = (latest_bar.highs[0] - latest_bar.lows[0]) / latest_bar.closes[0] * 100 if len(latest_bar) else None
    draft.number("daily_range", daily, at, BARS, _too_few(draft, given, 1))
    move = spread = days = None
    if price is not None:
        week = bars.last(MOVE_SESSIONS)
        if len(week) == MOVE_SESSIONS:
            move = (max(week.highs) - min(week.lows)) / price * 100
        spread = conditions.close_range(bars.closes, price)
        days = conditions.range_days(bars.closes, price, conditions.range_threshold(given.symbol, price))
    why = draft.missing("underlying_price")
    draft.number("recent_move", move, given.chain.as_of, BOTH, why or _too_few(draft, given, MOVE_SESSIONS))
    draft.number("range_3d", spread, given.chain.as_of, BOTH, why or _too_few(draft, given, 3))
    draft.number("range_days", _float(days), given.chain.as_of, BOTH, why or _too_few(draft, given, 1))


def _read_volume(draft: Draft, given: MarketInputs, bars: Bars) -> None:
    at, volumes = given.bars_as_of, bars.volumes
    why = _too_few(draft, given, VOLUME_SESSIONS) if volumes else "the bars carry no volume"
    draft.number("volume", volumes[-1] if volumes else None, at, BARS, why)
    is_enough = len(volumes) >= VOLUME_SESSIONS
    average = sum(volumes[-VOLUME_SESSIONS:]) / VOLUME_SESSIONS if is_enough else None
    draft.number("average_volume", average, at, BARS, why)
    flow = None
    if len(volumes) > VOLUME_SESSIONS and average:
        balance = obv(bars)
        flow = float(balance[-1] - balance[-1 - VOLUME_SESSIONS]) / (average * VOLUME_SESSIONS) * 100
    draft.number("obv_flow_20", flow, at, BARS, why if not is_enough else "no share was traded in 20 sessions")


def _read_bands(draft: Draft, given: MarketInputs, found: Technicals) -> None:
    price, lower, upper, middle = draft.floats.get("underlying_price"), found.band_lower, found.band_upper, found.sma_20
    word = position = distance = sma_distance = None
    if price is not None and lower is not None and upper is not None and middle is not None:
        word = conditions.bands_word(price, lower, upper)
        position = conditions.bollinger_position(price, lower, upper)
        distance = conditions.band_distance(price, lower, upper)
        sma_distance = (price - middle) / middle * 100
    why = draft.missing("underlying_price") or _too_few(draft, given, 20)
    at = given.chain.as_of
    draft.word("bands", word, at, BOTH, why)
    flat = "the bands have no width" if word is not None else why
    draft.number("bollinger_position", position, at, BOTH, flat)
    draft.number("band_distance", distance, at, BOTH, why)
    draft.number("sma_20_distance", sma_distance, at, BOTH, why)


def _read_judgements(draft: Draft, given: MarketInputs, found: Technicals) -> None:
    at, floats = given.chain.as_of, draft.floats
    state: MacdState | None = None
    why = draft.missing("macd_histogram", "atr_14", "adx_14", "rsi_14", "bands")
    if not why:
        state = conditions.macd_state(found, Bands(draft.words["bands"].word))
    draft.word("macd_state", state, at, BOTH, why)

    stress = None
    why = draft.missing("underlying_price", "iv_rank", "recent_move", "support", "resistance")
    if not why:
        stress = conditions.market_stress(
            iv_rank=floats["iv_rank"],
            recent_move=floats["recent_move"],
            price=floats["underlying_price"],
            support=floats["support"],
            resistance=floats["resistance"],
        )
    draft.number("stress", stress, at, BOTH, why)

    extreme = None
    why = draft.missing("rsi_14", "bands", "sma_20_distance")
    if not why:
        extreme = conditions.extreme_word(
            rsi=floats["rsi_14"],
            bands=Bands(draft.words["bands"].word),
            sma_distance=floats["sma_20_distance"],
        )
    draft.word("extreme", extreme, at, BOTH, why)
    _read_momentum(draft, given)
    _read_regime(draft, given)
    _read_bias(draft, given)


def _read_momentum(draft: Draft, given: MarketInputs) -> None:
    why, judged = draft.missing("adx_14", "extreme"), None
    if not why:
        judged = conditions.momentum(adx=draft.floats["adx_14"], extreme=Extreme(draft.words["extreme"].word))
    _put_judged(draft, given, "momentum", judged, why, Momentum.NONE)


def _read_regime(draft: Draft, given: MarketInputs) -> None:
    why, judged = draft.missing("stress", "iv_rank", "range_days", "adx_14", "macd_state"), None
    if not why:
        judged = conditions.regime(
            stress=draft.floats["stress"],
            iv_rank=draft.floats["iv_rank"],
            quiet_sessions=int(draft.floats["range_days"]),
            adx=draft.floats["adx_14"],
            state=MacdState(draft.words["macd_state"].word),
        )
    _put_judged(draft, given, "regime", judged, why, Regime.NONE)


def _put_judged(
    draft: Draft,
    given: MarketInputs,
    name: str,
    judged: conditions.Judged | None,
    why: str,
    nothing: Regime | Momentum,
) -> None:
    at = given.chain.as_of
    draft.word(name, None if judged is None else judged.word, at, BOTH, why)
    confidence = None if judged is None else judged.confidence
    draft.number(f"{name}_confidence", confidence, at, BOTH, why or f"{name} is {nothing}")


def _read_bias(draft: Draft, given: MarketInputs) -> None:
    at, bias, confidence = given.chain.as_of, None, None
    why, why_confidence = draft.missing("iv_rank", "rsi_14"), draft.missing("iv_rank", "volume")
    if not why:
        bias = conditions.bias_word(iv_rank=draft.floats["iv_rank"], rsi=draft.floats["rsi_14"])
    if not why_confidence:
        confidence = conditions.bias_confidence(iv_rank=draft.floats["iv_rank"], volume=draft.floats["volume"])
    draft.word("bias", bias, at, BOTH, why)
    draft.number("bias_confidence", confidence, at, BOTH, why_confidence)


def _read_timeframes(draft: Draft, given: MarketInputs, bars: Bars) -> None:
    frames = {"1d": bars, "1w": weekly(bars), **given.frames}
    directions = {name: bars_direction(frame) for name, frame in frames.items()}
    aligned = align({name: direction for name, direction in directions.items() if direction is not None})
    why = "no timeframe has bars enough"
    at = given.now if given.frames else given.bars_as_of
    draft.number("alignment", None if aligned is None else aligned.percent, at, "bars", why)
    draft.word("timeframes", None if aligned is None else aligned.word, at, "bars", why)


def _read_events(draft: Draft, given: MarketInputs) -> None:
    events = given.events
    for name, kind in (("days_to_earnings", EventKind.EARNINGS), ("days_to_ex_dividend", EventKind.DIVIDEND)):
        coming = next_event(events, kind, given.today)
        as_of = None if events is None else events.as_of
        draft.number(name, _float(coming.days), as_of, "events", coming.why)
        if coming.is_none:
            draft.none[name] = coming.why


def _too_few(draft: Draft, given: MarketInputs, needed: int) -> str:
    count = len(given.bars)
    if count >= needed and not draft.has_bars:
        return "the daily bars hold prices that cannot be right"
    return f"needs {needed} sessions of daily bars, {count} are known"


def _percent(fraction: float | None) -> float | None:
    return None if fraction is None else fraction * 100


def _float(number: Price | int | None) -> float | None:
    return None if number is None else float(number)
