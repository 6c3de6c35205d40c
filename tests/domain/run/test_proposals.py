from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from thetaloom.domain.run.proposals import Proposal, ProposalStatus
from thetaloom.domain.strategy.structures import Leg
from thetaloom.domain.values.canonical import canonical_json, from_json
from thetaloom.domain.values.ids import AccountId, ProposalId, RunId, StrategyId, UserId
from thetaloom.domain.values.money import Money, Price
from thetaloom.domain.values.reasons import Reason
from thetaloom.errors import IllegalTransitionError, NotAllowed

P = ProposalStatus
NOW = datetime(2026, 1, 5, 15, 0, tzinfo=UTC)
LEGS = (Leg.parse("-1 SPY 2026-01-16 P 560"), Leg.parse("+1 SPY 2026-01-16 P 555"))
PROPOSAL = Proposal(
    id=ProposalId("prop-1"),
    run_id=RunId("run-1"),
    user_id=UserId("user"),
    account_id=AccountId("paper"),
    strategy_id=StrategyId("put-credit-spread"),
    strategy_revision=3,
    symbol="SPY",
    spot=Price("600"),
    structure_name="put_credit_spread",
    legs=LEGS,
    quantity=2,
    mid_price=Price("1.25"),
    natural_price=Price("1.10"),
    limit_floor=Price("1.16"),
    max_profit=Money(250),
    max_loss=Money(750),
    breakevens=(Price("558.75"),),
    pop=Decimal("0.78"),
    net_delta=Decimal(16),
    net_theta=Decimal("5.1"),
    net_vega=Decimal("-20"),
    buying_power_effect=Money(750),
    fees=Money("-2.60"),
    reasons=("short put at delta -0.16",),
    synthetic=False,
    as_of=NOW,
    created_at=NOW,
    expires_at=NOW + timedelta(minutes=60),
)
MINI = replace(LEGS[0], contract=replace(LEGS[0].contract, multiplier=10))
BOUND = [
    {"id": ProposalId("prop-2")},
    {"account_id": AccountId("live")},
    {"legs": LEGS[:1]},
    {"legs": LEGS[::-1]},
    {"legs": (LEGS[0], replace(LEGS[1], ratio=2))},
    {"legs": (MINI, LEGS[1])},
    {"quantity": 3},
    {"mid_price": Price("1.26")},
    {"limit_floor": Price("1.15")},
    {"max_loss": None},
    {"max_loss": Money(760)},
    {"expires_at": NOW + timedelta(minutes=61)},
]


@pytest.mark.parametrize("change", BOUND, ids=str)
def test_the_hash_changes_with_each_thing_an_approval_binds_to(change: dict[str, object]) -> None:
    changed = replace(PROPOSAL, **change)  # type: ignore[arg-type]  # one field of each kind

    assert changed.content_hash != PROPOSAL.content_hash


def test_no_two_changes_have_one_hash() -> None:
    hashes = {replace(PROPOSAL, **change).content_hash for change in BOUND}  # type: ignore[arg-type]  # as above

    assert len(hashes) == len(BOUND)


def test_the_hash_outlives_the_decision_the_store_and_what_is_only_shown() -> None:
    decided = PROPOSAL.decided(P.APPROVED, by="user", at=NOW)
    stored = from_json(canonical_json(decided), Proposal)

    assert decided.content_hash == PROPOSAL.content_hash
    assert stored == decided
    assert stored.content_hash == PROPOSAL.content_hash
    assert replace(PROPOSAL, version=7, spot=Price("601")).content_hash == PROPOSAL.content_hash


@pytest.mark.parametrize("status", [P.APPROVED, P.REJECTED, P.EXPIRED])
def test_a_decision_says_who_when_and_why(status: ProposalStatus) -> None:
    decided = PROPOSAL.decided(status, by="rule:put-credit-spread", at=NOW, note="small enough")

    assert (decided.status, decided.decided_by, decided.decided_at, decided.decision_note) == (
        status,
        "rule:put-credit-spread",
        NOW,
        "small enough",
    )


@pytest.mark.parametrize("first", [P.APPROVED, P.REJECTED, P.EXPIRED])
@pytest.mark.parametrize("second", P)
def test_a_proposal_is_decided_once(first: ProposalStatus, second: ProposalStatus) -> None:
    decided = PROPOSAL.decided(first, by="user", at=NOW)

    with pytest.raises(IllegalTransitionError):
        decided.decided(second, by="someone else", at=NOW)


def test_pending_is_no_decision() -> None:
    with pytest.raises(IllegalTransitionError):
        PROPOSAL.decided(P.PENDING, by="user", at=NOW)


def test_what_has_expired_cannot_be_approved_but_can_be_put_away() -> None:
    deadline = PROPOSAL.expires_at

    with pytest.raises(NotAllowed) as refusal:
        PROPOSAL.decided(P.APPROVED, by="user", at=deadline)

    assert refusal.value.code == Reason.APPROVAL_EXPIRED
    assert PROPOSAL.decided(P.APPROVED, by="user", at=deadline - timedelta(microseconds=1)).status is P.APPROVED
    assert PROPOSAL.decided(P.EXPIRED, by="", at=deadline).status is P.EXPIRED
    assert PROPOSAL.decided(P.REJECTED, by="user", at=deadline).status is P.REJECTED
