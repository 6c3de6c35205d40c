// The numbers of one candle, below the chart: of the newest, or of the one that is pointed at.
const ROWS = [
  ["open", (s, at) => cents(s.candles.opens[at])],
  ["high", (s, at) => cents(s.candles.highs[at])],
  ["low", (s, at) => cents(s.candles.lows[at])],
  ["close", (s, at) => cents(s.candles.closes[at])],
  ["volume", (s, at) => whole(s.candles.volumes[at])],
  ["SMA 20", (s, at) => cents(s.sma_20[at])],
  ["SMA 50", (s, at) => cents(s.sma_50[at])],
  ["SMA 200", (s, at) => cents(s.sma_200[at])],
  ["lower band", (s, at) => cents(s.band_lower[at])],
  ["upper band", (s, at) => cents(s.band_upper[at])],
  ["SuperTrend", (s, at) => cents(s.supertrend[at])],
  ["trend", (s, at) => (s.supertrend[at] === null ? "–" : s.supertrend_direction[at] > 0 ? "up" : "down")],
  ["MACD", (s, at) => fine(s.macd[at])],
  ["signal", (s, at) => fine(s.macd_signal[at])],
  ["histogram", (s, at) => fine(s.macd_histogram[at])],
  ["RSI", (s, at) => cents(s.rsi[at])],
  ["OBV", (s, at) => whole(s.obv[at])],
  ["ATR", (s, at) => cents(s.atr[at])],
];

export function showNumbers(list, series) {
  const newest = series.candles.days.length - 1;
  const day = row(list, "candle of");
  const cells = ROWS.map(([name]) => row(list, name));
  const show = (at) => {
    const shown = at === null || at < 0 || at > newest ? newest : Math.round(at);
    day.textContent = new Date(series.candles.days[shown] * 86400000).toISOString().slice(0, 10);
    cells.forEach((cell, number) => (cell.textContent = ROWS[number][1](series, shown)));
  };
  show(newest);
  return { show };
}

function row(list, name) {
  const term = document.createElement("dt");
  const number = document.createElement("dd");
  const both = document.createElement("div");
  term.textContent = name;
  both.append(term, number);
  list.append(both);
  return number;
}

function written(number, places) {
  if (number === null || number === undefined) return "–";
  return number.toLocaleString("en-US", { minimumFractionDigits: places, maximumFractionDigits: places });
}

const cents = (number) => written(number, 2);
const fine = (number) => written(number, 4);
const whole = (number) => written(number, 0);
