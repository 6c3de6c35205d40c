"""The words for widths by capital, two expirations, levels, drops, targets and shares: read, and refused by name."""

import json
import tomllib
from copy import deepcopy
from decimal import Decimal
from typing import Any

import pytest

from tests.domain.strategy.samples import CALENDAR, TRIDENT
from thetaloom.domain.strategy.documents import parse_strategy, strategy_document
from thetaloom.domain.strategy.strategies import SelectBy, Strategy, Term, Unit
from thetaloom.domain.strategy.toml_text import strategy_toml
from thetaloom.domain.values.canonical import canonical_json, from_json
from thetaloom.errors import InvalidInput


def test_the_words_of_a_trident_are_read_and_written_back() -> None:
    trident = parse_strategy(TRIDENT)

    assert trident.legs[2].strike.by is SelectBy.SAME
    assert trident.legs[1].strike.unit is Unit.TABLE
    assert trident.width_table is not None
    assert [target.percent for target in trident.targets] == [40, 60, 50]
    assert parse_strategy(tomllib.loads(strategy_toml(trident))) == trident


@pytest.mark.parametrize(
    ("capital", "width"),
    [("24999.99", 3), ("25000", 5), ("49999", 5), ("50000", 7), ("74999", 7), ("75000", 9), ("-1", 3), ("9e6", 9)],
)
def test_a_row_of_the_width_table_ends_just_below_its_bound(capital: str, width: int) -> None:
    table = parse_strategy(TRIDENT).width_table

    assert table is not None
    assert table.width_at(Decimal(capital)) == width


def test_a_leg_in_the_back_says_so_and_one_in_the_front_says_nothing() -> None:
    document = strategy_document(parse_strategy(CALENDAR))

    assert parse_strategy(CALENDAR).legs[1].term is Term.BACK
    assert document["legs"][1]["expiration"] == "back"
    assert "expiration" not in document["legs"][0]


def test_a_document_without_the_new_words_is_written_without_them() -> None:
    plain = deepcopy(CALENDAR)
    del plain["back"], plain["legs"][1]
    written = strategy_document(parse_strategy(plain))

    assert not {"back", "width_table", "drops", "targets", "shares"} & set(written)
    assert "manual_only" not in written["approval"]
    assert set(written["legs"][0]["select"]) == {"by", "value", "unit"}


LEG: dict[str, Any] = TRIDENT["legs"][0]
SELECT: dict[str, Any] = LEG["select"]
GUARDED = {**LEG, "select": {"by": "otm", "value": 3, "unit": "percent"}, "guard": {"level": "support"}}
STEPS: list[dict[str, Any]] = TRIDENT["width_table"]["steps"]
WRONG: list[tuple[dict[str, Any], str, str]] = [
    ({"legs": [{**LEG, "select": {"by": "otm", "value": 3}}]}, "legs[0].select.unit", "is missing; expected dollars"),
    (
        {"legs": [{**LEG, "select": {**SELECT, "value": 100}}]},
        "legs[0].select.value",
        "between -100 and 100",
    ),
    ({"legs": [{**LEG, "select": {**SELECT, "round_to": 0}}]}, "legs[0].select.round_to", "above 0"),
    ({"legs": [{**LEG, "select": {**SELECT, "round_to": "0.0001"}}]}, "legs[0].select.round_to", "3 decimals"),
    (
        {"legs": [{**LEG, "select": {"by": "delta", "value": "-0.2", "unit": "delta", "round_to": 2}}]},
        "legs[0].select.round_to",
        "only atm, expected_move and otm",
    ),
    (
        {"legs": [{**LEG, "select": {"by": "atm", "value": 1, "unit": "strikes", "round_to": 2}}]},
        "legs[0].select.round_to",
        "expected nothing",
    ),
    ({"legs": [LEG, {**TRIDENT["legs"][2], "select": {"by": "same"}}]}, "legs[1].select.of", "has the strike"),
    (
        {"legs": [LEG, {**TRIDENT["legs"][2], "select": {"by": "same", "of": "short_put", "value": 1}}]},
        "legs[1].select.value",
        "nothing, or 0",
    ),
    (
        {"legs": [LEG, {**TRIDENT["legs"][2], "select": {"by": "same", "of": "short_put", "miss_max": 1}}]},
        "legs[1].select.miss_max",
        "the same or not",
    ),
    (
        {
            "legs": [
                LEG,
                {**TRIDENT["legs"][1], "select": {"by": "width", "of": "short_put", "unit": "table", "value": 5}},
            ]
        },
        "legs[1].select.value",
        "nothing, or 0",
    ),
    (
        {"legs": [{**LEG, "select": {"by": "net_credit", "value": 0, "unit": "dollars"}}]},
        "legs[0].select.value",
        "above 0",
    ),
    (
        {"legs": [{**LEG, "side": "buy", "select": {"by": "net_credit", "value": 1, "unit": "dollars"}}]},
        "legs[0].side",
        "expected sell",
    ),
    ({"legs": [{**GUARDED, "guard": {"level": "resistance"}}]}, "legs[0].guard.level", "expected support"),
    (
        {"legs": [{**GUARDED, "guard": {"level": "support", "buffer_percent": 51}}]},
        "legs[0].guard.buffer_percent",
        "50",
    ),
    (
        {"legs": [{**GUARDED, "select": {"by": "premium", "value": 1, "unit": "dollars"}}]},
        "legs[0].guard",
        "expected nothing, only atm",
    ),
    ({"width_table": None}, "legs[1].select.unit", "a table [width_table]"),
    ({"legs": [LEG], "drops": [], "targets": []}, "width_table", 'a leg of unit "table"'),
    ({"width_table": {"by": "spot", "steps": []}}, "width_table.steps", "a list of 1"),
    ({"width_table": {"by": "spot", "steps": STEPS[:2]}}, "width_table.steps[1].below", "the last row is open"),
    (
        {"width_table": {"by": "spot", "steps": [{"width": 3}, {"width": 5}]}},
        "width_table.steps[0].below",
        "only the last row is open",
    ),
    (
        {"width_table": {"by": "spot", "steps": [STEPS[1], STEPS[0], STEPS[3]]}},
        "width_table.steps[1].below",
        "more than 50000",
    ),
    (
        {"width_table": {"by": "spot", "steps": [{"width": "2.00001"}]}},
        "width_table.steps[0].width",
        "at most 3 decimals",
    ),
    ({"back": CALENDAR["back"]}, "back", "0 of 4 are in the back"),
    ({"legs": [*TRIDENT["legs"][:3], {**TRIDENT["legs"][3], "expiration": "back"}]}, "legs[3].expiration", "[back]"),
    (
        {**CALENDAR, "back": {**CALENDAR["back"], "dte_min": 10, "dte_target": 12, "dte_max": 15}, "width_table": None},
        "back.dte_max",
        "more than expiration.dte_min, which is 15",
    ),
    ({"back": {**CALENDAR["back"], "ratio_min": 4}}, "back.ratio_min", "at most ratio_max, which is 3"),
    ({"back": {**CALENDAR["back"], "dte_target": 90}}, "back.dte_target", "45 to 75"),
    ({"drops": [{**TRIDENT["drops"][0], "metric": "pop"}]}, "drops[0].metric", "once there are legs"),
    ({"drops": [{**TRIDENT["drops"][0], "threshold": 101}]}, "drops[0].threshold", "0 to 100"),
    ({"drops": [{**TRIDENT["drops"][0], "legs": ["long_cal"]}]}, "drops[0].legs[0]", 'did you mean "long_call"?'),
    ({"drops": [{**TRIDENT["drops"][0], "legs": ["short_call"]}]}, "drops[0].legs", 'leaves "long_call"'),
    (
        {"drops": [{**TRIDENT["drops"][0], "legs": [leg["name"] for leg in TRIDENT["legs"]]}]},
        "drops",
        "leave no leg",
    ),
    ({"targets": [{**TRIDENT["targets"][0], "legs": ["x"]}]}, "targets[0].legs[0]", "no leg is named"),
    ({"targets": [{**TRIDENT["targets"][0], "legs": []}]}, "targets[0].legs", "a list of 1"),
    ({"targets": [TRIDENT["targets"][0], TRIDENT["targets"][0]]}, "targets[1].name", "a name of its own"),
    ({"targets": [{**TRIDENT["targets"][0], "quantity": 3}]}, "targets[0].quantity", "at most its ratio, 2"),
    ({"targets": [*TRIDENT["targets"], {**TRIDENT["targets"][2], "name": "more"}]}, "targets[3].quantity", "ratio, 1"),
    ({"shares": 10_001}, "shares", "at most 10000"),
    ({"approval": {"mode": "automatic", "manual_only": True}}, "approval.mode", "manual_only is true"),
]


@pytest.mark.parametrize(("changes", "path", "expected"), WRONG, ids=[f"{row[1]}-{row[2][:20]}" for row in WRONG])
def test_a_slip_is_named_with_what_is_expected(changes: dict[str, Any], path: str, expected: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_strategy({**deepcopy(TRIDENT), **changes})

    problems = caught.value.details
    assert expected in str(problems.get(path, f"nothing at {path}: {dict(problems)}"))


def test_a_strategy_stored_before_the_newer_words_still_reads() -> None:
    plain = {key: part for key, part in CALENDAR.items() if key != "back"} | {"legs": CALENDAR["legs"][:1]}
    strategy = parse_strategy(plain)
    stored = json.loads(canonical_json(strategy))
    for name in ("back", "width_table", "drops", "shares", "targets"):
        del stored[name]
    del stored["approval"]["manual_only"], stored["legs"][0]["term"], stored["legs"][0]["guard"]
    del stored["legs"][0]["strike"]["round_to"]

    assert from_json(json.dumps(stored).encode(), Strategy) == strategy
