"""Figures of expiration: the assignment radar against a binomial tree that knows nothing of our engine."""

from thetaloom.cli.bench_figures import Figure

CASES = 20_000
MISSED_PERCENT_MAX, FALSE_PERCENT_MAX = 1.0, 10.0


def assignment_radar() -> list[Figure]:
    """Early exercises on the eve that the radar misses, and flags of it that are false."""
    from thetaloom.testing.radar_cases import radar_against_tree

    recall, precision, count = radar_against_tree(CASES)
    note = f"{count} of {CASES} contracts exercised by a binomial tree"
    missed, false = (1 - recall) * 100, (1 - precision) * 100
    return [
        Figure(name="assignment radar, missed", figure=missed, unit="%", bar=MISSED_PERCENT_MAX, note=note),
        Figure(name="assignment radar, false flags", figure=false, unit="%", bar=FALSE_PERCENT_MAX, note=note),
    ]
