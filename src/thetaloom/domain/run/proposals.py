"""A proposal: what a person or a rule decides on, bound to a hash of what was shown, with a deadline."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from thetaloom.domain.book.rolls import ClosingTerms
from thetaloom.domain.strategy.structures import Leg
from thetaloom.domain.values.canonical import WHEN_SET, canonical_json, digest_of
from thetaloom.domain.values.ids import AccountId, ProposalId, RunId, StrategyId, UserId
from thetaloom.domain.values.money import Money, Price
from thetaloom.domain.values.reasons import Reason
from thetaloom.errors import IllegalTransitionError, NotAllowed


class ProposalStatus(StrEnum):
    """Where a proposal stands; it is decided once and for ever."""

    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"
    EXPIRED = "expired"
    SUPERSEDED = "superseded"  # another version took its place before it was decided
    SPENT = "spent"  # approved, but the price left its band before an order was staged; the run asks again


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A structure at a price, with all that the decision rests on."""

    id: ProposalId
    run_id: RunId
    user_id: UserId
    account_id: AccountId
    strategy_id: StrategyId
    strategy_revision: int
    symbol: str
    spot: Price
    structure_name: str
    legs: tuple[Leg, ...]
    quantity: int
    mid_price: Price  # net, credit positive
    natural_price: Price
    limit_floor: Price  # the worst net price the approval covers
    max_profit: Money | None  # of the whole quantity at expiration, before fees; None = unlimited
    max_loss: Money | None  # positive; None = unlimited
    breakevens: tuple[Price, ...]
    pop: Decimal | None  # 0 to 1, lognormal at the legs' own volatility
    net_delta: Decimal | None  # shares, whole quantity
    net_theta: Decimal | None  # dollars per calendar day, whole quantity
    net_vega: Decimal | None  # dollars per vol point, whole quantity
    buying_power_effect: Money  # what the trade ties up, positive
    fees: Money  # of the entry, negative
    reasons: tuple[str, ...]  # why these strikes, in plain words with numbers
    synthetic: bool
    as_of: datetime  # of the quotes
    created_at: datetime
    expires_at: datetime
    status: ProposalStatus = ProposalStatus.PENDING
    decided_by: str = ""  # user id, or ``rule:<strategy id>``
    decided_at: datetime | None = None
    decision_note: str = ""
    approved_hash: str = ""  # the content hash at the moment of approval
    version: int = 0
    needs_confirmation: bool = False  # so much of the risk budget would be in use that no rule may approve
    warnings: tuple[str, ...] = ()  # of the risk budget, in plain words with numbers
    closing: ClosingTerms | None = None  # of a roll: what is closed first, under the same approval
    entry_price: Price | None = field(default=None, metadata=WHEN_SET)  # a limit that a person chose; it does not walk
    supersedes: ProposalId | None = field(default=None, metadata=WHEN_SET)  # the version whose place it took

    @property
    def content_hash(self) -> str:
        """Digest of what the approval binds to: legs, quantity, limit band, max loss and expiry, and what is closed."""
        bound: tuple[object, ...] = (
            self.id,
            self.account_id,
            [(leg.contract.occ_symbol, leg.contract.multiplier, leg.ratio) for leg in self.legs],
            self.quantity,
            self.mid_price,
            self.limit_floor,
            self.max_loss,
            self.expires_at,
        )
        if self.closing is not None:
            bound = (*bound, self.closing)
        if self.entry_price is not None:
            bound = (*bound, "entry", self.entry_price)
        return digest_of(canonical_json(bound))

    def decided(self, status: ProposalStatus, *, by: str, at: datetime, note: str = "") -> "Proposal":
        """Return the proposal with its one and only decision; what has expired can't be approved any more."""
        if self.status is not ProposalStatus.PENDING or status in _NO_DECISION:
            raise IllegalTransitionError(f"proposal {self.id}", self.status, status)
        if status is ProposalStatus.APPROVED and at >= self.expires_at:
            raise NotAllowed(
                Reason.APPROVAL_EXPIRED,
                f"proposal {self.id} expired at {self.expires_at}",
                advice="Start the strategy again for a proposal at today's prices.",
                details={"expires_at": self.expires_at.isoformat(), "decided_at": at.isoformat()},
            )
        approved_hash = self.content_hash if status is ProposalStatus.APPROVED else ""
        return replace(
            self, status=status, decided_by=by, decided_at=at, decision_note=note, approved_hash=approved_hash
        )

    def superseded(self, *, by: str, at: datetime) -> "Proposal":
        """Return the proposal as one whose place another version takes."""
        if self.status is not ProposalStatus.PENDING:
            raise IllegalTransitionError(f"proposal {self.id}", self.status, ProposalStatus.SUPERSEDED)
        return replace(self, status=ProposalStatus.SUPERSEDED, decided_by=by, decided_at=at)

    def spent(self) -> "Proposal":
        """Return the approved proposal as one that can't be executed any more."""
        if self.status is not ProposalStatus.APPROVED:
            raise IllegalTransitionError(f"proposal {self.id}", self.status, ProposalStatus.SPENT)
        return replace(self, status=ProposalStatus.SPENT)


_NO_DECISION = frozenset({ProposalStatus.PENDING, ProposalStatus.SPENT, ProposalStatus.SUPERSEDED})


def decider_in_words(decided_by: str, person: str = "a person") -> str:
    """Say who decided: the strategy's own rule, or a person as the caller calls them."""
    return "its own rule" if decided_by.startswith("rule:") else person
