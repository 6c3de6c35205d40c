// The queue of proposals by keyboard, and its deadlines counting down.
const SECOND_MS = 1000;

export function listenToQueue(queue, isWriting) {
  if (!queue) return;
  const rows = [...queue.querySelectorAll("[data-proposal]")];
  let rejecting = false; // after r: the next key is a number

  const at = () => rows.findIndex((row) => row.contains(document.activeElement));
  const move = (step) => {
    const next = at() < 0 ? 0 : Math.max(0, Math.min(rows.length - 1, at() + step));
    rows[next].focus();
    rows[next].scrollIntoView({ block: "nearest" });
  };
  const send = (row, form) => row.querySelector(form).requestSubmit();
  const actions = {
    j: () => move(1),
    k: () => move(-1),
    ArrowDown: () => move(1),
    ArrowUp: () => move(-1),
    a: (row) => row && send(row, "[data-approve]"),
    r: (row) => {
      rejecting = Boolean(row);
    },
    Enter: (row) => row && row.querySelector("[data-open]").click(),
    x: (row) => row && row.querySelector("input[name=chosen]").click(),
  };

  document.addEventListener("keydown", (pressed) => {
    if (pressed.defaultPrevented) rejecting = false;
    if (pressed.defaultPrevented || pressed.ctrlKey || pressed.metaKey || pressed.altKey) return;
    if (isWriting(pressed.target) || document.querySelector("dialog[open]")) return;
    const row = rows[at()];
    if (rejecting) {
      rejecting = false;
      const reason = row?.querySelector("[data-reject] select");
      if (reason && /^[1-9]$/.test(pressed.key) && reason.options[Number(pressed.key)]) {
        pressed.preventDefault();
        reason.selectedIndex = Number(pressed.key);
        send(row, "[data-reject]");
        return;
      }
    }
    // A button or link that has the focus keeps its own Enter.
    const own = pressed.key === "Enter" && document.activeElement?.closest("a, button, summary");
    if (!actions[pressed.key] || own) return;
    actions[pressed.key](row);
    pressed.preventDefault();
  });

  countDown(queue);
}

function countDown(queue) {
  const clocks = [...queue.querySelectorAll("[data-seconds-left]")];
  const begun = performance.now();
  setInterval(() => {
    for (const clock of clocks) {
      const left = Math.max(0, Number(clock.dataset.secondsLeft) - Math.floor((performance.now() - begun) / SECOND_MS));
      clock.textContent = left < 60 ? `${left} s` : `${Math.floor(left / 60)} min ${left % 60} s`;
    }
  }, SECOND_MS);
}
