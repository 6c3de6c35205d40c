// Numbers of positions that follow the wire: [data-live] inside of [data-position], by the fields of position_update.

const MINUS = "−";

function signed(number, isMoney) {
  const digits = Math.abs(number).toLocaleString("en-US", { minimumFractionDigits: 2, maximumFractionDigits: isMoney ? 2 : 4 });
  const sign = number < 0 ? MINUS : number > 0 ? "+" : "";
  return `${sign}${isMoney ? "$" : ""}${digits}`;
}

function write(element, entry) {
  const isMoney = "money" in element.dataset;
  const isNumber = typeof entry === "string" && entry !== "" && !Number.isNaN(Number(entry));
  const text = entry === null ? "unknown" : isNumber ? signed(Number(entry), isMoney) : String(entry);
  if (element.textContent.trim() === text) return;
  element.textContent = text;
  if (!isMoney) return;
  element.classList.toggle("profit", isNumber && Number(entry) > 0);
  element.classList.toggle("loss", isNumber && Number(entry) < 0);
  element.classList.toggle("unknown", entry === null);
}

document.body.addEventListener("wire:position_update", ({ detail }) => {
  const rooms = document.querySelectorAll(`[data-position="${CSS.escape(detail.position_id)}"]`);
  for (const room of rooms) {
    for (const element of room.querySelectorAll("[data-live]")) {
      if (element.dataset.live in detail) write(element, detail[element.dataset.live]);
    }
  }
});

// A page of positions is read anew where one was opened, changed or closed.
document.body.addEventListener("wire:run_update", ({ detail }) => {
  if (detail.position_id === null) return;
  document.body.dispatchEvent(new CustomEvent("wire:position_changed", { detail, bubbles: true }));
});
