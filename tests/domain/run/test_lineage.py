from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thetaloom.domain.run.lineage import LineageRecord, genesis_hash, verify_chain
from thetaloom.domain.run.runs import StepName, StepStatus
from thetaloom.domain.values.ids import RunId

RUN = RunId("run-1")
NOW = datetime(2026, 1, 5, 15, 0, tzinfo=UTC)
RECORD = LineageRecord(
    run_id=RUN,
    seq=1,
    step=StepName.TRIGGER,
    status=StepStatus.DONE,
    started_at=NOW,
    duration_us=120,
    input_digest="in",
    output_digest="out",
    code_version="0.1.0",
    strategy_id="iron-condor",
    strategy_revision=3,
)
FORGERIES: dict[str, object] = {
    "run_id": RunId("run-2"),
    "seq": 9,
    "step": StepName.EVALUATE,
    "status": StepStatus.DENIED,
    "started_at": NOW - timedelta(seconds=1),
    "duration_us": 121,
    "input_digest": "other",
    "output_digest": "other",
    "reason": "credit_too_low",
    "error": "boom",
    "code_version": "0.1.1",
    "strategy_id": "strangle",
    "strategy_revision": 4,
    "parent": 99,
    "previous_hash": "0" * 64,
    "hash": "0" * 64,
}


@st.composite
def chains(draw: st.DrawFn, size_min: int = 1) -> list[LineageRecord]:
    """Whole chains of sealed records."""
    chain: list[LineageRecord] = []
    for number in range(1, draw(st.integers(size_min, 8)) + 1):
        record = replace(
            RECORD,
            seq=number,
            step=draw(st.sampled_from(StepName)),
            duration_us=draw(st.integers(0, 3)),
            parent=number - 1 or None,
        )
        chain.append(record.sealed(chain[-1].hash if chain else genesis_hash(RUN)))
    return chain


def test_every_field_of_a_record_is_tried_by_the_forger() -> None:
    assert set(FORGERIES) == {field.name for field in fields(LineageRecord)}


@given(chains())
def test_a_whole_chain_has_no_fault(chain: list[LineageRecord]) -> None:
    assert verify_chain(RUN, chain, len(chain)) == []


def test_a_run_without_records_is_whole_if_none_are_expected() -> None:
    assert verify_chain(RUN, [], 0) == []
    assert verify_chain(RUN, [], 1)[0].message == "the run has 1 records, found 0"


@pytest.mark.parametrize("name", FORGERIES)
@settings(max_examples=20)
@given(chains(), st.data())
def test_a_change_of_any_field_is_found_where_it_was_made(
    name: str, chain: list[LineageRecord], data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(chain) - 1))
    wrong = FORGERIES[name]
    if wrong == getattr(chain[at], name):
        wrong = StepName.ANALYZE
    chain[at] = replace(chain[at], **{name: wrong})  # type: ignore[arg-type]  # one field of each kind

    faults = verify_chain(RUN, chain, len(chain))

    assert faults[0].seq == at + 1
    assert faults[0].run_id == RUN


@given(chains(), st.data())
def test_a_record_forged_and_sealed_again_breaks_the_link_of_the_next(
    chain: list[LineageRecord], data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(chain) - 1))
    chain[at] = replace(chain[at], duration_us=999).sealed(chain[at].previous_hash)

    faults = verify_chain(RUN, chain, len(chain))

    # The newest record alone can be forged so; the head hash belongs where the forger can't reach.
    assert [fault.seq for fault in faults] == ([] if at == len(chain) - 1 else [at + 2])


@given(chains(size_min=2), st.data())
def test_a_dropped_record_is_found(chain: list[LineageRecord], data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(chain) - 1))

    faults = verify_chain(RUN, chain[:at] + chain[at + 1 :], len(chain))

    assert faults[0].seq == at + 1


@given(chains(), st.data())
def test_an_inserted_record_is_found(chain: list[LineageRecord], data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(chain)))
    previous = chain[at - 1].hash if at else genesis_hash(RUN)
    forged = replace(RECORD, seq=at + 1, code_version="forged").sealed(previous)

    faults = verify_chain(RUN, [*chain[:at], forged, *chain[at:]], len(chain))

    assert faults
    assert faults[-1].message.startswith(f"the run has {len(chain)} records, found {len(chain) + 1}")


@given(chains(size_min=2), st.data())
def test_reordered_records_are_found(chain: list[LineageRecord], data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations(chain).filter(lambda order: order != chain))

    faults = verify_chain(RUN, shuffled, len(chain))

    assert faults
    assert "out of order" in faults[0].message


@given(chains(), st.data())
def test_a_truncated_chain_is_found(chain: list[LineageRecord], data: st.DataObject) -> None:
    kept = data.draw(st.integers(0, len(chain) - 1))

    faults = verify_chain(RUN, chain[:kept], len(chain))

    assert [fault.seq for fault in faults] == [kept + 1]


def test_the_records_of_another_run_do_not_pass() -> None:
    other = RunId("run-2")
    record = replace(RECORD, run_id=other).sealed(genesis_hash(other))
    smuggled = replace(RECORD, run_id=other).sealed(genesis_hash(RUN))

    assert verify_chain(other, [record], 1) == []
    assert verify_chain(RUN, [record], 1)
    assert verify_chain(RUN, [smuggled], 1)


def test_two_runs_start_from_two_hashes() -> None:
    assert genesis_hash(RUN) != genesis_hash(RunId("run-2"))


def test_sealing_again_changes_nothing() -> None:
    sealed = RECORD.sealed(genesis_hash(RUN))

    assert sealed.sealed(genesis_hash(RUN)) == sealed
