"""A source's record is counted from what runs brought, and weighs only where its profile says so."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import a_run
from thetaloom.domain.run.confluence import Contribution, Stance
from thetaloom.domain.run.signal_records import SignalScore, SourceRecord, record_of, scores_of, weight_of
from thetaloom.domain.run.signal_sources import SignalSource, SourceAuth
from thetaloom.domain.values.ids import RunId, SignalId, UserId
from thetaloom.domain.values.money import Money

NOW = datetime(2026, 1, 5, 15, 30, tzinfo=UTC)


def score(number: int, *, is_right: bool | None, **changes: Any) -> SignalScore:
    """The score of one run."""
    given: dict[str, Any] = {
        "run_id": RunId(f"r{number:04}"),
        "source": "tv",
        "user_id": UserId("anna"),
        "signal_id": SignalId(f"s{number}"),
        "stance": Stance.AGREES,
        "is_own": True,
        "pnl": Money(1 if is_right else -1),
        "is_right": is_right,
        "judged_at": NOW + timedelta(minutes=number),
    }
    return SignalScore(**(given | changes))


def source(**changes: Any) -> SignalSource:
    """A profile."""
    given: dict[str, Any] = {"name": "tv", "user_id": UserId("anna"), "auth": SourceAuth.HMAC, "saved_at": NOW}
    return SignalSource(**(given | changes))


@pytest.mark.parametrize(
    ("stance", "pnl", "is_right"),
    [
        (Stance.AGREES, "0.01", True),
        (Stance.AGREES, "-0.01", False),
        (Stance.DISSENTS, "0.01", False),
        (Stance.DISSENTS, "-0.01", True),
        (Stance.ABSTAINS, "5", None),
        (Stance.AGREES, "0", None),
        (Stance.DISSENTS, "0", None),
    ],
)
def test_to_agree_is_right_where_it_made_money(stance: Stance, pnl: str, is_right: bool | None) -> None:
    said = Contribution(
        source="mtf",
        signal_id=SignalId("s2"),
        stance=stance,
        weight=Decimal(1),
        age_seconds=0,
        decay=Decimal(1),
        counts=Decimal(1),
    )

    (found,) = scores_of(a_run(signal_id=SignalId("s1")), [said], Money(pnl), NOW)

    assert (found.is_right, found.is_own, found.source) == (is_right, False, "mtf")


def test_the_record_counts_ever_and_the_last_fifty() -> None:
    # The first twenty were right, then forty wrong ones; one broke even and counts for nothing.
    scores = [score(number, is_right=number < 20) for number in range(60)]
    scores.append(score(60, is_right=None, pnl=Money(0), is_own=False))

    record = record_of(scores[::-1])

    assert (record.judged, record.right, record.recent_judged, record.recent_right) == (60, 20, 50, 10)
    assert (record.lifetime, record.recent) == (Decimal("0.3333"), Decimal("0.2000"))
    assert record.credibility == Decimal("0.2400")  # 0.3 × 0.3333 + 0.7 × 0.2
    assert (record.started, record.pnl) == (60, Money(-20))


def test_nothing_is_said_of_a_source_with_few_runs() -> None:
    assert SourceRecord().lifetime is None and SourceRecord().credibility is None
    assert record_of([score(number, is_right=True) for number in range(19)]).credibility is None
    assert record_of([score(number, is_right=True) for number in range(20)]).credibility == 1


@pytest.mark.parametrize(("right", "weight"), [(20, "1.7"), (10, "0.85"), (5, "0.425"), (0, "0")])
def test_a_record_weighs_only_where_the_profile_says_so(right: int, weight: str) -> None:
    record = record_of([score(number, is_right=number < right) for number in range(20)])

    assert weight_of(source(weight=Decimal("0.85"), weighs_by_record=True), record) == Decimal(weight)
    assert weight_of(source(weight=Decimal("0.85")), record) == Decimal("0.85")
    assert weight_of(source(weight=Decimal("0.85"), weighs_by_record=True), None) == Decimal("0.85")


@given(st.lists(st.sampled_from([True, False, None]), max_size=120), st.decimals("0", "10", places=2))
def test_a_record_is_within_its_bounds(answers: list[bool | None], weight: Decimal) -> None:
    record = record_of([score(number, is_right=answer) for number, answer in enumerate(answers)])

    assert 0 <= record.recent_right <= record.right <= record.judged and record.recent_judged <= 50
    assert 0 <= weight_of(source(weight=weight, weighs_by_record=True), record) <= 10
