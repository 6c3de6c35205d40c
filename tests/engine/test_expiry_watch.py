"""Alerts of assignments to come: each once a day, with what to do."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

from thetaloom.domain.book.alerts import Urgency
from thetaloom.domain.market.events import Dividend, Events
from thetaloom.domain.run.events import EventKind
from thetaloom.domain.values.ids import make_position_id
from thetaloom.engine.expiry_plans import expiry_plan
from thetaloom.testing import builders
from thetaloom.testing.desk import ANNA, DeskBench


def alerts(bench: DeskBench) -> list[str]:
    """Return the alerts told so far."""
    with bench.store.unit_of_work() as uow:
        told = [stored.event for stored in uow.events.since(0) if stored.event.kind is EventKind.ALERT_RAISED]
    return [event.facts["reason"] for event in told]


def test_a_pin_is_told_once_on_the_last_day_also_over_a_restart(lite: DeskBench) -> None:
    run = lite.enter(at="1.00")
    lite.market.set_spot("SPY", 562)
    lite.pass_time(to=builders.new_york("2026-01-15 15:00"))
    assert "pin_risk" not in alerts(lite)

    lite.pass_time(to=builders.new_york("2026-01-16 10:00"))
    lite.restart()
    lite.pass_time(to=builders.new_york("2026-01-16 15:00"))

    assert alerts(lite).count("pin_risk") == 1
    with lite.store.unit_of_work() as uow:
        (alert,) = [one for one in uow.alerts.standing_of(ANNA, make_position_id(run)) if one.reason == "pin_risk"]
    assert alert.urgency is Urgency.END_OF_DAY and "Close the contract" in alert.recommended_action
    assert lite.faults(run) == [] and lite.replay(run).identical


def test_the_plan_says_what_expiration_does_and_how_likely_assignment_is(lite: DeskBench) -> None:
    run = lite.enter(at="1.00")
    lite.market.set_spot("SPY", 540)
    lite.market.set_quote("SPY 2026-01-16 P 560", "19.95", "20.05")
    position = lite.position(run)
    assert position is not None

    plan, blips = expiry_plan(lite.desk, position, lite.clock.now())

    assert [one.if_nothing for one in plan.contracts] == [
        "is exercised at 540: sells 100 shares at 555",
        "is assigned at 540: buys 100 shares at 560",
    ]
    assert [blip.likelihood.value for blip in blips] == ["likely"]


def test_a_dividend_before_the_next_session_is_told(lite: DeskBench) -> None:
    call = "SPY 2026-01-16 C 580"
    lite.market.set_quotes({call: (1.90, 2.10), "SPY 2026-01-16 C 585": (0.90, 1.10)})
    run = lite.enter(at="1.00")
    position = lite.position(run)
    assert position is not None
    bought = builders.legs(f"-1 {call}", "+1 SPY 2026-01-16 C 585")
    spread = replace(position.spreads[0], legs=bought)
    lite.write(lambda uow: uow.positions.save(replace(position, legs=bought, spreads=(spread,))))
    lite.market.set_spot("SPY", 590)
    lite.market.set_quote(call, "10.10", "10.30")
    today = lite.desk.calendar.exchange_date(lite.clock.now())
    ex_on = lite.desk.calendar.next_session(today).session_on
    known = Events(
        as_of=lite.clock.now(),
        source="test",
        dividends=(Dividend(ex_on=ex_on, amount=Decimal("1.90")),),
        dividends_known_until=date(2026, 12, 31),
    )
    lite.market.set_events("SPY", known)

    lite.pass_time(minutes=16)

    assert "dividend_assignment" in alerts(lite)
