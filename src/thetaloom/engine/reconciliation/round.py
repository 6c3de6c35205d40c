"""The working state of one reconciliation: what the phases read, count and leave to do after the commit."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from time import perf_counter
from typing import Any

from thetaloom.domain.book.elsewhere import Finding, FindingKind, FindingStatus, Holder, OutsideTrade, holder_of
from thetaloom.domain.book.fills import LegFill
from thetaloom.domain.book.looks import LinkedTransaction
from thetaloom.domain.book.positions import Position
from thetaloom.domain.book.reports import BrokerOrder
from thetaloom.domain.run.events import EventKind
from thetaloom.domain.values.ids import BrokerOrderId, ClientOrderId, PositionId, RunId, UserId, make_finding_id
from thetaloom.domain.values.instruments import OptionContract
from thetaloom.domain.values.money import Price
from thetaloom.engine.desk import Desk
from thetaloom.engine.reconciliation.answers import Drift, Options, Phase, PhaseCounts, PhaseResult
from thetaloom.engine.reconciliation.looking import BrokerLook
from thetaloom.engine.step import tell_user
from thetaloom.ports.patience import waiting_at_most
from thetaloom.ports.store import UnitOfWork

EXPLAINS = frozenset({FindingKind.UNKNOWN_HOLDING, FindingKind.WHOSE_CLOSE})


class Round:
    """One transaction over one look; nothing of it leaves the transaction before the commit."""

    def __init__(self, desk: Desk, uow: UnitOfWork, look: BrokerLook, options: Options) -> None:
        self.desk, self.uow, self.look, self.options = desk, uow, look, options
        self.account = desk.broker.account_id
        self.now = desk.clock.now()
        self.user = uow.accounts.owner(self.account) or UserId("")
        self.positions: dict[PositionId, Position] = {}
        self.findings = {one.key: one for one in uow.looks.standing(self.account)}
        self.waiting: tuple[LinkedTransaction, ...] = ()  # settlements and trades that nothing explains yet
        self.closed: list[Position] = []  # by trades elsewhere, in this round
        self.deliver: list[ClientOrderId] = []
        self.cancel_orphans: list[BrokerOrderId] = []
        self.cancel_ours: list[ClientOrderId] = []  # over by our books, working by the broker's
        self.wake: list[RunId] = []
        self.moved: set[RunId] = set()
        self.halts: list[str] = []  # why the account takes no new risk
        self.strange: set[OptionContract] = set()  # moved by more than the trades that wait explain
        self.undecided: set[PositionId] = set()  # of which a trade was busted while its order works
        self.suspects: dict[str, str] = {}
        self.phases: list[PhaseResult] = []
        self._counts = PhaseCounts(notes=[])
        self._added_up: tuple[Position, ...] = ()
        self._ours: Mapping[OptionContract, int] = {}
        self._held_by: Mapping[OptionContract, Mapping[PositionId, int]] = {}
        self.read_positions()

    @property
    def counts(self) -> PhaseCounts:
        """The counts of the phase at work."""
        return self._counts

    @contextmanager
    def phase(self, phase: Phase) -> Iterator[PhaseCounts]:
        """Count what a phase does, and how long it takes."""
        self._counts, began = PhaseCounts(notes=[]), perf_counter()
        yield self._counts
        found = self._counts
        self.phases.append(
            PhaseResult(
                phase=phase,
                processed=found.processed,
                updated=found.updated,
                created=found.created,
                errors=found.errors,
                notes=tuple(found.notes),
                seconds=perf_counter() - began,
            )
        )

    def read_positions(self) -> None:
        """Read the open positions of the account anew."""
        self.positions = {one.id: one for one in self.uow.positions.open_positions(self.account)}

    def find(self, order: ClientOrderId) -> BrokerOrder | None:
        """Return an order as the broker's books have it: as the look found it, else asked for."""
        if order in self.look.known:
            return self.look.known[order]
        with waiting_at_most(None):  # the look ends with this transaction, and would be taken again without end
            return self.desk.broker.find(order)

    def reaches(self, symbol: str, position: PositionId | None = None) -> bool:
        """Say whether the options let this round touch it."""
        wanted = self.options
        if wanted.symbol is not None and symbol != wanted.symbol:
            return False
        return wanted.position is None or position == wanted.position

    @property
    def is_whole(self) -> bool:
        """Whether the options leave nothing out."""
        return self.options.symbol is None and self.options.position is None

    @property
    def ours(self) -> Mapping[OptionContract, int]:
        """What our open positions hold, net."""
        self._add_up()
        return self._ours

    def _add_up(self) -> None:
        positions, known = tuple(self.positions.values()), self._added_up
        if len(positions) == len(known) and all(one is other for one, other in zip(positions, known, strict=True)):
            return
        held = {one.id: one.held for one in positions}
        held_by: dict[OptionContract, dict[PositionId, int]] = {}
        for position, contracts in held.items():
            for contract, number in contracts.items():
                held_by.setdefault(contract, {})[position] = number
        self._added_up, self._ours, self._held_by = positions, summed(held.values()), held_by

    @property
    def explained(self) -> dict[OptionContract, int]:
        """What findings explain, net."""
        return summed(one.contracts for one in self.findings.values() if one.kind in EXPLAINS)

    @property
    def holders(self) -> tuple[Holder, ...]:
        """Everybody who holds contracts in the account: our positions, and findings."""
        others = (Holder(id=one.id, legs=one.legs) for one in self.findings.values() if one.kind in EXPLAINS)
        return (*(holder_of(one) for one in self.positions.values()), *others)

    def drifts(self) -> tuple[Drift, ...]:
        """Compare what is held, contract by contract, leaving out what a person said to leave alone."""
        ours, theirs = self.ours, self.look.holdings
        left = summed(one.contracts for one in self.findings.values() if one.status is FindingStatus.IGNORED)
        contracts = sorted(set(ours) | set(theirs), key=lambda contract: contract.occ_symbol)
        return tuple(
            Drift(contract=one, ours=ours.get(one, 0), theirs=theirs.get(one, 0))
            for one in contracts
            if ours.get(one, 0) + left.get(one, 0) != theirs.get(one, 0)
        )

    def raise_finding(self, kind: FindingKind, key: str, text: str, *, halt: bool = False, **more: Any) -> Finding:
        """Keep a difference until it is settled; one that stands already is only brought up to date.

        With ``halt`` the account takes no new risk from the moment it is raised.
        """
        standing = self.findings.get(key)
        if standing is not None:
            legs = more.get("legs", ()) if kind is FindingKind.CONTRACTS_DIFFER else standing.legs
            found = replace(standing, text=text, legs=legs)
        else:
            number = self.uow.looks.findings_about(self.account, key) + 1
            found = Finding(
                id=make_finding_id(self.account, key, number),
                user_id=self.user,
                account_id=self.account,
                kind=kind,
                key=key,
                text=text,
                found_at=self.now,
                **more,
            )
            self.counts.created += 1
            self.note(text)
            self.halts += [text] if halt else []
            facts = {"finding": found.id, "what": kind.value, "text": text}
            tell_user(self.uow, self.user, EventKind.FINDING_RAISED, self.now, **facts)
        if found != standing:
            self.uow.looks.save_finding(found)
        self.findings[key] = found
        return found

    def raise_lost(self, key: str, text: str, contract: OptionContract) -> Finding:
        """Keep that contracts are gone at the broker, or held there otherwise than is told.

        Its legs are what the broker holds less of than our positions do.
        """
        ours, theirs = self.ours.get(contract, 0), self.look.holdings.get(contract, 0)
        legs: tuple[LegFill, ...] = ()
        if theirs * ours < ours * ours:
            legs = (LegFill(contract=contract, quantity=theirs - ours, price=Price(0)),)
        holders = tuple(one for one, number in self._held_by.get(contract, {}).items() if number * ours > 0)
        more: dict[str, Any] = {"symbol": contract.underlying, "legs": legs, "prices_known": False}
        return self.raise_finding(
            FindingKind.CONTRACTS_DIFFER, key, text, halt=True, candidates=holders if legs else (), **more
        )

    def settle_finding(self, found: Finding, status: FindingStatus, how: str) -> Finding:
        """End a finding."""
        settled = replace(found, status=status, settled_at=self.now, settled_as=how)
        self.uow.looks.save_finding(settled)
        if settled.stands:
            self.findings[found.key] = settled
        else:
            self.findings.pop(found.key, None)
        self.counts.updated += 1
        self.note(f"{found.id} {status.value}: {found.text}")
        facts = {"finding": found.id, "what": found.kind.value, "status": status.value, "how": how}
        tell_user(self.uow, self.user, EventKind.FINDING_SETTLED, self.now, **facts)
        return settled

    def shrink_finding(self, found: Finding, taken: Mapping[OptionContract, int], how: str) -> None:
        """Take contracts off a finding; one that explains nothing any more is gone."""
        left = found.without(taken)
        if not left.legs:
            self.settle_finding(found, FindingStatus.GONE, how)
            return
        self.uow.looks.save_finding(left)
        self.findings[found.key] = left
        self.counts.updated += 1

    def persists(self, key: str, text: str) -> bool:
        """Say whether a difference was there at the last look, too; otherwise the next one decides."""
        self.suspects[key] = text
        before = self.look.before
        return before is not None and key in before.suspects

    def note(self, text: str) -> None:
        """Say in words what was done."""
        self._counts.notes.append(text)


def summed(parts: Iterable[Mapping[OptionContract, int]]) -> dict[OptionContract, int]:
    """Add contracts up; none where they cancel."""
    total: dict[OptionContract, int] = {}
    for part in parts:
        for contract, quantity in part.items():
            total[contract] = total.get(contract, 0) + quantity
    return {contract: quantity for contract, quantity in total.items() if quantity}


def trades_net(trades: Iterable[OutsideTrade]) -> dict[OptionContract, int]:
    """Return what trades moved, net."""
    return summed(trade.contracts for trade in trades)
