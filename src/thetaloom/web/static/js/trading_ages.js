// Ages that count up and say when a number is stale, and the time that is left to decide.
const SECOND = 1000;

export function countAges() {
  const began = performance.now();
  const ages = [...document.querySelectorAll("[data-age]")];
  const seen = new WeakMap(); // since when each time that is left is on the page: the wire brings new ones
  const tick = () => {
    const now = performance.now();
    const passed = Math.floor((now - began) / SECOND);
    for (const age of ages) tell(age, Number(age.dataset.age) + passed);
    const left = document.querySelector(".ticket [data-seconds-left]");
    if (!left) return;
    if (!seen.has(left)) seen.set(left, now);
    remain(left, Number(left.dataset.secondsLeft) - Math.floor((now - seen.get(left)) / SECOND));
  };
  if (ages.length || document.querySelector(".ticket [data-seconds-left]")) {
    tick();
    setInterval(tick, SECOND);
  }
}

function tell(age, seconds) {
  const isStale = seconds > Number(age.dataset.stale);
  age.textContent = `${seconds} s old${isStale ? ", stale" : ""}`;
  age.classList.toggle("stale", isStale);
}

function remain(left, seconds) {
  left.textContent = seconds > 0 ? `${Math.floor(seconds / 60)} min ${seconds % 60} s` : "no time: it has expired";
}
