// Binds <span data-quote="SPY" data-field="mid"> to the quotes of the wire: bid, ask, last or mid.
// follow() is for scripts that want quotes of symbols which no element shows.
import { send } from "./wire.js";

const asked = new Map(); // symbols by who asked for them
const bound = new Map(); // elements by symbol
let subscribed = "";

export function follow(who, symbols) {
  asked.set(who, symbols);
  subscribe();
}

function collect() {
  bound.clear();
  for (const element of document.querySelectorAll("[data-quote]")) {
    const list = bound.get(element.dataset.quote) ?? [];
    bound.set(element.dataset.quote, [...list, element]);
  }
  asked.set(document, [...bound.keys()]);
  subscribe();
}

function subscribe(again = false) {
  const symbols = [...new Set([...asked.values()].flat())].sort();
  if (!again && symbols.join() === subscribed) return;
  if (symbols.length === 0 && subscribed === "") return;
  subscribed = symbols.join();
  send({ type: "subscribe_quotes", symbols, batch: true });
}

function shown(quote, field) {
  if (field !== "mid") return quote[field];
  if (quote.bid === null || quote.ask === null) return quote.last;
  return ((Number(quote.bid) + Number(quote.ask)) / 2).toFixed(4);
}

function write(element, quote) {
  const price = shown(quote, element.dataset.field ?? "mid");
  const text = price === null ? "–" : Number(price).toFixed(Number(element.dataset.places ?? 2));
  if (quote.timestamp !== null) element.dataset.at = quote.timestamp;
  if (element.textContent === text) return;
  const moved = Number(text) - Number(element.textContent);
  element.textContent = text;
  if (moved) element.dataset.moved = moved > 0 ? "up" : "down";
}

document.body.addEventListener("wire:quote_update", ({ detail }) => {
  for (const element of bound.get(detail.symbol) ?? []) write(element, detail);
});
document.body.addEventListener("wire:open", () => subscribe(true));
document.body.addEventListener("htmx:afterSettle", collect);
collect();
