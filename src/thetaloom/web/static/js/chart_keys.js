// The chart by keyboard: from candle to candle, closer and farther.
const STEP = 0.8; // of the candles shown, after one step closer

export function listenToKeys(place, chart, drawn, numbers) {
  const newest = drawn.times.length - 1;
  const closes = drawn.lines.close.data();
  let at = newest;
  const point = (to) => {
    at = Math.max(0, Math.min(newest, to));
    chart.setCrosshairPosition(closes[at].value, drawn.times[at], drawn.lines.price);
    numbers.show(at);
  };
  const zoom = (factor) => {
    const scale = chart.timeScale();
    const seen = scale.getVisibleLogicalRange();
    const half = Math.max(5, ((seen.to - seen.from) * factor) / 2);
    const middle = Math.min(Math.max(at, half), Math.max(newest - half + 2, half));
    scale.setVisibleLogicalRange({ from: middle - half, to: middle + half });
  };
  const whole = () => {
    chart.clearCrosshairPosition();
    chart.timeScale().fitContent();
    at = newest;
    numbers.show(newest);
  };
  const actions = {
    ArrowLeft: () => point(at - 1),
    ArrowRight: () => point(at + 1),
    Home: () => point(0),
    End: () => point(newest),
    "+": () => zoom(STEP),
    "=": () => zoom(STEP),
    "-": () => zoom(1 / STEP),
    Escape: whole,
  };
  place.addEventListener("keydown", (pressed) => {
    const act = actions[pressed.key];
    if (!act || pressed.ctrlKey || pressed.metaKey || pressed.altKey) return;
    pressed.preventDefault();
    act();
  });
}
