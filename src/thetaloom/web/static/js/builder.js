// The strategy builder follows what is typed: form to TOML and back, both read by the server's one parser.
const PAUSE_MS = 350;
const form = document.querySelector("#builder");
let timer = 0;
let asked = 0;

form.addEventListener("input", (event) => later(event.target));
form.addEventListener("change", (event) => later(event.target));
form.addEventListener("submit", (event) => {
  const wish = event.submitter?.name === "do" ? event.submitter.value : "";
  if (wish === "save") return; // the page that comes back says what became of it
  event.preventDefault();
  refresh(wish || "preview", true).catch(() => form.requestSubmit(form.querySelector("[value=save]")));
});

function later(field) {
  const meaning = field.selectedOptions?.[0]?.title;
  const help = document.getElementById(`${field.id}-help`);
  if (meaning && help) help.textContent = meaning;
  const fromText = field.id === "toml";
  clearTimeout(timer);
  timer = setTimeout(() => refresh(fromText ? "toml" : "preview", fromText).catch(failed), PAUSE_MS);
}

// With ``redraws`` the fields themselves are drawn anew; else they stay as they are under the writer's hands.
async function refresh(wish, redraws) {
  clearTimeout(timer);
  const number = ++asked;
  const body = new URLSearchParams(new FormData(form));
  body.set("do", wish);
  form.setAttribute("aria-busy", "true");
  const answer = await fetch(form.dataset.live, { method: "POST", body, headers: { accept: "text/html" } });
  const told = new DOMParser().parseFromString(await answer.text(), "text/html");
  if (number !== asked) return; // something newer was typed meanwhile
  form.removeAttribute("aria-busy");
  if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
  swap("builder-result", told);
  if (redraws) redraw(told);
  if (wish !== "toml") document.querySelector("#toml").value = told.querySelector("#toml").value;
  showErrors();
}

function redraw(told) {
  const opened = new Map([...form.querySelectorAll("details.group")].map((one) => [one.id, one.open]));
  const focused = document.activeElement?.id;
  swap("builder-fields", told);
  for (const group of form.querySelectorAll("details.group")) group.open = group.open || opened.get(group.id);
  if (focused) document.getElementById(focused)?.focus();
}

function swap(id, told) {
  document.getElementById(id).replaceWith(document.adoptNode(told.getElementById(id)));
}

function showErrors() {
  for (const place of form.querySelectorAll(".field-error")) {
    place.textContent = "";
    fieldOf(place)?.removeAttribute("aria-invalid");
  }
  for (const problem of form.querySelectorAll(".problems [data-path]")) {
    const place = [...form.querySelectorAll(".field-error")].find((one) => one.dataset.path === problem.dataset.path);
    if (!place) continue;
    place.textContent = problem.dataset.text;
    fieldOf(place)?.setAttribute("aria-invalid", "true");
  }
}

function fieldOf(place) {
  return document.getElementById(place.id.replace(/-error$/, ""));
}

function failed(error) {
  form.removeAttribute("aria-busy");
  document.querySelector("#checked").textContent = `It could not be checked: ${error.message}. Press a button to go on.`;
}
