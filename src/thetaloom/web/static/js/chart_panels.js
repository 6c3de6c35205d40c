// The seven panels: what stands in which, in which color and at which share of the height.
import { CandlestickSeries, HistogramSeries, LineSeries, LineStyle, LineType } from "../vendor/lightweight-charts-5.2.1.mjs";

const DAY = 86400; // seconds
const SHARES = [35, 15, 10, 15, 15, 10, 10];
const TITLES = ["Price", "SuperTrend 10/3 and close", "Volume", "MACD 12/26/9", "RSI 14", "OBV", "ATR 14"];
const PRICE_WORDS = ", SMA 20/50/200, Bollinger 20/2"; // where there is room
const CENTS = { type: "price", precision: 2, minMove: 0.01 };
const LARGE = { type: "volume", precision: 2 };
const QUIET = { lastValueVisible: false, priceLineVisible: false, crosshairMarkerVisible: false };

export function drawPanels(chart, series, colors, isNarrow) {
  const { candles } = series;
  const times = candles.days.map((day) => day * DAY);
  const points = (line, color) =>
    times.map((time, at) => {
      if (line[at] === null || line[at] === undefined) return { time };
      return color ? { time, value: line[at], color: color(at) } : { time, value: line[at] };
    });
  const line = (pane, numbers, color, options = {}) => {
    const shown = chart.addSeries(LineSeries, { color, lineWidth: 2, priceLineVisible: false, priceFormat: CENTS, ...options }, pane);
    shown.setData(points(numbers));
    return shown;
  };
  const columns = (pane, numbers, color, options = {}) => {
    const shown = chart.addSeries(HistogramSeries, { priceLineVisible: false, priceFormat: CENTS, ...options }, pane);
    shown.setData(points(numbers, color));
    return shown;
  };
  const turn = (isUp) => (isUp ? colors.profit : colors.loss);

  const price = chart.addSeries(CandlestickSeries, candleOptions(colors), 0);
  price.setData(times.map((time, at) => ({
    time, open: candles.opens[at], high: candles.highs[at], low: candles.lows[at], close: candles.closes[at],
  })));
  const lines = {
    price,
    band_lower: line(0, series.band_lower, colors.dim, { ...QUIET, lineWidth: 1 }),
    band_upper: line(0, series.band_upper, colors.dim, { ...QUIET, lineWidth: 1 }),
    sma_20: line(0, series.sma_20, colors.caution, QUIET),
    sma_50: line(0, series.sma_50, colors.quiet, QUIET),
    sma_200: line(0, series.sma_200, colors.other, QUIET),
    close: line(1, candles.closes, colors.text, { ...QUIET, lineWidth: 1 }),
    supertrend: line(1, series.supertrend, colors.profit, { lineType: LineType.WithSteps }),
    volume: columns(2, candles.volumes, (at) => turn(candles.closes[at] >= candles.opens[at]), { priceFormat: LARGE }),
    macd_histogram: columns(3, series.macd_histogram, (at) => turn(series.macd_histogram[at] >= 0), QUIET),
    macd: line(3, series.macd, colors.quiet),
    macd_signal: line(3, series.macd_signal, colors.caution, QUIET),
    rsi: line(4, series.rsi, colors.quiet),
    obv: line(5, series.obv, colors.accent, { priceFormat: LARGE }),
    atr: line(6, series.atr, colors.caution),
  };
  lines.supertrend.setData(points(series.supertrend, (at) => turn(series.supertrend_direction[at] > 0)));
  for (const level of [30, 70]) {
    lines.rsi.createPriceLine({ price: level, color: colors.dim, lineWidth: 1, lineStyle: LineStyle.Dashed, title: "" });
  }
  name(chart, series, isNarrow);
  return { lines, times };
}

function candleOptions(colors) {
  return {
    upColor: colors.page, // a rise is hollow, a fall is filled: the color is not the only sign
    borderUpColor: colors.profit,
    wickUpColor: colors.profit,
    downColor: colors.loss,
    borderDownColor: colors.loss,
    wickDownColor: colors.loss,
    priceLineVisible: false,
    priceFormat: CENTS,
  };
}

function name(chart, series, isNarrow) {
  const panes = chart.panes();
  const labels = panes.map((pane, at) => {
    pane.setStretchFactor(SHARES[at]);
    const label = document.createElement("p");
    label.className = "chart-title";
    const more = at === 0 && !isNarrow ? PRICE_WORDS : "";
    label.textContent = TITLES[at] + more + (isEmpty(series, at) ? ": none" : "");
    chart.chartElement().parentElement.append(label);
    return label;
  });
  const place = () => {
    let top = 0;
    panes.forEach((pane, at) => {
      labels[at].style.top = `${top + 4}px`;
      top += pane.getHeight() + 1; // and its separator
    });
  };
  new ResizeObserver(() => requestAnimationFrame(place)).observe(chart.chartElement());
}

function isEmpty(series, at) {
  const shown = [series.candles.closes, series.supertrend, series.candles.volumes, series.macd, series.rsi, series.obv, series.atr];
  return shown[at].every((number) => number === null);
}
