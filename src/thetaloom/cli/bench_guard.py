"""What the guard of price-based exits costs for one look at an iron condor."""

from datetime import UTC, datetime, timedelta

from thetaloom.cli.bench_figures import Figure, median_of

LOOKS = 200
LOOK_MILLISECONDS_MAX = 1.0
CONFIRM_MILLISECONDS_MAX = 3.0
START = datetime(2026, 1, 5, 15, 0, tzinfo=UTC)
LEGS = ((1, False, 90.0), (-1, False, 95.0), (-1, True, 105.0), (1, True, 110.0))


def mark_guard() -> list[Figure]:
    """One look of the guard at an iron condor, in calm and with the neighbors' quotes."""
    from dataclasses import replace

    from thetaloom.domain.book.mark_guard import GuardRule, new_guard, observe
    from thetaloom.domain.book.robust_mark import GuardLeg, Observation
    from thetaloom.domain.market.quote_quality import Sighting
    from thetaloom.maths.black_scholes import bsm_price

    def sighting(is_call: bool, strike: float, at: datetime) -> Sighting:
        fair = bsm_price(is_call, 100.0, strike, 0.1, 0.03, 0.01, 0.25)
        bid, ask = round(fair - 0.02, 2), round(fair + 0.02, 2)
        return Sighting(is_call=is_call, strike=strike, bid=max(0.0, bid), ask=ask, quoted_at=at)

    def seen(at: datetime, *, near: bool) -> Observation:
        legs = []
        for ratio, is_call, strike in LEGS:
            leg = GuardLeg(ratio=ratio, is_american=True, years=0.1, sighting=sighting(is_call, strike, at))
            around = [sighting(is_call, strike + step, at) for step in (-2.5, -1.0, 1.0, 2.5)]
            around.append(sighting(not is_call, strike, at))
            legs.append(replace(leg, neighbors=tuple(around)) if near else leg)
        return Observation(now=at, spot=100.0, rate=0.03, dividend_yield=0.01, age_seconds_max=30.0, legs=tuple(legs))

    def run(looks: list[Observation]) -> None:
        state = new_guard(len(LEGS))
        for one in looks:
            state, _ = observe(state, one, lambda _: frozenset({0}), GuardRule())

    figures = []
    for name, near, bar in (
        ("guard, one look", False, LOOK_MILLISECONDS_MAX),
        ("guard, one look with neighbors", True, CONFIRM_MILLISECONDS_MAX),
    ):
        looks = [seen(START + timedelta(seconds=number), near=near) for number in range(LOOKS)]
        took = median_of(lambda looks=looks: run(looks), 5) / LOOKS  # type: ignore[misc]  # a default binds the loop's value
        figures.append(Figure(name=name, figure=took, unit="ms", bar=bar, note=f"iron condor, {LOOKS} looks"))
    return figures
