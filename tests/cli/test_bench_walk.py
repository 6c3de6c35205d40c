import numpy as np
import pytest

from thetaloom.cli.bench_walk import PEERS, Met, Walk, adaptive, compare, markets, middling, outcome, stubborn

WALKS = [walk for _, _, walk in PEERS] + [adaptive(120), adaptive(120, [0.2] * 30)]


@pytest.mark.parametrize("walk", WALKS)
@pytest.mark.parametrize("seen", [11, 47, 119])
def test_no_walk_looks_ahead(walk: Walk, seen: int) -> None:
    one, other = markets(middling, 120, 2, seed=3)
    mixed = (*one.quotes[:seen], *other.quotes[seen:])

    assert walk(mixed)[:seen] == walk(one.quotes)[:seen]


@pytest.mark.parametrize("walk", WALKS)
def test_no_walk_goes_beyond_the_natural_price_it_began_with(walk: Walk) -> None:
    for met in markets(stubborn, 120, 20, seed=4):
        mid, half = met.quotes[0]

        assert min(walk(met.quotes)) >= mid - half - 1e-9


def test_an_order_fills_at_the_first_taker_who_is_given_enough() -> None:
    met = Met(quotes=((1.00, 0.20),) * 60, takers=frozenset({3, 30, 50}), place=0.5)

    def falling(quotes: object) -> list[float]:
        return [1.00 - 0.004 * second for second in range(60)]

    found = outcome(falling, [met, Met(quotes=met.quotes, takers=frozenset({3}), place=0.5)])

    assert found.filled.tolist() == [True, False]
    assert found.paid == pytest.approx([0.6, 1.0])  # at second 30; at the end at natural
    assert found.places == pytest.approx((0.6,))


def test_the_same_seed_gives_the_same_figures_and_ours_gives_up_less_than_a_hurried_walk() -> None:
    name, seconds, fast = PEERS[1]

    ours, theirs = compare(seconds, fast, middling, seed=9, count=150)
    again, _ = compare(seconds, fast, middling, seed=9, count=150)

    assert name == "Option Alpha Fast"
    assert np.array_equal(ours.paid, again.paid)
    assert ours.paid.mean() < 0.85 * theirs.paid.mean()
