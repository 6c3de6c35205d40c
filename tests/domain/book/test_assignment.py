"""The radar against a binomial tree of its own, and what is told of sold contracts."""

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest

from thetaloom.domain.book.assignment import ExpiryAlert, Likelihood, ShortLeg, defences, exercise_gain, scan
from thetaloom.domain.book.spreads import Loose, ShareLot
from thetaloom.domain.values.money import Money, Price
from thetaloom.testing import builders
from thetaloom.testing.radar_cases import radar_against_tree, radar_cases, tree_exercises

CALL = builders.contract("SPY 2026-01-16 C 500")
LEG = ShortLeg(contract=CALL, spot=Price(560), mid=Price("60.20"), iv=0.15, delta=0.99, years=10 / 365, rate=0.04)


def test_the_radar_finds_what_a_tree_exercises_and_little_else() -> None:
    recall, precision, exercised = radar_against_tree(600)

    assert exercised > 100
    assert recall >= 0.99
    assert precision >= 0.90


def test_the_tree_never_exercises_a_call_without_a_dividend() -> None:
    cases = radar_cases(200)
    cases["dividend"] = np.zeros(200)
    cases["is_call"] = np.ones(200, dtype=float)

    assert not tree_exercises(cases).any()


def test_a_call_is_exercised_for_a_dividend_that_exceeds_what_waiting_is_worth() -> None:
    known = {"spot": 560.0, "strike": 500.0, "years": 10 / 365, "rate": 0.04, "iv": 0.15}

    assert exercise_gain(is_call=True, **known, dividend=2.0) > 0 > exercise_gain(is_call=True, **known, dividend=0.1)
    assert scan(replace(LEG, dividend=Decimal(2))).likelihood is Likelihood.LIKELY
    assert scan(LEG).likelihood is Likelihood.UNLIKELY


@pytest.mark.parametrize(
    ("changes", "alerts"),
    [
        ({"dividend": Decimal(2)}, (ExpiryAlert.DIVIDEND, ExpiryAlert.DEEP_DELTA)),
        ({}, (ExpiryAlert.DEEP_DELTA,)),
        ({"delta": 0.90}, ()),
        ({"spot": Price(510), "delta": 0.8, "is_last_day": True, "mid": Price("10.40")}, (ExpiryAlert.PIN,)),
        ({"spot": Price("510.01"), "delta": 0.8, "is_last_day": True, "mid": Price("10.40")}, ()),
        ({"spot": Price(490), "delta": 0.1, "is_last_day": True, "mid": Price("0.10")}, (ExpiryAlert.PIN,)),
    ],
)
def test_each_alert_comes_at_its_bound(changes: dict[str, object], alerts: tuple[ExpiryAlert, ...]) -> None:
    blip = scan(replace(LEG, **changes))  # type: ignore[arg-type]  # fields by name

    assert blip.alerts == alerts
    assert all(alert.advice for alert in blip.alerts)


def test_a_european_contract_is_never_assigned_early() -> None:
    index = replace(LEG, contract=builders.contract("SPXW 2026-01-16 C 500"), is_last_day=True)

    assert scan(index).likelihood is Likelihood.IMPOSSIBLE
    assert scan(index).alerts == (ExpiryAlert.DEEP_DELTA,)


def test_without_a_volatility_the_time_value_is_held_against_the_dividend() -> None:
    blind = replace(LEG, iv=None, dividend=Decimal("0.30"))

    assert scan(blind).gain == Price("0.10")
    assert scan(replace(blind, mid=None)).likelihood is Likelihood.UNKNOWN


def test_the_defence_that_leaves_most_cash_comes_first() -> None:
    put = builders.contract("SPY 2026-01-16 P 555")
    at = builders.new_york("2026-01-12 10:00")
    spread = builders.position("-1 SPY 2026-01-16 P 560", "+1 SPY 2026-01-16 P 555")
    position = replace(
        spread,
        spreads=tuple(replace(one, lots=()) for one in spread.spreads),
        loose=(Loose(contract=put, quantity=1, price=Price(1), since=at, cause="broken_spread"),),
        shares=(ShareLot(symbol="SPY", quantity=100, price=Price(560), since=at, cause="assignment"),),
    )

    low = defences(position, Price(550), [(put, Price("5.20"))])
    high = defences(position, Price(558), [(put, Price("2.10"))])
    unknown = defences(position, None, [(put, None)])

    assert [way.name for way in low] == ["close_and_trade", "exercise_long", "hold"]
    assert [way.cash for way in low] == [Money(55_520), Money(55_500), Money(0)]
    assert low[-1].loss_max == Money(500)
    assert high[0].name == "close_and_trade" and high[0].cash == Money(56_010)
    assert [way.name for way in unknown] == ["exercise_long", "hold"]
    assert "exercise 1 SPY 2026-01-16 P 555" in low[1].what
    assert defences(replace(position, shares=()), Price(550), []) == ()
