"""Whatever a case holds, it gets one answer that names the field, and the cases beside it get theirs."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from thetaloom.cli.app import app

OPTION = {"right": "C", "strike": 100, "expiration": "2026-01-16", "quantity": -1, "price": 2.5}
UNDERLYING = {"symbol": "XYZ", "price": 100, "kind": "equity"}
GOOD: dict[str, dict[str, Any]] = {
    "price": {"right": "C", "spot": 100, "strike": 100, "years": 0.5, "iv": 0.2},
    "iv": {"right": "C", "spot": 100, "strike": 100, "years": 0.5, "price": 6},
    "payoff": {"legs": [OPTION], "spot": 100, "at": "2026-01-05"},
    "margin": {"underlying": UNDERLYING, "legs": [OPTION]},
    "occ": {"root": "SPY", "expiration": "2026-01-16", "right": "P", "strike": 560},
}
NOT_NUMBERS: tuple[object, ...] = (
    True,
    [],
    {},
    "abc",
    "1,000",
    "1_000",
    "１００",
    "١٢٣",
    "$1",
    "5%",
    "0x10",
    "NaN",
    "-inf",
    "1e99999",
    "∞",
)
NOT_DAYS: tuple[object, ...] = (
    "2026/01/16",
    "16.01.2026",
    "20260116",
    20260116,
    "2026-W03-5",
    "2026-1-16",
    "２０２６-01-16",
    "2026-02-30",
    [],
)


def run(command: str, text: str) -> tuple[int, str, str]:
    outcome = CliRunner().invoke(app, [command, "--file", "-", "--json"], input=text)
    assert outcome.exception is None or isinstance(outcome.exception, SystemExit)
    return outcome.exit_code, outcome.stdout, outcome.stderr


def answers_to(command: str, bad: list[object]) -> list[dict[str, Any]]:
    code, out, _ = run(command, json.dumps([GOOD[command], *bad, GOOD[command]]))
    first, *rest = json.loads(out)
    answers: list[dict[str, Any]] = rest[:-1]
    assert code == 0
    assert "error" not in first and first == rest[-1]
    return answers


def with_leg(command: str, **changed: object) -> dict[str, object]:
    return {**GOOD[command], "legs": [OPTION, {**OPTION, **changed}]}


@pytest.mark.parametrize(
    ("command", "name"),
    [
        *(("price", name) for name in ("spot", "strike", "years", "iv", "rate", "dividend_yield")),
        *(("iv", name) for name in ("spot", "strike", "years", "price")),
        *(("payoff", name) for name in ("spot", "iv", "rate", "dividend_yield")),
        ("occ", "strike"),
    ],
)
def test_a_field_that_is_no_number_is_named(command: str, name: str) -> None:
    answers = answers_to(command, [{**GOOD[command], name: given} for given in NOT_NUMBERS])

    for number, answer in zip(NOT_NUMBERS, answers, strict=True):
        assert answer["error"]["message"].startswith(f"{name}: "), number


@pytest.mark.parametrize("command", ["payoff", "margin"])
@pytest.mark.parametrize("name", ["strike", "quantity", "price", "multiplier"])
def test_a_field_of_a_leg_that_is_no_number_is_named_with_its_leg(command: str, name: str) -> None:
    answers = answers_to(command, [with_leg(command, **{name: given}) for given in NOT_NUMBERS])

    for number, answer in zip(NOT_NUMBERS, answers, strict=True):
        assert answer["error"]["message"].startswith(f"legs[1].{name}: "), number


@pytest.mark.parametrize("command", ["payoff", "margin"])
@pytest.mark.parametrize("name", ["right", "strike", "expiration", "quantity", "price"])
@pytest.mark.parametrize("given", [None, "", "  "])
def test_what_a_leg_lacks_is_named(command: str, name: str, given: object) -> None:
    (answer,) = answers_to(command, [with_leg(command, **{name: given})])

    assert answer["error"]["message"] == f"legs[1].{name}: is missing"


@pytest.mark.parametrize("given", NOT_DAYS)
def test_a_day_is_written_in_one_way_everywhere(given: object) -> None:
    dated = {name: part for name, part in GOOD["price"].items() if name != "years"}
    bad: dict[str, tuple[object, str]] = {
        "price": ({**dated, "expiration": given, "at": "2026-01-05"}, "expiration"),
        "occ": ({**GOOD["occ"], "expiration": given}, "expiration"),
        "payoff": (with_leg("payoff", expiration=given), "legs[1].expiration"),
        "margin": (with_leg("margin", expiration=given), "legs[1].expiration"),
    }

    for command, (case, field) in bad.items():
        (answer,) = answers_to(command, [case])
        assert answer["error"]["message"].startswith(f"{field}: "), command


@pytest.mark.parametrize(
    ("command", "changed", "message"),
    [
        ("price", {"spot": 1e-300}, "spot: 1e-300 is below 1e-12"),
        ("price", {"rate": 5, "years": 100}, "rate: 5 over 100 years"),
        ("price", {"dividends": [[0.1, 200]]}, "dividends: those until the expiration"),
        ("price", {"right": "\ud800"}, 'right: "\\ud800"'),
        ("price", {"right": "x" * 100_000}, "right: "),
        ("payoff", {"at": "2026-01-05T15:00:00"}, "at: "),
        ("payoff", {"at": "2026-01-17"}, "at: "),
        ("payoff", {"legs": "[" * 50_000}, "legs: is not JSON that can be read"),
        ("payoff", {"legs": [{**OPTION, "price": 1e12, "quantity": 10**6, "multiplier": 10**6}]}, "case: its numbers"),
        ("payoff", {"legs": [{**OPTION, "kind": "future"}]}, 'legs[0].kind: "future" is neither'),
        ("margin", {"legs": "[" * 50_000}, "legs: is not JSON that can be read"),
        ("margin", {"underlying": {**UNDERLYING, "symbol": True}}, "underlying.symbol: true is not a text"),
        ("margin", {"underlying": {**UNDERLYING, "kind": "stock"}}, 'underlying.kind: "stock" is not one of'),
        ("margin", {"account": "x" * 100_000}, "account: "),
    ],
)
def test_each_slip_is_named_in_few_words(command: str, changed: dict[str, object], message: str) -> None:
    (answer,) = answers_to(command, [{**GOOD[command], **changed}])

    assert answer["error"]["message"].startswith(message)
    assert len(answer["error"]["message"]) < 300


@pytest.mark.parametrize("command", ["payoff", "margin"])
def test_words_of_a_leg_may_be_written_in_any_case(command: str) -> None:
    spelled = [
        with_leg(command, right=right, kind=kind) for right, kind in ((" call ", " OPTION "), ("Call", "Option"))
    ]

    first, second = answers_to(command, [*spelled])

    assert "error" not in first and first == second


CSV = "right,spot,strike,years,iv"


@pytest.mark.parametrize(
    "text",
    [
        f"\ufeff{CSV}\r\n\r\nC,100,100,0.5,0.2\r\n",
        f"{CSV}\rC,100,100,0.5,0.2\r",
        f"{CSV.upper()}\nC,100,100,0.5,0.2\n",
        '"right", spot,strike,years,iv,note\n"C"," 100 ",100,0.5,0.2,"a, b"\n',
        f"{CSV},\nC,100,100,0.5,0.2,\n",
    ],
)
def test_a_csv_file_is_read_however_it_was_saved(text: str) -> None:
    _, out, _ = run("price", text)

    _, expected, _ = run("price", json.dumps(GOOD["price"]))
    assert out == expected


@pytest.mark.parametrize("mark", [";", "\t", "|"])
def test_columns_that_no_comma_parts_are_refused_with_the_reason(mark: str) -> None:
    code, out, _ = run("price", f"{CSV}\nC,100,100,0.5,0.2\n".replace(",", mark))

    assert code == 2
    assert json.loads(out)["error"]["message"].startswith("file: its columns are parted by ")


def test_a_million_legs_are_refused() -> None:
    _, out, _ = run("payoff", json.dumps([{"legs": [{}] * 1_000_000}, GOOD["payoff"]]))

    first, second = json.loads(out)
    assert first["error"]["message"] == "legs: is not a list of 1 to 100 legs"
    assert "error" not in second


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@pytest.mark.parametrize("command", sorted(GOOD))
@settings(max_examples=40, deadline=None)
@given(drawn=st.data())
def test_no_case_whatever_it_holds_takes_the_others_their_answers(command: str, drawn: st.DataObject) -> None:
    case: Any = dict(GOOD[command])
    for name in drawn.draw(st.sets(st.sampled_from(sorted(case)), min_size=1)):
        case[name] = drawn.draw(ANYTHING)
    if "legs" in GOOD[command] and drawn.draw(st.booleans()):
        case["legs"] = [{**OPTION, drawn.draw(st.sampled_from(sorted(OPTION))): drawn.draw(ANYTHING)}]

    for answer in answers_to(command, [case, drawn.draw(ANYTHING)]):
        assert "error" not in answer or set(answer["error"]) == {"code", "message"}
