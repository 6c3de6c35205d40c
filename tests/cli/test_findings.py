"""A real holding from elsewhere at the command line: asked about, adopted, left alone, or given to a position."""

import json
from dataclasses import replace
from typing import Any

from tests.cli.test_position_doors import ask
from tests.cli.test_position_doors import held as held
from tests.cli.test_position_doors import traded as traded
from thetaloom.bootstrap import open_demo
from thetaloom.cli.reconcile import decide_by
from thetaloom.config import load_settings
from thetaloom.domain.book.elsewhere import Finding, FindingKind
from thetaloom.domain.book.fills import LegFill
from thetaloom.domain.strategy.structures import Leg
from thetaloom.domain.values.ids import UserId
from thetaloom.domain.values.money import Price
from thetaloom.testing import builders

DEMO = "goog-demo-put-credit-spread"


def trade_elsewhere(sign: int, quantity: int = 1) -> None:
    """Trade the legs of the one position held, as another program would, and compare the books."""
    with open_demo(load_settings()) as platform:
        with platform.store.reading() as uow:
            position = uow.positions.open_positions(platform.broker.account_id)[0]
        legs = tuple(Leg(contract=leg.contract, ratio=leg.ratio * sign) for leg in position.legs)
        platform.paper.trade_elsewhere(legs, quantity)


def answer(line: str, code: int = 0) -> Any:
    """What a command prints for programs; a comparison exits with 1 where something is left to do."""
    done = ask(f"{line} --json")
    assert done.exit_code == code, done.output
    return json.loads(done.stdout)


def found() -> dict[str, Any]:
    """The one finding of a comparison."""
    (one,) = answer("reconcile", 1)["findings"]
    return dict(one)


def test_a_holding_is_adopted_once(held: str) -> None:
    ask("reconcile")
    trade_elsewhere(1, 2)
    dry = answer("reconcile --dry-run", 1)
    one = found()
    human = ask("reconcile").stdout

    made = answer(f"position adopt {one['id']} {DEMO}")
    again = ask(f"position adopt {one['id']} {DEMO}")

    assert [each["kind"] for each in dry["findings"]] == ["unknown_holding"] == [one["kind"]]
    assert f"thetaloom position adopt {one['id']}" in " ".join(human.split())
    assert (made["quantity"], made["strategy_id"]) == (2, DEMO) and made["id"] != held
    assert (again.exit_code, "adopted" in again.stderr) == (3, True)
    rest = answer("reconcile")
    assert (rest["findings"], rest["drifts"]) == ([], []) and answer("position list")["total"] == 2


def test_a_holding_is_left_alone_and_an_unknown_strategy_is_told(held: str) -> None:
    ask("reconcile")
    trade_elsewhere(1)
    one = found()

    unknown = ask(f"position adopt {one['id']} none")
    bad = ask(f"position adopt {one['id']} {DEMO} --price NaN")
    left = answer(f"position ignore {one['id']}")

    assert (unknown.exit_code, "'none'" in unknown.stderr) == (1, True)
    assert (bad.exit_code, "is no price" in bad.stderr) == (2, True)
    assert left["status"] == "ignored" and answer("reconcile")["drifts"] == []
    assert answer("position list")["total"] == 1


def test_a_close_is_given_to_the_position_that_a_person_names(held: str) -> None:
    ask("reconcile")
    trade_elsewhere(1)
    other = str(answer(f"position adopt {found()['id']} {DEMO}")["id"])
    trade_elsewhere(-1)
    one = found()

    ignored = ask(f"position ignore {one['id']}")
    given = answer(f"position assign {one['id']} {other}")

    assert one["kind"] == "whose_close" and ignored.exit_code == 3
    assert (given["id"], given["is_open"]) == (other, False)
    rest = answer("reconcile")
    assert (rest["findings"], rest["drifts"]) == ([], [])


def test_what_to_do_about_contracts_that_are_gone_names_the_position() -> None:
    gone = LegFill(contract=builders.contract("SPY 2026-01-16 P 560"), quantity=2, price=Price(0))
    one = Finding(
        id="f-1",
        user_id=UserId("anna"),
        account_id=builders.ACCOUNT,
        kind=FindingKind.CONTRACTS_DIFFER,
        key="sums:one",
        text="they differ",
        legs=(gone,),
        candidates=("pos-1",),
        found_at=builders.NOW,
    )

    assert decide_by(one).endswith("thetaloom position assign f-1 pos-1")
    assert decide_by(replace(one, candidates=("pos-1", "pos-2"))).endswith("thetaloom position assign f-1 POSITION")
    assert decide_by(replace(one, legs=(), candidates=())) == "It ends by itself when the difference is gone."
