// The trading page: what it shows follows the wire, and a proposal is decided on with time to undo.
import { showPayoff } from "./trading_payoff.js";
import { watchTicket } from "./trading_ticket.js";
import { countAges } from "./trading_ages.js";

watchTicket(showPayoff());
countAges();
followSpot();
waitForWire();
window.addEventListener("pageshow", (event) => event.persisted && location.reload()); // never an old form

// The spot's mark on the line of prices moves with the quotes.
function followSpot() {
  const line = document.querySelector(".price-line");
  if (!line) return;
  const { low, high, left, right, spot } = line.dataset;
  const mark = line.querySelector(".line-spot");
  document.body.addEventListener("wire:quote_update", ({ detail }) => {
    if (detail.symbol !== spot || detail.last === null) return;
    const share = (Number(detail.last) - low) / (high - low);
    const x = Number(left) + Math.min(Math.max(share, 0), 1) * (right - left);
    mark.setAttribute("transform", `translate(${x.toFixed(1)} 0)`);
    line.querySelector(".line-spot-text").textContent = Number(detail.last).toFixed(2);
  });
}

// A proposal is worth asking for when quotes come; without the wire's script on the page the form works at once.
function waitForWire() {
  const form = document.getElementById("generate");
  if (!form || !document.querySelector('script[src*="live_page.js"]')) return;
  const button = form.querySelector("button");
  const state = document.getElementById("generate-state");
  form.addEventListener("submit", () => {
    button.disabled = true;
    state.textContent = "Looking for a trade: the quotes are read and every limit is checked.";
  });
  const tell = (isLive, words) => {
    button.disabled = !isLive;
    state.textContent = words;
  };
  tell(false, "Waiting for live quotes.");
  document.body.addEventListener("wire:state", ({ detail }) => {
    if (detail.state === "live") tell(true, "");
    else tell(false, detail.state === "waiting" ? "The connection is lost; it is tried again." : "Connecting to live quotes.");
  });
  for (const name of ["wire:heartbeat", "wire:quote_update", "wire:quote_batch"]) {
    document.body.addEventListener(name, () => button.disabled && tell(true, ""));
  }
}
