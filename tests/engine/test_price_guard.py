"""What the guard is shown of a position."""

from datetime import timedelta
from decimal import Decimal

from thetaloom.domain.book.robust_mark import SpotSeen
from thetaloom.domain.values.money import Price
from thetaloom.engine.marks import PositionView
from thetaloom.engine.order_work import LegQuote
from thetaloom.engine.price_guard import neighbors_in, observation_of
from thetaloom.testing import builders

NOW = builders.new_york("2026-01-05 10:30")
POSITION = builders.position("-1 SPY 2026-01-16 P 560", "+1 SPY 2026-01-16 P 555")
CHAIN = builders.chain(
    {
        f"SPY 2026-01-16 {right} {strike}": builders.quote("1.00", "1.10", at=NOW)
        for right in "CP"
        for strike in (545, 550, 555, 560, 565, 570, 575)
    },
    at=NOW,
)


def view() -> PositionView:
    quotes = tuple(LegQuote(leg=leg, quote=builders.quote("1.00", "1.10", at=NOW)) for leg in POSITION.legs)
    return PositionView(
        position=POSITION,
        rules=(),
        quotes=quotes,
        spot=Price("570"),
        years=(0.03, 0.03),
        dte=11,
        days_held=0,
        minutes_to_close=100,
        quote_age_seconds_max=30,
        rate=0.03,
        dividend_yield=0.01,
        now=NOW,
    )


def test_an_observation_holds_every_leg_as_held() -> None:
    spots = (SpotSeen(at=NOW - timedelta(seconds=1), spot=570.0),)
    seen = observation_of(view(), spots)

    assert [(leg.ratio, leg.sighting.strike, leg.is_american) for leg in seen.legs] == [(-1, 560, True), (1, 555, True)]
    assert [leg.neighbors for leg in seen.legs] == [None, None]
    assert (seen.spot, seen.spots, seen.age_seconds_max) == (570.0, spots, 30.0)


def test_the_neighbors_are_the_next_strikes_and_the_other_right() -> None:
    sold = POSITION.legs[0].contract
    near = neighbors_in(CHAIN, sold)

    assert sorted((one.is_call, one.strike) for one in near) == [
        *((False, strike) for strike in (550.0, 555.0, 565.0, 570.0)),
        (True, 560.0),
    ]
    seen = observation_of(view(), neighbors={sold: near})
    assert seen.legs[0].neighbors == near
    assert seen.legs[1].neighbors == ()
    assert near[0].bid == float(Decimal("1.00"))
