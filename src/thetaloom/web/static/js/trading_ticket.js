// Deciding on a proposal: the entry price that the numbers follow, the confirmation, and some seconds to undo
// before anything is sent. Without this script the same form posts at once.
const TICK_MS = 250;

export function watchTicket(payoff) {
  const form = document.getElementById("execute");
  if (!form) return;
  const credit = document.getElementById("credit");
  credit.addEventListener("input", () => {
    if (payoff && credit.value !== "" && credit.validity.valid) payoff.setNet(Number(credit.value));
  });
  const box = document.getElementById("confirmed");
  if (box) {
    box.required = false; // the dialog asks instead
    document.getElementById("confirm-row").hidden = true;
  }
  document.body.addEventListener("htmx:afterSettle", () => {
    if (document.getElementById("standing")?.dataset.open === "no") shut(form);
  });
  form.addEventListener("submit", (event) => {
    if (event.submitter?.hasAttribute("formaction") || form.dataset.sent) return;
    event.preventDefault();
    ask(form, box);
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      form.requestSubmit(document.getElementById("approve"));
    } else if (event.key === "Escape") {
      form.undo?.();
    }
  });
}

// Somebody else decided, or the time is over: nothing more can be sent from here.
function shut(form) {
  form.undo?.();
  for (const control of form.querySelectorAll("input, button")) control.disabled = true;
  for (const control of document.querySelectorAll('form[action$="/rejection"] :is(input, button)')) control.disabled = true;
}

function ask(form, box) {
  if (form.undo || document.getElementById("approve").disabled) return; // it counts already, or nothing can be sent
  const dialog = document.getElementById("confirm");
  if (!dialog) {
    count(form);
    return;
  }
  dialog.addEventListener("close", () => {
    box.checked = dialog.returnValue === "yes";
    if (box.checked) count(form);
  }, { once: true });
  dialog.returnValue = "";
  dialog.showModal();
}

function count(form) {
  const note = document.getElementById("undo");
  const text = document.getElementById("undo-text");
  const button = document.getElementById("undo-button");
  const ends = performance.now() + Number(form.dataset.undoSeconds) * 1000;
  const timer = setInterval(tell, TICK_MS);
  let said = "";

  function tell() {
    const left = ends - performance.now();
    if (left <= 0) {
      stop();
      form.dataset.sent = "yes";
      document.getElementById("approve").disabled = true;
      form.submit();
      return;
    }
    const now = `Nothing is sent yet. The order goes out in ${Math.ceil(left / 1000)} s.`;
    if (now !== said) text.textContent = said = now;
  }

  function stop() {
    clearInterval(timer);
    note.hidden = true;
    form.undo = null;
    button.removeEventListener("click", undo);
  }

  function undo() {
    stop();
    document.getElementById("approve").focus();
  }

  form.undo = undo;
  button.addEventListener("click", undo);
  note.hidden = false;
  button.focus();
  tell();
}
