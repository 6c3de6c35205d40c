"""The guard over minutes in which quotes lie and minutes in which the market moves; each kind by its name."""

import numpy as np
import pytest

from thetaloom.testing.anomalies import TrueMove, make_minute
from thetaloom.testing.guard_trial import contenders, guarded, met_steps, scores, tally
from thetaloom.testing.spoilers import Anomaly

SEEDS = range(20)
DEADLINE = 2.0


@pytest.mark.parametrize("kind", Anomaly)
def test_no_exit_is_false(kind: Anomaly) -> None:
    fired = {seed: at for seed in SEEDS if (at := guarded(make_minute(kind, seed))) is not None}

    assert not fired


@pytest.mark.parametrize("kind", Anomaly)
def test_the_clean_mark_of_an_anomaly_never_reaches_the_threshold(kind: Anomaly) -> None:
    for seed in SEEDS:
        minute = make_minute(kind, seed)
        net = minute.world.net_mid(minute.world.clean)

        assert not any(minute.is_met(float(one)) for one in net)


@pytest.mark.parametrize("kind", TrueMove)
def test_every_true_move_that_can_be_sold_is_taken_and_most_within_the_deadline(kind: TrueMove) -> None:
    minutes = [make_minute(kind, seed) for seed in SEEDS]
    fired = [guarded(minute) for minute in minutes]
    taken = [(at, one.crossed_at) for at, one in zip(fired, minutes, strict=True) if at is not None]
    missed = [one for at, one in zip(fired, minutes, strict=True) if at is None]

    # What was bought and has no bid any more can't be sold; such a position is told to be blind.
    assert all(
        any(one.tape.bid[-1, leg] == 0 for leg, ratio in enumerate(one.world.ratios) if ratio > 0) for one in missed
    )
    assert len(missed) <= 1
    assert np.percentile([at - crossed for at, crossed in taken if crossed is not None], 80) <= DEADLINE


def test_a_minute_is_the_same_for_the_same_seed() -> None:
    one, other = make_minute(Anomaly.FLASH, 7), make_minute(Anomaly.FLASH, 7)

    assert one.threshold == other.threshold
    assert np.array_equal(one.tape.bid, other.tape.bid, equal_nan=True)
    assert not np.array_equal(one.tape.bid, make_minute(Anomaly.FLASH, 8).tape.bid, equal_nan=True)


def test_the_anomalies_do_deceive_the_naive_mid() -> None:
    deceived = sum(bool(met_steps(make_minute(kind, seed)).any()) for kind in Anomaly for seed in SEEDS)

    assert deceived > 0.2 * len(Anomaly) * len(SEEDS)


def test_ours_is_below_every_baseline_that_is_as_fast() -> None:
    guards = contenders()
    kinds = (Anomaly.FLASH, Anomaly.CROSSED, Anomaly.WIDE, TrueMove.TREND, TrueMove.FAST_CRASH)
    found = scores([[tally(make_minute(kind, seed), guards) for seed in range(8)] for kind in kinds])
    ours = found[-1]

    assert (ours.family, ours.false_per_1000, ours.missed_share) == ("ours", 0.0, 0.0)
    assert all(one.false_per_1000 > 0 for one in found[:-1] if one.delay_p99 <= ours.delay_p99)
