"""Executions of single legs, in any order and told twice or not, put together to fills of whole structures.

A broker may report a combo leg by leg. A structure is filled once each of its legs has all its contracts; what
has come beyond that is out of balance. Contracts are taken in the order they came, so a fill that is booked
stands, and an execution is booked to the cent: nothing is averaged that does not divide.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from thetaloom.domain.book.fills import Fill, LegFill
from thetaloom.domain.strategy.structures import Leg
from thetaloom.domain.values.ids import ClientOrderId, FillId
from thetaloom.domain.values.instruments import OptionContract
from thetaloom.domain.values.money import NOTHING, Money, Price
from thetaloom.errors import InvalidInput

LEGS_MARK = "-legs-"  # in the ids of fills that were put together here
ALONE_MARK = "-alone-"  # in the ids of fills of what an order that ended has left alone


@dataclass(frozen=True, slots=True, kw_only=True)
class LegExecution:
    """``quantity`` contracts of one leg done at ``price``; ``execution_id`` is the broker's and never reused."""

    execution_id: FillId
    client_order_id: ClientOrderId
    contract: OptionContract
    quantity: int  # bought positive, sold negative
    price: Price  # of the contract itself, never negative
    fees: Money  # negative: we pay them
    executed_at: datetime

    def __post_init__(self) -> None:
        if self.quantity == 0 or self.price < 0:
            raise InvalidInput(f"execution {self.execution_id} needs a quantity and a price that is not negative")


@dataclass(frozen=True, slots=True, kw_only=True)
class Assembly:
    """What executions make: whole structures as fills, and the contracts that stand alone since an instant."""

    fills: tuple[Fill, ...]
    loose: Mapping[OptionContract, int]  # bought positive, sold negative; whole structures are not in it
    since: datetime | None  # when the oldest of them was done; None when all is in balance
    left: tuple[LegFill, ...] = ()  # the same contracts with their prices
    left_fees: Money = NOTHING

    @property
    def is_balanced(self) -> bool:
        """Whether no leg is ahead of the others."""
        return not self.loose


def distinct(executions: Iterable[LegExecution]) -> tuple[LegExecution, ...]:
    """Return each execution once, in the order of its first appearance."""
    first: dict[FillId, LegExecution] = {}
    for execution in executions:
        first.setdefault(execution.execution_id, execution)
    return tuple(first.values())


def assemble(
    legs: Sequence[Leg],
    executions: Iterable[LegExecution],
    *,
    booked: int = 0,
    alone: Mapping[OptionContract, int] | None = None,
) -> Assembly:
    """Put executions together, in the order they came; ``booked`` structures were made fills of before.

    An execution of a contract that is no leg, or in the wrong direction, stands alone. ``alone`` are contracts that
    were booked alone after the order had ended: from then on nothing is put together any more, the position does it.
    """
    once = distinct(executions)
    queues = {leg.contract: _Queue(leg, once) for leg in legs}
    whole = min((queue.contracts // abs(queue.leg.ratio) for queue in queues.values()), default=0)
    whole = min(whole, booked) if alone else whole
    fills: list[Fill] = []
    for number in range(1, whole + 1):
        taken = [piece for queue in queues.values() for piece in queue.take()]
        if number > booked:
            fills.append(_structure(legs, taken, number))
    left = [piece for queue in queues.values() for piece in queue.rest()]
    mine = {execution.execution_id for queue in queues.values() for execution in queue.executions}
    others = [execution for execution in once if execution.execution_id not in mine]
    left += [_Piece(execution, execution.quantity, execution.fees) for execution in others]
    left = _without(left, alone or {})
    loose: dict[OptionContract, int] = {}
    for piece in left:
        loose[piece.execution.contract] = loose.get(piece.execution.contract, 0) + piece.quantity
    return Assembly(
        fills=_joined(fills),
        loose={contract: loose[contract] for contract in sorted(loose, key=_symbol) if loose[contract]},
        since=min((piece.execution.executed_at for piece in left), default=None),
        left=tuple(
            LegFill(contract=one.execution.contract, quantity=one.quantity, price=one.execution.price) for one in left
        ),
        left_fees=sum((piece.fees for piece in left), NOTHING),
    )


def _without(pieces: Iterable["_Piece"], booked: Mapping[OptionContract, int]) -> list["_Piece"]:
    # Bought and sold pieces of one contract may both be there; what was booked of them is the sum.
    gone, kept = dict(booked), []
    for piece in pieces:
        contract, sign = piece.execution.contract, 1 if piece.quantity > 0 else -1
        now = sign * min(abs(piece.quantity), max(0, sign * gone.get(contract, 0)))
        gone[contract] = gone.get(contract, 0) - now
        if piece.quantity != now:
            kept.append(_Piece(piece.execution, piece.quantity - now, piece.fees))
    return kept


@dataclass(frozen=True, slots=True)
class _Piece:
    execution: LegExecution
    quantity: int  # signed, of the execution's contracts
    fees: Money  # of the whole execution, with its last contract


class _Queue:
    """The executions of one leg, taken from the front one structure at a time."""

    def __init__(self, leg: Leg, executions: Iterable[LegExecution]) -> None:
        self.leg = leg
        self.executions = [one for one in executions if one.contract == leg.contract and one.quantity * leg.ratio > 0]
        self.contracts = sum(abs(execution.quantity) for execution in self.executions)
        self._at = 0
        self._used = 0  # of the execution in front

    def take(self) -> list[_Piece]:
        return self._pieces(abs(self.leg.ratio))

    def rest(self) -> list[_Piece]:
        return self._pieces(self.contracts)

    def _pieces(self, wanted: int) -> list[_Piece]:
        pieces = []
        while wanted and self._at < len(self.executions):
            front = self.executions[self._at]
            left = abs(front.quantity) - self._used
            count = min(wanted, left)
            sign = 1 if front.quantity > 0 else -1
            pieces.append(_Piece(front, sign * count, front.fees if count == left else NOTHING))
            wanted -= count
            self._used += count
            if count == left:
                self._at, self._used = self._at + 1, 0
        return pieces


def _structure(legs: Sequence[Leg], pieces: Sequence[_Piece], number: int) -> Fill:
    place = {leg.contract: index for index, leg in enumerate(legs)}
    by_price: dict[tuple[int, Price], LegFill] = {}
    for piece in pieces:
        execution = piece.execution
        key = (place[execution.contract], execution.price)
        before = by_price[key].quantity if key in by_price else 0
        by_price[key] = LegFill(contract=execution.contract, quantity=before + piece.quantity, price=execution.price)
    order = pieces[0].execution.client_order_id
    return Fill(
        fill_id=FillId(f"{order}{LEGS_MARK}{number}"),
        client_order_id=order,
        quantity=1,
        price=sum((leg.price * -leg.quantity for leg in by_price.values()), Price(0)),
        fees=sum((piece.fees for piece in pieces), NOTHING),
        filled_at=max(piece.execution.executed_at for piece in pieces),
        legs=tuple(by_price[key] for key in sorted(by_price)),
    )


def _joined(fills: Sequence[Fill]) -> tuple[Fill, ...]:
    # Neighbors done at the same prices are one fill; only then is the net price of it exact.
    joined: list[Fill] = []
    for fill in fills:
        last = joined[-1] if joined else None
        if last is None or _prices(last) != _prices(fill):
            joined.append(fill)
            continue
        legs = tuple(
            LegFill(contract=leg.contract, quantity=leg.quantity + more.quantity, price=leg.price)
            for leg, more in zip(last.legs, fill.legs, strict=True)
        )
        joined[-1] = Fill(
            fill_id=fill.fill_id,
            client_order_id=fill.client_order_id,
            quantity=last.quantity + fill.quantity,
            price=fill.price,
            fees=last.fees + fill.fees,
            filled_at=max(last.filled_at, fill.filled_at),
            legs=legs,
        )
    return tuple(joined)


def _prices(fill: Fill) -> list[tuple[OptionContract, Price, int]]:
    return [(leg.contract, leg.price, leg.quantity // fill.quantity) for leg in fill.legs]


def _symbol(contract: OptionContract) -> str:
    return contract.occ_symbol
