// Draws <div data-curve='[[seconds], [dollars]]'> with uPlot; the table below it says the same.
const HEIGHT = 260;
const style = getComputedStyle(document.documentElement);
const color = (name) => style.getPropertyValue(`--color-${name}`).trim();

function dollars(amount) {
  return `${amount < 0 ? "−" : ""}$${Math.abs(amount).toLocaleString("en-US")}`;
}

for (const room of document.querySelectorAll("[data-curve]")) {
  const points = JSON.parse(room.dataset.curve);
  const axis = { stroke: color("dim"), grid: { stroke: color("border"), width: 1 }, ticks: { stroke: color("border") } };
  const options = {
    width: room.clientWidth,
    height: HEIGHT,
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), room.dataset.zone),
    legend: { show: false },
    axes: [axis, { ...axis, size: 70, values: (_, ticks) => ticks.map(dollars) }],
    series: [{}, { label: "realized", stroke: color("accent"), width: 2, points: { show: points[0].length < 50 } }],
  };
  const drawn = new uPlot(options, points, room);
  new ResizeObserver(() => drawn.setSize({ width: room.clientWidth, height: HEIGHT })).observe(room);
}
