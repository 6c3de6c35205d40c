"""Contracts on the eve of an ex-date, and who exercises them by a binomial tree that knows nothing of our engine."""

import numpy as np
import numpy.typing as npt

from thetaloom.domain.book.assignment import CERTAIN_GAIN, exercise_gain

STEPS, SEED = 200, 20260116
BATCH = 2_000
Cases = dict[str, npt.NDArray[np.float64]]


def radar_against_tree(count: int) -> tuple[float, float, int]:
    """Return the share of early exercises that the radar finds, that of its flags that are true, and the number."""
    drawn = radar_cases(count)
    parts = [{name: one[at : at + BATCH] for name, one in drawn.items()} for at in range(0, count, BATCH)]
    true = np.concatenate([tree_exercises(part) for part in parts])
    flagged = radar_flags(drawn)
    both = int((true & flagged).sum())
    return both / int(true.sum()), both / int(flagged.sum()), int(true.sum())


def radar_cases(count: int, seed: int = SEED) -> Cases:
    """Draw contracts in the money on the eve of an ex-date, calls, or of any day, puts."""
    draw = np.random.default_rng(seed)
    spot = draw.uniform(40.0, 600.0, count)
    is_call = draw.random(count) < 0.5
    depth = np.exp(draw.uniform(0.0, 0.35, count))
    return {
        "spot": spot,
        "is_call": is_call.astype(np.float64),
        "strike": np.where(is_call, spot / depth, spot * depth),
        "years": draw.integers(2, 120, count) / 365.0,
        "rate": draw.uniform(0.005, 0.06, count),
        "iv": draw.uniform(0.08, 0.60, count),
        "dividend": np.where(is_call, spot * draw.uniform(0.001, 0.012, count), 0.0),
    }


def radar_flags(cases: Cases) -> npt.NDArray[np.bool_]:
    """Return what the radar calls likely."""
    gains = [
        exercise_gain(
            is_call=bool(cases["is_call"][at]),
            **{name: float(cases[name][at]) for name in ("spot", "strike", "years", "rate", "iv", "dividend")},
        )
        for at in range(cases["spot"].size)
    ]
    return np.array(gains) >= CERTAIN_GAIN


def tree_exercises(cases: Cases, steps: int = STEPS) -> npt.NDArray[np.bool_]:
    """Return who exercises now by a tree of Cox, Ross and Rubinstein, rather than hold on over the ex-date."""
    is_call, strike = cases["is_call"].astype(bool)[:, None], cases["strike"][:, None]
    spot = (cases["spot"] - cases["dividend"])[:, None]
    step = (cases["years"] / steps)[:, None]
    up = np.exp(cases["iv"][:, None] * np.sqrt(step))
    growth, discount = np.exp(cases["rate"][:, None] * step), np.exp(-cases["rate"][:, None] * step)
    chance = np.clip((growth - 1.0 / up) / (up - 1.0 / up), 0.0, 1.0)
    sign = np.where(is_call, 1.0, -1.0)
    nodes = spot * up ** (2.0 * np.arange(steps + 1) - steps)
    worth = np.maximum(sign * (nodes - strike), 0.0)
    for level in range(steps - 1, -1, -1):
        worth = discount * (chance * worth[:, 1:] + (1.0 - chance) * worth[:, :-1])
        if level:
            nodes = spot * up ** (2.0 * np.arange(level + 1) - level)
            worth = np.maximum(worth, sign * (nodes - strike))
    inside = sign[:, 0] * (cases["spot"] - cases["strike"])
    dropped = np.maximum(sign[:, 0] * (spot[:, 0] - cases["strike"]), 0.0)
    # A call that survives its ex-date may be exercised right after; without a dividend to come it never is.
    held = np.where(is_call[:, 0], np.maximum(worth[:, 0], dropped), worth[:, 0])
    exercised: npt.NDArray[np.bool_] = (inside > held + 1e-9) & (inside > 0)
    return exercised
