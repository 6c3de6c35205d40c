// The one socket of this page: every message becomes a "wire:<type>" event on the body.
// seq is the number of the last message that came; a page that comes back is told what it missed.

const WAIT_FIRST = 250; // milliseconds before the first new try; each further one waits twice as long
const WAIT_SOON = 2_000; // most, in the first minute: a server that was restarted is soon back
const WAIT_MOST = 30_000;
const MINUTE = 60_000;
const SILENCE_MOST = 40_000; // without any message: two heartbeats were missed
const KEPT = "thetaloom.seq";

let socket = null;
let tries = 0;
let seq = kept();
let lastHeardAt = 0;
let lostAt = 0;
let timer = 0;
let silence = 0;
const waiting = []; // what was sent before the socket was open

// Sends a message now, or as soon as there is a connection.
export function send(message) {
  if (isOpen()) socket.send(JSON.stringify(message));
  else waiting.push(message);
}

export function isOpen() {
  return socket !== null && socket.readyState === WebSocket.OPEN;
}

// When the last message came: milliseconds since 1970, 0 for none.
export function heardAt() {
  return lastHeardAt;
}

export function connect() {
  clearTimeout(timer);
  if (socket !== null && socket.readyState <= WebSocket.OPEN) return;
  const scheme = location.protocol === "https:" ? "wss:" : "ws:";
  const since = seq === null ? "" : `?since=${seq}`;
  tell("state", { state: "connecting" });
  const opened = new WebSocket(`${scheme}//${location.host}/ws${since}`);
  socket = opened;
  opened.addEventListener("open", () => opened === socket && settle());
  opened.addEventListener("message", (event) => opened === socket && hear(event.data));
  opened.addEventListener("close", () => opened === socket && retry());
}

function settle() {
  tries = 0;
  tell("open", {});
  tell("state", { state: "live" });
  for (const message of waiting.splice(0)) send(message);
}

function hear(text) {
  const message = JSON.parse(text);
  lastHeardAt = Date.now();
  clearTimeout(silence);
  silence = setTimeout(() => socket.close(), SILENCE_MOST);
  if (message.seq !== seq) keep(message.seq);
  if (message.type === "quote_batch") {
    for (const quote of message.quotes) tell("quote_update", quote);
  }
  tell(message.type, message);
}

function retry() {
  clearTimeout(silence);
  socket = null;
  if (tries === 0) lostAt = Date.now();
  const most = Math.min(Date.now() - lostAt < MINUTE ? WAIT_SOON : WAIT_MOST, WAIT_FIRST * 2 ** tries);
  const wait = most / 2 + (Math.random() * most) / 2; // not all pages at once
  tries += 1;
  timer = setTimeout(connect, wait);
  tell("state", { state: "waiting", until: Date.now() + wait, since: lastHeardAt });
}

function tell(name, detail) {
  document.body.dispatchEvent(new CustomEvent(`wire:${name}`, { detail, bubbles: true }));
}

function kept() {
  const text = sessionStorage.getItem(KEPT);
  return text === null ? null : Number(text);
}

function keep(number) {
  seq = number;
  sessionStorage.setItem(KEPT, String(number));
}

addEventListener("online", connect);
addEventListener("pageshow", (event) => event.persisted && connect());
document.addEventListener("visibilitychange", () => document.hidden || connect());
