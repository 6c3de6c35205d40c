"""The payoff picture: its size, what it says, and that the same curves give the same bytes."""

import struct
from typing import Any

import pytest

from thetaloom.charts.payoff import draw_payoff
from thetaloom.domain.strategy.payoff_curve import PayoffCurves, curves_of_case

SPREAD = {
    "legs": [
        {"quantity": -1, "right": "P", "strike": 560, "price": 2.1, "expiration": "2026-01-16"},
        {"quantity": 1, "right": "P", "strike": 555, "price": 1.1, "expiration": "2026-01-16"},
    ],
    "spot": 575,
    "iv": 0.2,
    "at": "2025-12-19",
}


@pytest.fixture(scope="module")
def curves() -> PayoffCurves:
    """The curves of a put credit spread."""
    return curves_of_case(SPREAD)


def said(picture: bytes) -> str:
    """The texts of an SVG, which matplotlib writes as comments beside the drawn letters."""
    return picture.decode().replace("&#8722;", "−")


@pytest.mark.parametrize(("width", "height"), [(1200, 700), (600, 350)])
def test_a_png_has_the_size_asked_for(curves: PayoffCurves, width: int, height: int) -> None:
    picture = draw_payoff(curves, width=width, height=height)

    assert picture[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", picture[16:24]) == (width, height)


@pytest.mark.parametrize("form", ["png", "svg"])
@pytest.mark.parametrize("dark", [False, True])
def test_the_same_curves_give_the_same_bytes(curves: PayoffCurves, form: str, dark: bool) -> None:
    assert draw_payoff(curves, form=form, dark=dark) == draw_payoff(curves_of_case(SPREAD), form=form, dark=dark)


def test_no_date_and_no_version_is_written_into_a_picture(curves: PayoffCurves) -> None:
    drawn = draw_payoff(curves, form="svg").decode()

    assert "<dc:date>" not in drawn and "Matplotlib" not in drawn
    assert b"tEXt" not in draw_payoff(curves)


def test_light_and_dark_are_two_pictures(curves: PayoffCurves) -> None:
    light, dark = (draw_payoff(curves, form="svg", dark=dark).decode() for dark in (False, True))

    assert "#ffffff" in light and "#0d1117" not in light
    assert "#0d1117" in dark


@pytest.mark.parametrize(
    "text",
    [
        "Put credit spread",
        "spot 575.00",
        "max profit 100.00",
        "max loss 400.00",
        "559.00",
        "P 555",
        "P 560",
        "today",
        "half-way, in 14 days",
        "28 days to expiration",
        "68 % of outcomes",
        "chance of profit 68.5% (lognormal)",
        "−1 2026-01-16 P 560 @ 2.10",
    ],
)
def test_a_picture_says_what_matters(curves: PayoffCurves, text: str) -> None:
    assert text in said(draw_payoff(curves, form="svg"))


def case(*legs: dict[str, Any], **changed: Any) -> dict[str, Any]:
    return {**SPREAD, "legs": list(legs), **changed}


def option(quantity: int, right: str, strike: float, price: float, day: str = "2026-01-16") -> dict[str, Any]:
    return {"quantity": quantity, "right": right, "strike": strike, "price": price, "expiration": day}


@pytest.mark.parametrize(
    ("given", "texts", "absent"),
    [
        (case(option(-1, "C", 590, 6.2)), ["max loss unlimited", "Short call"], []),
        (case(option(1, "P", 560, 6.2)), ["max loss 620.00", "Long put"], []),
        (case({"kind": "stock", "quantity": 100, "price": 575}), ["Long stock", "+100 shares @ 575.00"], ["today"]),
        (
            case(option(-1, "C", 575, 11), option(1, "C", 575, 19, "2026-03-20")),
            ["Long call calendar", "28 days to the first expiration"],
            [],
        ),
        (case(option(1, "C", 575, 11), spot=None, at=None, iv=None), ["breakeven 586.00"], ["today", "68 %"]),
        (case(option(1, "C", 575, 11), at="2026-01-16"), ["expires now"], ["chance of profit"]),
        (case(option(-90, "C", 590, 6.2), option(90, "C", 600, 3.2)), ["max loss 63,000.00", "20,000"], []),
        (case(option(-2000, "P", 560, 6.2)), ["−4M", "2M"], []),
        (case(option(-200, "C", 590, 6.2), option(200, "C", 600, 3.2)), ["−100k", "50k"], ["50,000"]),
        (case(option(1, "C", 575, 11), iv=None), ["each leg at the iv of its price"], []),
        (case(*[option(1, "C", 560 + 5 * i, 9 - i) for i in range(6)]), ["and 2 more"], []),
        (case(option(1, "C", 0.5, 0), option(-1, "C", 0.5, 0), spot=0.5), ["breakeven none"], []),
        (case(option(1, "C", 575, 11), at="2026-01-15"), ["half-way, in 12 hours", "1 day to expiration"], []),
    ],
)
def test_every_kind_of_structure_can_be_drawn(given: dict[str, Any], texts: list[str], absent: list[str]) -> None:
    drawn = said(draw_payoff(curves_of_case(given), form="svg"))

    assert [text for text in texts if text not in drawn] == []
    assert [text for text in absent if text in drawn] == []


def test_a_persons_own_settings_of_matplotlib_change_nothing(curves: PayoffCurves) -> None:
    import matplotlib as mpl

    plain = draw_payoff(curves)
    with mpl.rc_context({"font.size": 30.0, "lines.antialiased": False, "axes.grid": False}):
        changed = draw_payoff(curves)

    assert changed == plain
