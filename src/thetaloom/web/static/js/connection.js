// The badge in the header: live, connecting, or stale since when; what is stale is greyed.
import { heardAt } from "./wire.js";

const badge = document.getElementById("connection");
let until = 0;
let ticking = 0;

function show(state, text) {
  if (badge === null || (badge.dataset.state === state && badge.textContent === text)) return;
  const before = badge.dataset.state;
  if (before && before !== state && (state === "stale" || before === "stale")) {
    document.getElementById("announce").textContent = text; // once, and not each second
  }
  badge.hidden = false;
  badge.dataset.state = state;
  badge.textContent = text;
  document.documentElement.dataset.wire = state;
}

function clock(at) {
  return new Date(at).toLocaleTimeString("en-GB");
}

function count() {
  const seconds = Math.max(1, Math.ceil((until - Date.now()) / 1000));
  const since = heardAt() === 0 ? "not connected" : `stale since ${clock(heardAt())}`;
  show("stale", `${since}, reconnecting in ${seconds} s`);
}

document.body.addEventListener("wire:state", ({ detail }) => {
  clearInterval(ticking);
  if (detail.state === "live") show("live", "live");
  else if (detail.state === "waiting") {
    until = detail.until;
    count();
    ticking = setInterval(count, 1000);
  } else if (heardAt() === 0) show("connecting", "connecting");
  else show("stale", `stale since ${clock(heardAt())}, reconnecting`);
});

// More was missed than is told again. A page that was just loaded shows all of it already.
document.body.addEventListener("wire:resync", () => {
  const isEditing = document.querySelector("form :focus, dialog[open]") !== null;
  if (performance.now() > 5000 && !isEditing) location.reload();
});
