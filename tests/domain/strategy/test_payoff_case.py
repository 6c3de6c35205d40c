import json
from datetime import UTC, date, datetime
from typing import Any

import pytest

from thetaloom.domain.strategy.payoff_case import payoff_case
from thetaloom.domain.values.calendar import TradingCalendar, TradingSession
from thetaloom.errors import InvalidInput
from thetaloom.maths.black_scholes import bsm_greeks

END = "2026-01-16"
SHORT_PUT = {"kind": "option", "right": "P", "strike": 95, "expiration": END, "quantity": -1, "price": 2}
LONG_PUT = {"right": "put", "strike": "90", "expiration": date(2026, 1, 16), "quantity": "1", "price": "0.8"}
VIEW = {"spot": 100, "iv": 0.3, "rate": 0.04, "dividend_yield": 0.01, "at": "2025-12-17"}

CALENDAR = TradingCalendar(
    exchange="XNYS",
    zone_name="America/New_York",
    sessions=tuple(
        TradingSession(
            session_on=day,
            open_at=datetime(day.year, day.month, day.day, 14, 30, tzinfo=UTC),
            close_at=datetime(day.year, day.month, day.day, 21, tzinfo=UTC),
        )
        for day in (date(2025, 12, 17), date(2026, 1, 15), date(2026, 1, 16), date(2026, 2, 20))
    ),
)


def test_a_put_credit_spread_is_answered_in_full() -> None:
    answer = payoff_case({"legs": [SHORT_PUT, LONG_PUT], **VIEW})

    assert {name: answer[name] for name in ("net_price", "max_profit", "max_loss", "breakevens", "name")} == {
        "net_price": 1.2,
        "max_profit": 120.0,
        "max_loss": 380.0,
        "breakevens": [93.8],
        "name": "put_credit_spread",
    }
    near = bsm_greeks(False, 100.0, 95.0, 30 / 365, 0.04, 0.01, 0.3)
    far = bsm_greeks(False, 100.0, 90.0, 30 / 365, 0.04, 0.01, 0.3)
    for name, index in {"delta": 1, "gamma": 2, "theta": 3, "vega": 4, "rho": 5}.items():
        assert answer[name] == pytest.approx(100 * (far[index] - near[index]))
    assert answer["pop"] == pytest.approx(0.7672, abs=1e-4)
    json.dumps(answer)


def test_a_covered_call_is_priced_per_share_of_the_whole() -> None:
    stock = {"kind": "stock", "quantity": 100, "price": 50}
    call = {"right": "C", "strike": 55, "expiration": END, "quantity": -1, "price": 2}

    answer = payoff_case({"legs": json.dumps([stock, call]), **VIEW})

    assert (answer["net_price"], answer["max_profit"], answer["max_loss"]) == (-48.0, 700.0, 4800.0)
    assert (answer["breakevens"], answer["name"]) == ([48.0], "covered_call")


def test_without_a_view_of_the_market_chance_and_greeks_are_unknown() -> None:
    answer = payoff_case({"legs": [{**SHORT_PUT, "right": "C"}]})

    assert (answer["max_profit"], answer["max_loss"]) == (200.0, None)
    assert [answer[name] for name in ("pop", "delta", "rho")] == [None, None, None]


def test_stock_alone_needs_no_date() -> None:
    answer = payoff_case({"legs": [{"kind": "stock", "quantity": 10, "price": 5}], "spot": 6, "iv": 0.2, "at": ""})

    assert (answer["name"], answer["delta"], answer["max_profit"], answer["pop"]) == ("long_stock", 10.0, None, None)


def test_an_instant_is_measured_to_the_close_of_the_expiration() -> None:
    answer = payoff_case({"legs": [SHORT_PUT], **VIEW, "at": "2025-12-17T21:00:00+00:00"}, CALENDAR)
    by_date = payoff_case({"legs": [SHORT_PUT], **VIEW, "at": date(2025, 12, 17)})

    assert answer == by_date


def test_a_calendar_spread_is_seen_at_its_nearest_expiration() -> None:
    legs = [
        {**SHORT_PUT, "strike": 100},
        {**SHORT_PUT, "strike": 100, "expiration": "2026-02-20", "quantity": 1, "price": 4},
    ]

    answer = payoff_case({"legs": legs, **VIEW})
    european = payoff_case({"legs": legs, **VIEW, "root": "SPX", "at": "2025-12-17"})

    assert (answer["name"], answer["max_loss"], answer["net_price"]) == ("long_put_calendar", 200.0, -2.0)
    assert float(str(european["max_loss"])) > 200


CALL_LATER = {**SHORT_PUT, "expiration": "2026-02-20"}
WRONG: list[tuple[str, dict[str, Any]]] = [
    ("legs", {}),
    ("legs", {"legs": []}),
    ("legs", {"legs": "[{"}),
    ("legs", {"legs": '"C"'}),
    ("legs[0]", {"legs": [3]}),
    ("legs[0].kind", {"legs": [{**SHORT_PUT, "kind": "future"}]}),
    ("legs[1].right", {"legs": [SHORT_PUT, {**SHORT_PUT, "right": "X"}]}),
    ("legs[0].strike", {"legs": [{**SHORT_PUT, "strike": 0}]}),
    ("legs[0].strike", {"legs": [{**SHORT_PUT, "strike": "abc"}]}),
    ("legs[0].strike", {"legs": [{**SHORT_PUT, "strike": None}]}),
    ("legs[0]", {"legs": [{**SHORT_PUT, "strike": "95.00001"}]}),
    ("legs[0].multiplier", {"legs": [{**SHORT_PUT, "multiplier": -100}]}),
    ("legs[0].expiration", {"legs": [{**SHORT_PUT, "expiration": "16.1.2026"}]}),
    ("legs[0].quantity", {"legs": [{**SHORT_PUT, "quantity": 0}]}),
    ("legs[0].quantity", {"legs": [{**SHORT_PUT, "quantity": 1.5}]}),
    ("legs[0].quantity", {"legs": [{**SHORT_PUT, "quantity": True}]}),
    ("legs[0].price", {"legs": [{**SHORT_PUT, "price": ""}]}),
    ("legs[0].price", {"legs": [{**SHORT_PUT, "price": -1}]}),
    ("legs[0].price", {"legs": [{**SHORT_PUT, "price": "nan"}]}),
    ("legs", {"legs": [SHORT_PUT, {**SHORT_PUT, "multiplier": 10}]}),
    ("spot", {"legs": [SHORT_PUT], "spot": 0}),
    ("iv", {"legs": [SHORT_PUT], "iv": -0.1}),
    ("rate", {"legs": [SHORT_PUT], "rate": "x"}),
    ("rate", {"legs": [SHORT_PUT], "rate": "1e999"}),
    ("iv", {"legs": [SHORT_PUT, CALL_LATER], "at": "2025-12-17"}),
    ("at", {"legs": [SHORT_PUT, CALL_LATER], "iv": 0.2}),
    ("at", {"legs": [SHORT_PUT], "at": "yesterday"}),
    ("at", {"legs": [SHORT_PUT], "at": "2026-01-17"}),
    ("at", {"legs": [SHORT_PUT], "at": "2025-12-17T21:00:00Z"}),
]


@pytest.mark.parametrize(("field", "case"), WRONG)
def test_a_wrong_case_names_the_field(field: str, case: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput) as caught:
        payoff_case(case)

    assert caught.value.details["part"] == field


@pytest.mark.parametrize("at", ["2026-01-16T21:00:01+00:00", "2026-01-16T20:00:00", "2030-01-01T00:00:00+00:00"])
def test_an_instant_the_calendar_cannot_place_is_refused(at: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        payoff_case({"legs": [SHORT_PUT], **VIEW, "at": at}, CALENDAR)

    assert caught.value.details["part"] == "at"
