// Keys of every page: g and a letter go to a page, / finds, ? shows the sheet. Never while somebody writes.
import "./menus.js";
import { listenToQueue } from "./queue_keys.js";

const SECOND_KEY_MS = 1500;
let asked = 0; // when g was pressed

export function isWriting(target) {
  return target instanceof Element && target.closest("input, select, textarea, [contenteditable]") !== null;
}

function go(letter) {
  const place = document.querySelector(`a[data-key="${CSS.escape(letter)}"]`);
  if (place) location.assign(place.href);
  return place !== null;
}

async function showSheet() {
  let sheet = document.querySelector("dialog.sheet");
  if (!sheet) {
    const answer = await fetch("/keys", { headers: { accept: "text/html" } });
    if (!answer.ok) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    sheet = document.createElement("dialog");
    sheet.className = "sheet";
    sheet.setAttribute("aria-label", "Keys");
    sheet.append(...page.querySelector("#sheet").children);
    document.body.append(sheet);
    sheet.addEventListener("click", (pressed) => {
      if (pressed.target === sheet) sheet.close();
    });
  }
  if (!sheet.open) sheet.showModal();
}

const actions = {
  "/": () => {
    const search = document.querySelector("[data-search]");
    if (!search) return false;
    search.focus();
    search.select();
    return true;
  },
  "?": () => {
    showSheet();
    return true;
  },
  g: () => {
    asked = performance.now();
    return true;
  },
};

document.addEventListener("keydown", (pressed) => {
  if (pressed.defaultPrevented || pressed.ctrlKey || pressed.metaKey || pressed.altKey) return;
  if (isWriting(pressed.target) || document.querySelector("dialog[open]")) return;
  const waits = asked && performance.now() - asked < SECOND_KEY_MS;
  asked = 0;
  const done = waits ? go(pressed.key.toLowerCase()) : actions[pressed.key]?.();
  if (done) pressed.preventDefault();
});

listenToQueue(document.querySelector("[data-queue]"), isWriting);
