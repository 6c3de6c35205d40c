"""The shipped strategies are the ones the rules name, to the number."""

import tomllib
from decimal import Decimal

import pytest

from thetaloom.domain.strategy.documents import parse_strategy, strategy_document
from thetaloom.domain.strategy.strategies import (
    ApprovalMode,
    Bias,
    ExitKind,
    ExitUnit,
    SelectBy,
    Side,
    Strategy,
    Unit,
)
from thetaloom.domain.strategy.toml_text import strategy_toml
from thetaloom.store.catalogue import CATALOGUE, load_catalogue

IDS = sorted(path.name.removesuffix(".toml") for path in CATALOGUE.iterdir() if path.name.endswith(".toml"))
UP, FLAT, DOWN = Bias.BULLISH, Bias.NEUTRAL, Bias.BEARISH
# DTE window, profit target, stop, DTE exit, biases, legs as (side, right, distance); widths in listed strikes
DEFAULTS = {
    "put-credit-spread-30dte": ((25, 35), 50, 200, 21, (UP, FLAT), ["sell put -0.16", "buy put 5"]),
    "call-credit-spread-30dte": ((25, 35), 50, 200, 21, (DOWN, FLAT), ["sell call 0.16", "buy call 5"]),
    "iron-condor-45dte": (
        (40, 50),
        25,
        200,
        21,
        (FLAT,),
        ["sell put -0.16", "buy put 10", "sell call 0.16", "buy call 10"],
    ),
    "short-strangle-30dte": ((25, 35), 50, 200, 21, (FLAT,), ["sell put -0.16", "sell call 0.16"]),
    "cash-secured-put-30dte": ((25, 35), 50, None, 7, (UP,), ["sell put -0.2"]),
}


@pytest.fixture(scope="module")
def catalogue() -> dict[str, Strategy]:
    return {strategy.id: strategy for strategy in load_catalogue()}


def test_the_catalogue_holds_every_file_under_a_name_of_its_own(catalogue: dict[str, Strategy]) -> None:
    assert list(catalogue) == IDS
    assert {*DEFAULTS, "goog-demo-put-credit-spread"} < set(catalogue)
    assert len({strategy.name for strategy in catalogue.values()}) == len(IDS)


@pytest.mark.parametrize("name", DEFAULTS)
def test_a_default_has_the_numbers_of_the_rules(catalogue: dict[str, Strategy], name: str) -> None:
    window, target, stop, dte, biases, legs = DEFAULTS[name]
    strategy = catalogue[name]

    assert (strategy.expiration.dte_min, strategy.expiration.dte_max) == window
    exits = {(rule.kind, rule.unit): (int(rule.threshold), rule.priority) for rule in strategy.exits}
    percent = ExitUnit.PERCENT_OF_PREMIUM
    assert exits[ExitKind.PROFIT_TARGET, percent] == (target, 1)
    assert exits.get((ExitKind.STOP_LOSS, percent)) == (None if stop is None else (stop, 1))
    assert exits[ExitKind.DTE, ExitUnit.DAYS] == (dte, 2)
    assert strategy.biases == biases
    assert [f"{leg.side} {leg.right.name.lower()} {leg.strike.distance}" for leg in strategy.legs] == legs
    for leg in strategy.legs:
        is_long = leg.side is Side.BUY
        assert (leg.strike.by, leg.strike.unit) == (
            (SelectBy.WIDTH, Unit.STRIKES) if is_long else (SelectBy.DELTA, Unit.DELTA)
        )


# Senex and TastyTracker never automate these: what is bought or sold naked, and what pays only for a large move.
NEVER_AUTOMATED = {
    "bullish-risk-reversal",
    "call-ratio-backspread",
    "jade-lizard",
    "long-box",
    "long-straddle",
    "long-strangle",
    "put-ratio-backspread",
    "short-box",
    "short-straddle",
    "short-strangle-senex",
}


def test_only_strangles_and_straddles_may_lose_without_limit_and_all_have_a_stop(
    catalogue: dict[str, Strategy],
) -> None:
    undefined = {name: strategy for name, strategy in catalogue.items() if strategy.allow_undefined_risk}

    assert set(undefined) == {"short-straddle", "short-strangle-30dte", "short-strangle-senex"}
    for strategy in undefined.values():
        assert [rule.threshold for rule in strategy.exits if rule.kind is ExitKind.STOP_LOSS] == [200]


def test_the_30_dte_strangle_watches_its_delta(catalogue: dict[str, Strategy]) -> None:
    breach = catalogue["short-strangle-30dte"].exits[-1]

    assert (breach.kind, breach.threshold, breach.priority) == (ExitKind.POSITION_DELTA, Decimal("0.25"), 1)


def test_what_must_never_be_automated_says_so(catalogue: dict[str, Strategy]) -> None:
    assert {name for name, strategy in catalogue.items() if strategy.approval.manual_only} == NEVER_AUTOMATED


def test_the_limits_that_the_rules_name_stand_in_their_strategies(catalogue: dict[str, Strategy]) -> None:
    assert {name: one.positions_max for name, one in catalogue.items() if one.positions_max} == {"senex-trident": 10}
    assert {name: one.capital_percent_max for name, one in catalogue.items() if one.capital_percent_max} == {
        "iron-butterfly": 10,
        "call-ratio-backspread": 3,
        "put-ratio-backspread": 3,
    }


def test_every_description_says_what_it_earns_from_what_it_risks_and_where_it_comes_from(
    catalogue: dict[str, Strategy],
) -> None:
    for name in set(catalogue) - set(DEFAULTS) - {"goog-demo-put-credit-spread"}:
        text = catalogue[name].description
        assert "rules " in text or "are ours" in text, name
        assert any(word in text for word in ("Earns", "Lends", "Borrows", "Keeps")), name
        assert any(word in text for word in ("Loses", "the loss is unlimited", "at risk")), name


def test_a_person_approves_every_shipped_strategy(catalogue: dict[str, Strategy]) -> None:
    assert {strategy.approval.mode for strategy in catalogue.values()} == {ApprovalMode.MANUAL}


def test_every_shipped_strategy_refuses_what_is_quoted_too_widely(catalogue: dict[str, Strategy]) -> None:
    for strategy in catalogue.values():
        assert strategy.liquidity.bid_ask_width_max == Decimal("0.3")
        assert strategy.liquidity.bid_ask_width_percent_max == 10


@pytest.mark.parametrize("name", IDS)
def test_a_shipped_file_is_named_after_its_strategy_and_survives_rewriting(
    catalogue: dict[str, Strategy], name: str
) -> None:
    document = tomllib.loads((CATALOGUE / f"{name}.toml").read_text(encoding="utf-8"))

    assert parse_strategy(document) == catalogue[name]
    assert parse_strategy(tomllib.loads(strategy_toml(catalogue[name]))) == catalogue[name]
    assert parse_strategy(strategy_document(catalogue[name])) == catalogue[name]
