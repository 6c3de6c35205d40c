// The payoff of the proposal on the page: sliders of day and volatility, the live spot, and the numbers beside.
import { extremes, endsTogether, life, profit } from "./payoff_math.js";
import { payoffChart } from "./payoff_chart.js";

const DAYS_PER_YEAR = 365;
const STEPS = 1000; // of the slider of days
const byId = (id) => document.getElementById(id);

export function dollars(amount, places = 2) {
  const digits = Math.abs(amount).toLocaleString("en-US", { minimumFractionDigits: places, maximumFractionDigits: places });
  return `${amount > 0 ? "+" : amount < 0 ? "−" : ""}$${digits}`;
}

// As the server writes a price: with its cents, and with what is finer where there is something finer.
const price = (level) => level.toLocaleString("en-US", { minimumFractionDigits: 2, maximumFractionDigits: 4 });

// Returns setNet(net), by which the field of the entry price has everything follow; null where there is no payoff.
export function showPayoff() {
  const room = byId("payoff-live");
  if (!room) return null;
  const trade = JSON.parse(room.dataset.payoff);
  room.hidden = false;
  byId("payoff-still")?.setAttribute("hidden", "");
  const canvas = room.querySelector("canvas");
  const chart = payoffChart(canvas, trade);
  const state = { passed: life(trade) / 2, shift: 0, spot: trade.spot, at: trade.spot };
  let asked = 0;

  function draw() {
    asked = 0;
    const began = performance.now();
    chart.draw(state);
    numbers();
    room.dataset.frame = String(performance.now() - began);
  }

  function later() {
    if (!asked) asked = requestAnimationFrame(draw);
  }

  function numbers() {
    const days = state.passed * DAYS_PER_YEAR;
    byId("payoff-day-text").textContent = `in ${days.toFixed(1)} days`;
    byId("payoff-iv-text").textContent = `${state.shift >= 0 ? "+" : "−"}${Math.abs(state.shift * 100).toFixed(0)} points`;
    byId("payoff-at").textContent = state.at.toFixed(2);
    const there = profit(trade, state.at, state.passed, state.shift);
    byId("payoff-there").textContent = dollars(there);
    byId("payoff-there").className = there < 0 ? "loss" : "profit";
    if (!endsTogether(trade)) return;
    const found = extremes(trade);
    byId("max-profit").textContent = found.profit === null ? "unlimited" : dollars(found.profit);
    byId("max-loss").textContent = found.loss === null ? "unlimited" : dollars(-found.loss);
    byId("breakevens").textContent = found.breakevens.map((one) => `$${price(one)}`).join(", ") || "none";
  }

  byId("payoff-day").addEventListener("input", (event) => {
    state.passed = (life(trade) * Number(event.target.value)) / STEPS;
    later();
  });
  byId("payoff-iv").addEventListener("input", (event) => {
    state.shift = Number(event.target.value) / 100;
    later();
  });
  canvas.addEventListener("pointermove", (event) => {
    state.at = chart.priceAt(event.offsetX);
    later();
  });
  canvas.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step) return;
    event.preventDefault();
    state.at = Math.min(Math.max(state.at + (step * (trade.high - trade.low)) / 100, trade.low), trade.high);
    later();
  });
  document.body.addEventListener("wire:quote_update", ({ detail }) => {
    if (detail.symbol !== trade.symbol || detail.last === null) return;
    state.spot = Number(detail.last);
    later();
  });
  addEventListener("resize", () => {
    chart.fit();
    later();
  });
  draw();
  return {
    trade,
    setNet(net) {
      trade.net = net;
      later();
    },
  };
}
