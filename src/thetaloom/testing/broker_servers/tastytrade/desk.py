"""The orders of the simulated account: the exchange behind judges and fills them, this keeps their ids and words."""

import itertools
from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal

from thetaloom.domain.book.orders import Effect, OrderStatus
from thetaloom.domain.book.refusals import Refusal
from thetaloom.domain.strategy.structures import Leg
from thetaloom.domain.values.ids import BrokerOrderId
from thetaloom.domain.values.money import Price
from thetaloom.testing.broker_servers.backend import Backend, WireOrder
from thetaloom.testing.broker_servers.tastytrade.bodies import Malformed, Wanted
from thetaloom.testing.broker_servers.tastytrade.told import CODES, STATUSES, Placed

HELD_FROM = 500_001  # ids of orders that wait for another one, and are at no exchange yet
COMPLEX_FROM = 70_001


class Desk:
    """Keeps what a client placed, replaced and canceled. Only the server's thread calls."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self.placed: dict[int, Placed] = {}
        self.complex: dict[int, tuple[str, list[int]]] = {}
        self._at: dict[int, BrokerOrderId] = {}  # where an order stands at the exchange, if under another id
        self._executions = 0
        self._held = itertools.count(HELD_FROM)
        self._groups = itertools.count(COMPLEX_FROM)
        self._refused: set[str] = set()

    def place(self, wanted: Wanted, *, late: bool = False) -> Placed:
        """Take an order. Raises ``Malformed`` where a preflight check fails; then there is no order."""
        if wanted.order_type != "Limit":
            raise Malformed("validation_error", f"{wanted.order_type} orders of options are not simulated alone")
        wanted = self.routed(wanted)
        told = self.backend.place(_wire(wanted), late=late)
        number = int(told.broker_order_id)
        if told.status is OrderStatus.REJECTED:
            self._refused.add(told.broker_order_id)
            refusal, message = self.backend.refusal_of(told.broker_order_id) or (Refusal.UNKNOWN, "refused")
            raise Malformed(CODES[refusal], message)
        one = self._new(number, wanted)
        one.is_hidden = late
        self.placed[number] = one
        return one

    def routed(self, wanted: Wanted) -> Wanted:
        """Return an order as it goes out: one that closes what is not held opens it, unless it is strict."""
        is_held = self.backend.holdings().keys() >= {leg.contract for leg in wanted.legs}
        return wanted if is_held or wanted.is_strict else replace(wanted, effect=Effect.OPEN)

    def replace(self, number: int, wanted: Wanted) -> Placed:
        """Put another order in the place of one; it waits until the old one is out of the market."""
        old = self.placed[number]
        if not old.is_open or old.status == "Replace Requested":
            raise Malformed("order_not_editable", f"Order {number} is {old.status} and cannot be replaced.")
        told = self.backend.replace(
            self._id(number),
            Price(wanted.price or 0),
            new_id=True,
            client_order_id=wanted.external_identifier or "",
        )
        if told is None:
            refusal, message = self.backend.refusal_of(self._id(number)) or (Refusal.UNKNOWN, "refused")
            raise Malformed(CODES[refusal], message)
        new = self._new(int(told.broker_order_id), wanted)
        new.quantity = old.quantity - self._whole(old)
        new.status, new.replaces = "Contingent", number
        old.status, old.replaced_by = "Replace Requested", new.number
        self.placed[new.number] = new
        return new

    def finish_replace(self, new: Placed) -> None:
        """Let the replacement take over."""
        if new.replaces is not None and new.status == "Contingent":
            self.placed[new.replaces].status = "Cancelled"
            new.status = "Live"

    def cancel(self, number: int) -> Placed:
        """Cancel an order. Raises ``Malformed`` where it does not work any more."""
        one = self.placed[number]
        is_held = number >= HELD_FROM and number not in self._at
        if not one.is_open or not (is_held or self.backend.cancel(self._id(number))):
            raise Malformed("order_not_cancellable", f"Order {number} is {one.status} and cannot be cancelled.")
        one.status = "Cancelled" if is_held else "Cancel Requested"
        return one

    def place_complex(self, kind: str, trigger: Wanted | None, orders: Iterable[Wanted]) -> int:
        """Take a complex order; return its id."""
        group = next(self._groups)
        members = []
        if trigger is not None:
            first = self.place(trigger)
            first.complex_id, first.complex_tag = group, f"{kind}::trigger-order"
            members.append(first.number)
        for wanted in orders:
            one = self._new(next(self._held), wanted)
            one.status = "Contingent"
            one.complex_id, one.complex_tag = group, f"{kind}::order"
            self.placed[one.number] = one
            members.append(one.number)
        self.complex[group] = (kind, members)
        if trigger is None:
            self._release(group)
        return group

    def cancel_complex(self, group: int) -> None:
        """Cancel all of a complex order that still works."""
        for number in self.complex[group][1]:
            if self.placed[number].is_open:
                self.cancel(number)
        self.sync()

    def trigger_stop(self, number: int, price: Decimal) -> None:
        """Let the market come to a stop: it becomes an order at the exchange."""
        one = self.placed[number]
        told = self.backend.place(_wire_of(one, price))
        self._at[number] = told.broker_order_id
        self._refused.add(told.broker_order_id)
        one.status = "Live"

    def sync(self) -> list[Placed]:
        """Take over what the exchange did; return the orders that changed."""
        changed: dict[int, Placed] = {}
        wire = {at: number for number, at in self._at.items()}
        for told in self.backend.orders():
            number = wire.get(told.broker_order_id)
            if number is None and told.broker_order_id in self._refused:
                continue
            number = int(told.broker_order_id) if number is None else number
            if number not in self.placed:
                self.placed[number] = self._elsewhere(number, told.legs, told.quantity, Decimal(told.limit_price))
                changed[number] = self.placed[number]
            self.placed[number].is_hidden = False
        for done in self.backend.executions(self._executions):
            self._executions = done.sequence
            one = self._of(done.broker_order_id, wire)
            if one is not None and done.contract is not None and done.price is not None:
                piece = (done.transaction_id, abs(done.quantity), Decimal(done.price), done.happened_at)
                one.fills.setdefault(done.contract, []).append(piece)
                changed[one.number] = one
        for one in tuple(self.placed.values()):
            if self._restate(one):
                changed[one.number] = one
        return [*changed.values(), *self._settle_groups()]

    def _settle_groups(self) -> list[Placed]:
        changed = []
        for group, (kind, members) in self.complex.items():
            orders = [self.placed[number] for number in members]
            trigger = orders[0] if kind != "OCO" else None
            rest = orders if trigger is None else orders[1:]
            if trigger is not None and trigger.status == "Filled" and all(one.status == "Contingent" for one in rest):
                changed += self._release(group)
            elif _is_over(kind, trigger, rest):
                changed += self._end([one for one in rest if one.is_open])
        return changed

    def _release(self, group: int) -> list[Placed]:
        """Let the orders that waited work: limits at the exchange, stops in the server's own hand."""
        kind, members = self.complex[group]
        rest = [self.placed[number] for number in members[(kind != "OCO") :]]
        for one in rest:
            one.status = "Live"
            if one.order_type == "Limit" and one.price is not None:
                told = self.backend.place(_wire_of(one, one.price))
                self._at[one.number] = told.broker_order_id
        return rest

    def _end(self, orders: Iterable[Placed]) -> list[Placed]:
        ended = list(orders)
        for one in ended:
            if one.number in self._at or one.number < HELD_FROM:
                self.backend.cancel(self._id(one.number))
            one.status = "Cancelled"
        return ended

    def _restate(self, one: Placed) -> bool:
        told = self.backend.order(self._id(one.number))
        if told is None or one.status in {"Contingent", "Replace Requested"} or one.replaced_by is not None:
            return False
        status = STATUSES.get(told.status, "Live")
        full = [one.done(leg) >= abs(leg.ratio) * one.quantity for leg in one.legs]
        if status == "Live" and any(full):
            status = "Filled"  # as the real one: said when the first leg is done
        if one.status == "Cancel Requested" and status == "Live":
            return False
        is_new = one.status != status
        one.status = status
        return is_new

    def _id(self, number: int) -> BrokerOrderId:
        return self._at.get(number, BrokerOrderId(str(number)))

    def _of(self, at: BrokerOrderId | None, wire: dict[BrokerOrderId, int]) -> Placed | None:
        if at is None:
            return None
        return self.placed.get(wire.get(at, int(at) if at.isdecimal() else 0))

    def _whole(self, one: Placed) -> int:
        return min(one.done(leg) // abs(leg.ratio) for leg in one.legs)

    def _new(self, number: int, wanted: Wanted) -> Placed:
        return Placed(
            number=number,
            legs=wanted.legs,
            quantity=wanted.quantity,
            effect=wanted.effect,
            time_in_force=wanted.time_in_force,
            price=wanted.price,
            order_type=wanted.order_type,
            stop_trigger=wanted.stop_trigger,
            external_identifier=wanted.external_identifier,
            source=wanted.source,
            received_at=self.backend.clock.now(),
        )

    def _elsewhere(self, number: int, legs: tuple[Leg, ...], quantity: int, price: Decimal) -> Placed:
        at = BrokerOrderId(str(number))
        return Placed(
            number=number,
            legs=legs,
            quantity=quantity,
            effect=self.backend.effect(at),
            time_in_force=self.backend.time_in_force(at),
            price=price,
            external_identifier=None,
            source="WEB",
            received_at=self.backend.clock.now(),
        )


def _is_over(kind: str, trigger: Placed | None, rest: Iterable[Placed]) -> bool:
    if trigger is not None and trigger.status in {"Cancelled", "Expired", "Rejected"}:
        return True
    return kind != "OTO" and any(not one.is_open for one in rest)


def wanted_of(one: Placed) -> Wanted:
    """Return a placed order as it was asked for, for what replaces it."""
    return Wanted(
        legs=one.legs,
        quantity=one.quantity,
        effect=one.effect,
        time_in_force=one.time_in_force,
        order_type=one.order_type,
        price=one.price,
        stop_trigger=one.stop_trigger,
        external_identifier=one.external_identifier,
        source=one.source,
    )


def wire_order(wanted: Wanted) -> WireOrder:
    """Return an order for the exchange behind."""
    return _wire(wanted)


def _wire(wanted: Wanted) -> WireOrder:
    return WireOrder(
        legs=wanted.legs,
        quantity=wanted.quantity,
        limit_price=Price(wanted.price or 0),
        effect=wanted.effect,
        time_in_force=wanted.time_in_force,
        client_order_id=wanted.external_identifier or "",
    )


def _wire_of(one: Placed, price: Decimal) -> WireOrder:
    return replace(_wire(wanted_of(one)), limit_price=Price(price))
