// The page of a run follows it: what changed is put in the place of what stood there, but never under a person's hands.

const PARTS = ["run-summary", "why", "position", "gaps", "orders", "timeline"]; // ids of cards or of their headings
const PAUSE = 500; // milliseconds; several events come at once
const main = document.getElementById("main");
const { run } = document.getElementById("run-summary").dataset;
let timer = 0;

document.body.addEventListener("wire:run_update", ({ detail }) => {
  if (detail.run_id !== run) return;
  clearTimeout(timer);
  timer = setTimeout(renew, PAUSE);
});

async function renew() {
  const answer = await fetch(`/runs/${run}`, { headers: { accept: "text/html" } }).catch(() => null);
  if (answer === null || !answer.ok) return; // the wire says that the server is away
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  let before = null;
  for (const part of PARTS) {
    const now = card(document, part);
    const next = card(fresh, part);
    if (next !== null) before = put(now, next, before);
  }
  document.body.dispatchEvent(new CustomEvent("htmx:afterSettle", { bubbles: true }));
}

function card(page, part) {
  return page.getElementById(part)?.closest("section.card") ?? null;
}

// Returns the card that now stands there, after which a new one is put.
function put(now, next, before) {
  if (now !== null && isInHand(now)) return now;
  const made = document.adoptNode(next);
  if (now === null) {
    before.after(made);
  } else {
    keepOpen(now, made);
    now.replaceWith(made);
  }
  window.htmx?.process(made);
  return made;
}

function isInHand(room) {
  if (room.contains(document.activeElement) && document.activeElement !== main) return true;
  return [...room.querySelectorAll("input:not([type=hidden]), textarea")].some((field) => field.value !== field.defaultValue);
}

function keepOpen(now, made) {
  const open = new Set([...now.querySelectorAll("details[open] > summary")].map((one) => one.textContent));
  for (const summary of made.querySelectorAll("details > summary")) {
    if (open.has(summary.textContent)) summary.parentElement.open = true;
  }
}
