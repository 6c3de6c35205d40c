// An open menu of the header closes by a click elsewhere and by Escape, which gives its button the focus back.
const OPEN = "header.frame details[open]";

document.addEventListener("click", (pressed) => {
  for (const menu of document.querySelectorAll(OPEN)) menu.open = menu.contains(pressed.target);
});

document.addEventListener("keydown", (pressed) => {
  const menu = pressed.key === "Escape" && document.querySelector(OPEN);
  if (!menu) return;
  const inside = menu.contains(document.activeElement);
  menu.open = false;
  if (inside) menu.querySelector("summary").focus();
});
