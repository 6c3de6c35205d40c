// Ages that count up and say when a number is stale, and the time that is left to decide.
const SECOND = 1000;

export function countAges() {
  const began = performance.now();
  const ages = [...document.querySelectorAll("[data-age]")];
  const left = document.querySelector(".ticket [data-left]");
  const tick = () => {
    const passed = Math.floor((performance.now() - began) / SECOND);
    for (const age of ages) tell(age, Number(age.dataset.age) + passed);
    if (left) remain(left, Number(left.dataset.left) - passed);
  };
  if (ages.length || left) setInterval(tick, SECOND);
}

function tell(age, seconds) {
  const isStale = seconds > Number(age.dataset.stale);
  age.textContent = `${seconds} s old${isStale ? ", stale" : ""}`;
  age.classList.toggle("stale", isStale);
}

function remain(left, seconds) {
  left.textContent = seconds > 0 ? `${Math.floor(seconds / 60)} min ${seconds % 60} s` : "no time: it has expired";
}
