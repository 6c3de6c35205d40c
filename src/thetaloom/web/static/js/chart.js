// The interactive chart: drawn from exactly the numbers that the API tells, which are those of the evidence.
import { createChart, CrosshairMode, ColorType } from "../vendor/lightweight-charts-5.2.1.mjs";
import { drawPanels } from "./chart_panels.js";
import { drawLevels } from "./chart_levels.js";
import { showNumbers } from "./chart_numbers.js";
import { listenToKeys } from "./chart_keys.js";

const NARROW = 600; // pixels
const COLORS = ["page", "text", "dim", "line", "accent", "profit", "loss", "caution", "quiet", "other"];

for (const room of document.querySelectorAll("[data-chart]")) {
  show(room).catch((error) => {
    room.querySelector(".chart").hidden = true;
    room.querySelector(".chart-failed").hidden = false;
    room.dataset.failed = String(error);
  });
}

async function show(room) {
  const answer = await fetch(room.dataset.numbers, { headers: { accept: "application/json" } });
  if (!answer.ok) throw new Error(`the numbers were answered with ${answer.status}`);
  const told = await answer.json();
  const found = told.charts.find((one) => one.timeframe === room.dataset.timeframe);
  if (!found) throw new Error("there is no chart of this timeframe");
  for (const name of [".chart", ".chart-keys", ".chart-numbers"]) room.querySelector(name).hidden = false;
  const place = room.querySelector(".chart");
  const colors = colorsOf(room);
  const chart = createChart(place, optionsOf(colors));
  const isNarrow = place.clientWidth < NARROW;
  const drawn = drawPanels(chart, found.series, colors, isNarrow);
  drawLevels(drawn.lines.price, told.levels, colors, isNarrow);
  const numbers = showNumbers(room.querySelector(".chart-numbers"), found.series);
  listenToKeys(place, chart, drawn, numbers);
  chart.subscribeCrosshairMove((moved) => numbers.show(moved.logical ?? null));
  chart.timeScale().fitContent();
  place.drawn = drawn.lines; // what is drawn, to be read back
  room.dataset.drawn = found.numbers;
}

function colorsOf(room) {
  const style = getComputedStyle(room);
  return Object.fromEntries(COLORS.map((name) => [name, style.getPropertyValue(`--chart-${name}`).trim()]));
}

function optionsOf(colors) {
  return {
    autoSize: true,
    layout: {
      background: { type: ColorType.Solid, color: colors.page },
      textColor: colors.dim,
      fontSize: 11,
      attributionLogo: false, // it brings a style of its own, which our pages refuse; the link stands below the chart
      panes: { separatorColor: colors.line, enableResize: false },
    },
    grid: { vertLines: { color: colors.line }, horzLines: { color: colors.line } },
    crosshair: { mode: CrosshairMode.Magnet, vertLine: { color: colors.dim }, horzLine: { color: colors.dim } },
    rightPriceScale: { borderColor: colors.line, minimumWidth: 64 },
    timeScale: { borderColor: colors.line, rightOffset: 2, minBarSpacing: 0.5 },
    localization: { locale: "en-US", dateFormat: "yyyy-MM-dd" },
    handleScroll: { mouseWheel: false, vertTouchDrag: false }, // the page scrolls
    handleScale: { mouseWheel: false, axisPressedMouseMove: false },
  };
}
