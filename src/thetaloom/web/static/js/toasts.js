// What happens while a page is open: shown for a while, read out, and kept in a list of this tab.

const KEPT = "thetaloom.toasts";
const KEPT_MOST = 50;
const SHOWN_MOST = 4;
const SHOWN_SECONDS = 12;
const ALOUD = new Set(["fill", "denied", "exit"]); // are read out at once
const SIGNS = { fill: "✓", denied: "✕", exit: "↩", alert: "!", approval: "?", order: "→", error: "✕" };
const ORDERS = { SUBMITTED: "is sent", WORKING: "works at the broker", CANCELED: "is canceled", EXPIRED: "has expired" };

const shelf = document.getElementById("toasts");
const list = document.getElementById("tidings");

export function toast({ topic, title, body = "", link = "", about = title, urgent = false, timestamp = Date.now() }) {
  const entry = { topic, title, body, link, urgent, timestamp };
  keep(entry);
  say(entry);
  if (shelf === null) return;
  for (const older of [...shelf.children]) {
    if (older.dataset.about === about) older.remove(); // an order that moves says the same again
  }
  const card = made(entry);
  card.dataset.about = about;
  shelf.append(card);
  while (shelf.children.length > SHOWN_MOST) shelf.firstElementChild.remove();
  if (!urgent) setTimeout(() => card.remove(), SHOWN_SECONDS * 1000);
}

function made({ topic, title, body, link }) {
  const card = document.createElement("article");
  card.className = "toast";
  card.dataset.topic = topic;
  const sign = document.createElement("span");
  sign.className = "toast-sign";
  sign.setAttribute("aria-hidden", "true");
  sign.textContent = SIGNS[topic] ?? "•";
  const heading = document.createElement(link.startsWith("/") ? "a" : "strong");
  if (link.startsWith("/")) heading.href = link;
  heading.textContent = title;
  const text = document.createElement("p");
  text.textContent = body;
  const close = document.createElement("button");
  close.type = "button";
  close.textContent = "×";
  close.setAttribute("aria-label", `Dismiss: ${title}`);
  close.addEventListener("click", () => card.remove());
  card.append(sign, heading, close, text);
  return card;
}

function say({ topic, title, urgent }) {
  const aloud = urgent || ALOUD.has(topic);
  const place = document.getElementById(aloud ? "announce-now" : "announce");
  if (place !== null) place.textContent = title;
}

function keep(entry) {
  const entries = [entry, ...kept()].slice(0, KEPT_MOST);
  sessionStorage.setItem(KEPT, JSON.stringify(entries));
  show(entries);
}

function kept() {
  try {
    return JSON.parse(sessionStorage.getItem(KEPT)) ?? [];
  } catch {
    return [];
  }
}

function show(entries) {
  if (list === null) return;
  list.closest("details").hidden = entries.length === 0;
  list.replaceChildren(
    ...entries.map((entry) => {
      const row = document.createElement("li");
      const when = document.createElement("time");
      when.dateTime = new Date(entry.timestamp).toISOString();
      when.textContent = `${when.dateTime.slice(0, 19).replace("T", " ")} UTC`;
      const title = document.createElement(entry.link ? "a" : "span");
      if (entry.link) title.href = entry.link;
      title.textContent = `${SIGNS[entry.topic] ?? "•"} ${entry.title}`;
      row.append(when, " ", title);
      return row;
    }),
  );
}

document.body.addEventListener("wire:notice", ({ detail }) => toast(detail));
document.body.addEventListener("wire:order.status", ({ detail }) => {
  const became = ORDERS[detail.status];
  if (!became) return; // fills, denials and rejections come as notices
  const title = `The order on ${detail.symbol} ${became}`;
  toast({ topic: "order", title, link: "/orders", about: detail.trade_id, timestamp: detail.timestamp });
});
document.body.addEventListener("wire:error", ({ detail }) => {
  toast({ topic: "error", title: detail.message, body: detail.advice, urgent: true });
});
show(kept());
