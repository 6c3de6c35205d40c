"""The prompt of a run: the strategy's templates, filled in with the numbers that its charts were drawn from."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from thetaloom.domain.market.chain import to_date
from thetaloom.domain.market.chart_reading import read_frame, votes_text
from thetaloom.domain.market.chart_series import ChartSeries, latest_of
from thetaloom.domain.market.opinions import AnalysisRequest
from thetaloom.domain.run.opinion_scores import OpinionScore
from thetaloom.domain.run.prompt_values import INDICATORS
from thetaloom.domain.run.runs import WorkflowRun
from thetaloom.domain.strategy.strategies import Strategy
from thetaloom.engine.desk import Desk
from thetaloom.engine.prompts import compose
from thetaloom.ports.store import UnitOfWork

BARS_MAX = 60
EARLIER_MAX = 5
AVERAGES = ("sma_20", "sma_50", "sma_200")


def with_prompt(
    desk: Desk, uow: UnitOfWork, run: WorkflowRun, strategy: Strategy, request: AnalysisRequest, analyst: str
) -> AnalysisRequest:
    """Return the question with its words. Raises ``InvalidInput`` where a template cannot be filled in."""
    # Of before the run alone: what others say while it waits for an answer would make another question of it.
    earlier = uow.scores.recent(run.user_id, run.symbol, analyst, before=run.created_at, limit=EARLIER_MAX)
    values = prompt_values(desk, request, strategy, earlier)
    found = compose(uow, run.user_id, strategy.id, desk.settings.prompt_language, values)
    return replace(request, prompt=found.text, prompt_reference=found.reference)


def prompt_values(
    desk: Desk, request: AnalysisRequest, strategy: Strategy, earlier: Sequence[OpinionScore]
) -> Mapping[str, object]:
    """Return what a template can read; the names are those of ``domain.run.prompt_values``."""
    # The time of the numbers, not of the asking: the same numbers must make the same question.
    now = request.spot_as_of or request.now
    daily = _latest(request.daily)
    return {
        "symbol": request.symbol,
        "current_price": request.spot,
        "trend": trend_of(daily),
        "atr": daily["atr"],
        "indicators": daily,
        "weekly": _latest(request.weekly),
        "bars": _bars(request.daily),
        "analysis_daily": _reading(request.daily),
        "analysis_weekly": _reading(request.weekly),
        "strategy": {
            "id": strategy.id,
            "name": strategy.name,
            "description": strategy.description,
            "bias": [bias.value for bias in strategy.biases],
            "dte_min": strategy.expiration.dte_min,
            "dte_max": strategy.expiration.dte_max,
        },
        "previous_analyses": [
            {"made_at": f"{one.made_at:%Y-%m-%d %H:%M}", "direction": one.direction.value, "confidence": one.confidence}
            for one in earlier
        ],
        "source": request.source,
        "now": now,
        "today": desk.calendar.exchange_date(now),
    }


def trend_of(daily: Mapping[str, float | None]) -> str | None:
    """Return the trend by the averages: above each other in order, below each other, or neither."""
    line = [daily["close"], *(daily[name] for name in AVERAGES)]
    known = [number for number in line if number is not None]
    if len(known) < len(line):
        return None
    if known == sorted(known, reverse=True):
        return "bullish"
    return "bearish" if known == sorted(known) else "neutral"


def _latest(series: ChartSeries | None) -> dict[str, float | None]:
    if series is None:
        return dict.fromkeys(INDICATORS)
    close = latest_of(series.candles.closes)
    return {name: close if name == "close" else latest_of(getattr(series, name)) for name in INDICATORS}


def _reading(series: ChartSeries | None) -> str | None:
    return None if series is None else votes_text(read_frame(series))


def _bars(series: ChartSeries | None) -> list[dict[str, object]]:
    if series is None:
        return []
    candles = series.candles.last(BARS_MAX)
    columns = (candles.days, candles.opens, candles.highs, candles.lows, candles.closes)
    volumes = candles.volumes or (None,) * len(candles)
    return [
        {"date": to_date(day), "open": start, "high": high, "low": low, "close": end, "volume": volume}
        for day, start, high, low, end, volume in zip(*columns, volumes, strict=True)
    ]
