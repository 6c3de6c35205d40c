"""A strategy as a form: whatever the language can say comes back from the form as the same strategy."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from thetaloom.domain.strategy.documents import parse_strategy, strategy_document
from thetaloom.domain.strategy.fields import fields_of
from thetaloom.domain.strategy.strategies import Strategy
from thetaloom.domain.strategy.toml_text import document_toml, strategy_toml
from thetaloom.errors import InvalidInput
from thetaloom.store.catalogue import load_catalogue
from thetaloom.web.documents import decode_toml
from thetaloom.web.pages.widgets import GROUPS, groups_of, placed
from thetaloom.web.strategy_form import add_part, document_of, pairs_of, remove_part

SHIPPED = load_catalogue()
PARTS = ("exits", "size", "order", "approval", "liquidity", "score", "hard_stops", "analysis", "guard", "conditions")
NUMBERS = st.decimals(min_value="0.001", max_value="400", places=3)


def posted(strategy: Strategy) -> dict[str, list[str]]:
    form: dict[str, list[str]] = {}
    for name, text in pairs_of(strategy):
        form.setdefault(name, []).append(text.replace("\n", "\r\n"))  # as browsers send lines
    return form


@st.composite
def made(draw: st.DrawFn) -> Strategy:
    """A strategy put together from parts of the shipped ones, with texts and numbers of its own."""
    base = draw(st.sampled_from(SHIPPED))
    changes: dict[str, Any] = {
        name: getattr(draw(st.sampled_from(SHIPPED)), name)
        for name in draw(st.lists(st.sampled_from(PARTS), unique=True))
    }
    printable = st.characters(
        categories=("L", "N", "P", "S", "Zs"), include_characters="\n\t", exclude_characters="\u00a0"
    )
    described = draw(
        st.text(printable, max_size=60).filter(lambda text: all(c.isprintable() or c in "\n\t" for c in text))
    )
    changes |= {
        "description": described if described.strip() else "",
        "active": draw(st.booleans()),
        "symbols": tuple(
            draw(st.lists(st.from_regex(r"[A-Z][A-Z0-9./]{0,9}", fullmatch=True), unique=True, max_size=4))
        ),
        "open_runs_max": draw(st.integers(1, 100)),
        "capital_percent_max": draw(st.none() | NUMBERS.filter(lambda number: number <= 100)),
    }
    try:
        return replace(base, **changes)
    except InvalidInput:
        assume(False)
        raise


@pytest.mark.parametrize("strategy", SHIPPED, ids=lambda strategy: strategy.id)
def test_a_shipped_strategy_comes_back_from_its_form(strategy: Strategy) -> None:
    read = parse_strategy(document_of(posted(strategy)))

    assert read == strategy
    assert strategy_toml(read) == strategy_toml(strategy)


@settings(max_examples=25)
@given(made())
def test_any_strategy_comes_back_from_toml_and_form(strategy: Strategy) -> None:
    from_text = parse_strategy(decode_toml(strategy_toml(strategy)))
    from_form = parse_strategy(document_of(posted(from_text)))

    assert from_form == strategy
    assert strategy_toml(from_form) == strategy_toml(from_text)


@pytest.mark.parametrize("strategy", SHIPPED[::7], ids=lambda strategy: strategy.id)
def test_every_field_that_is_posted_stands_in_the_form(strategy: Strategy) -> None:
    fields = placed(groups_of(strategy_document(strategy), {}))

    assert {name for name, _ in pairs_of(strategy)} <= fields


def test_the_groups_hold_every_field_of_the_language_once() -> None:
    named = [name for _, _, names, _ in GROUPS for name in names]

    assert sorted(named) == sorted(field.key for field in fields_of(Strategy))


def test_what_is_no_number_is_refused_at_its_field() -> None:
    form = posted(SHIPPED[0]) | {"expiration.dte_min": ["soon"], "legs[0].ratio": ["1.5"], "open_runs_max": ["1e3"]}

    with pytest.raises(InvalidInput) as refused:
        parse_strategy(document_of(form))

    assert {"expiration.dte_min", "legs[0].ratio", "open_runs_max"} <= set(refused.value.details)


@pytest.mark.parametrize("path", ["legs", "exits", "conditions", "back", "score", "hard_stops", "drops"])
def test_a_part_is_added_and_taken_out_again(path: str) -> None:
    document = strategy_document(next(one for one in SHIPPED if one.id == "put-credit-spread-30dte"))

    more = add_part(document, path)
    entry = f"{path}[{len(more[path]) - 1}]" if isinstance(more.get(path), list) else path

    assert more != document
    less = remove_part(more, entry)
    assert {**less, path: less.get(path, [])} == {**document, path: document.get(path, [])}


@pytest.mark.parametrize(
    "path", ["", "nothing", "legs[9].guard", "id", "legs.select", "legs[0].x", "__class__", "a" * 999]
)
def test_a_path_that_is_no_part_is_refused(path: str) -> None:
    with pytest.raises(InvalidInput):
        add_part(strategy_document(SHIPPED[0]), path)


def test_a_list_takes_no_more_than_it_holds() -> None:
    document = strategy_document(SHIPPED[0])
    for _ in range(8 - len(document["legs"])):
        document = add_part(document, "legs")

    assert len({leg["name"] for leg in document["legs"]}) == 8
    with pytest.raises(InvalidInput):
        add_part(document, "legs")


def test_an_unfinished_document_is_written_as_toml_that_reads_the_same() -> None:
    document = document_of({"id": ["x y"], "name": ['say "hi"'], "legs[0].name": ["a"], "legs[0].ratio": ["2"]})

    assert decode_toml(document_toml(document)) == {
        "id": "x y",
        "name": 'say "hi"',
        "expiration": {},
        "legs": [{"name": "a", "select": {}, "ratio": 2}],
    }
