"""What a person says about a finding: it is a position of a strategy, it is none of ours, or whose close it was."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TypeVar

from thetaloom.domain.book.elsewhere import STANDING, Finding, FindingKind, FindingStatus, OutsideTrade
from thetaloom.domain.book.looks import Cause
from thetaloom.domain.book.positions import Position
from thetaloom.domain.values.ids import UserId
from thetaloom.domain.values.money import Price
from thetaloom.engine import commands
from thetaloom.engine.delivery import deliver
from thetaloom.engine.desk import Desk
from thetaloom.engine.reconciliation.adoption import adopt
from thetaloom.engine.reconciliation.answers import Options, Phase
from thetaloom.engine.reconciliation.closures import complete_closed
from thetaloom.engine.reconciliation.holdings import close_elsewhere
from thetaloom.engine.reconciliation.looking import look_at_broker
from thetaloom.engine.reconciliation.round import Round
from thetaloom.errors import NotAllowed, NotFound

T = TypeVar("T")
SUMS = "sums:"  # begins the key of a finding that holdings and transactions differ


def adopt_position(desk: Desk, command: commands.AdoptPosition) -> Position:
    """Make a run and a position of a holding from elsewhere; no order comes of the adoption itself."""

    def settle(now: Round, found: Finding) -> Position:
        if found.kind is not FindingKind.UNKNOWN_HOLDING:
            raise _not_that(found, "only a holding can become a position")
        price = None if command.price is None else Price(command.price)
        return adopt(now, found, command.strategy_id, by=command.user_id, price=price)

    return _settled(desk, command.user_id, command.finding_id, settle)


def ignore_finding(desk: Desk, command: commands.IgnoreFinding) -> Finding:
    """Leave alone what was found; it still explains what the broker holds."""

    def settle(now: Round, found: Finding) -> Finding:
        if found.kind is FindingKind.WHOSE_CLOSE:
            raise _not_that(found, "one of our positions lost these contracts; say which")
        if found.status is FindingStatus.IGNORED:
            return found
        return now.settle_finding(found, FindingStatus.IGNORED, f"by {command.user_id}")

    return _settled(desk, command.user_id, command.finding_id, settle)


def assign_close(desk: Desk, command: commands.AssignClose) -> Position:
    """Say which position lost the contracts that a trade elsewhere closed."""

    def settle(now: Round, found: Finding) -> Position:
        position = now.positions.get(command.position_id)
        if found.kind is not FindingKind.WHOSE_CLOSE and not (
            found.kind is FindingKind.CONTRACTS_DIFFER and found.legs
        ):
            raise _not_that(found, "only what closed or is gone can be given to a position")
        if position is None or position.user_id != command.user_id:
            raise NotFound(
                f"no open position has the id {command.position_id!r}",
                advice="`thetaloom position list` shows the positions.",
            )
        held, gone = position.held, found.contracts
        if any(held.get(one, 0) * number >= 0 or abs(held[one]) < abs(number) for one, number in gone.items()):
            raise NotAllowed("more_than_held", f"{position.id} does not hold all that went: {found.text}")
        if found.kind is FindingKind.CONTRACTS_DIFFER:
            found = _as_it_is(now, found, position)
        holders = [one for one in now.holders if one.id != found.id]
        trade = OutsideTrade(
            name=found.key.removeprefix("whose:") if found.kind is FindingKind.WHOSE_CLOSE else found.id,
            happened_at=found.found_at,
            legs=found.legs,
            fees=found.fees,
            transactions=(),
        )
        after = close_elsewhere(now, position, trade, holders, assigned_by=command.user_id)
        now.settle_finding(found, FindingStatus.ASSIGNED, f"{position.id}, by {command.user_id}")
        complete_closed(now)
        return after

    return _settled(desk, command.user_id, command.finding_id, settle)


def _as_it_is(now: Round, found: Finding, position: Position) -> Finding:
    """Return what is gone, held against the broker's books of now, at the prices at which it was opened.

    Nobody told a trade: as far as our books can know there was none, and nothing was won or lost by it.
    """
    legs = []
    for leg in found.legs:
        theirs, ours = now.look.holdings.get(leg.contract, 0), now.ours.get(leg.contract, 0)
        if theirs - ours != leg.quantity:
            raise NotAllowed(
                "finding_outdated", f"the broker holds {theirs} {leg.contract.notation} by now: look again"
            )
        legs.append(replace(leg, price=position.opened_at_price(leg.contract)))
    before = now.look.before
    if before is not None and found.key.startswith(SUMS):  # from here on its holdings are what the sums begin with
        symbols = {leg.contract.occ_symbol: now.look.holdings.get(leg.contract, 0) for leg in legs}
        held = {symbol: number for symbol, number in ({**before.contracts, **symbols}).items() if number}
        now.uow.looks.save(replace(before, looks=before.looks + 1, contracts=held))
    return replace(found, legs=tuple(legs))


def _settled(desk: Desk, user: UserId, finding: str, settle: Callable[[Round, Finding], T]) -> T:
    look = desk.errands.answer_of(("finding", finding), "its books", lambda: partial(look_at_broker, desk))
    with desk.store.unit_of_work() as uow:
        found = uow.looks.finding(finding)
        if found is None or found.user_id != user or found.account_id != desk.broker.account_id:
            raise NotFound(f"no finding has the id {finding!r}", advice="Look at them: thetaloom reconcile --dry-run")
        if found.status not in STANDING:
            raise NotAllowed("finding_settled", f"{found.id} is {found.status.value}: {found.settled_as}")
        now = Round(desk, uow, replace(look, transactions=()), Options(cause=Cause.DEMAND))
        with now.phase(Phase.POSITIONS):
            answer = settle(now, found)
        uow.commit()
    for order in now.deliver:
        deliver(desk, order)
    for run in now.wake:
        desk.dispatch.enqueue(run, now.now)
    return answer


def _not_that(found: Finding, why: str) -> NotAllowed:
    return NotAllowed("finding_of_another_kind", f"{found.id} is {found.kind.value}: {why}")
