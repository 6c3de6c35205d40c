import re

from hypothesis import given
from hypothesis import strategies as st

from thetaloom.domain.values.ids import (
    RunId,
    make_client_order_id,
    make_position_id,
    make_proposal_id,
    make_run_id,
)

WORDS = st.text("abcdefghijklmnopqrstuvwxyz-0123456789", min_size=1, max_size=8)
INTENTS = st.tuples(WORDS.map(RunId), WORDS, st.integers(0, 99))


def test_ids_stay_what_they_were_when_orders_were_first_sent() -> None:
    run = make_run_id("home", 1)

    assert run == "run-okeuhukj6geijili"
    assert make_client_order_id(run, "open", 1) == make_client_order_id(run, "open", 1)


@given(st.tuples(WORDS, st.integers(0, 9999)), st.tuples(WORDS, st.integers(0, 9999)))
def test_two_runs_never_share_a_name(one: tuple[str, int], other: tuple[str, int]) -> None:
    assert (make_run_id(*one) == make_run_id(*other)) == (one == other)


@given(INTENTS, INTENTS)
def test_one_intent_has_one_order_id_and_two_have_two(
    one: tuple[RunId, str, int], other: tuple[RunId, str, int]
) -> None:
    assert (make_client_order_id(*one) == make_client_order_id(*other)) == (one == other)


@given(WORDS.map(RunId), st.integers(0, 99))
def test_ids_are_short_plain_and_name_their_kind(run: RunId, attempt: int) -> None:
    ids = {
        "run": make_run_id(run, attempt),
        "prop": make_proposal_id(run, attempt),
        "pos": make_position_id(run),
        "tl": make_client_order_id(run, "open", attempt),
    }

    for kind, name in ids.items():
        assert re.fullmatch(rf"{kind}-[a-z2-7]{{16}}", name)
    assert len({name.split("-")[1] for name in ids.values()}) == len(ids)
