"""The fills of a position that stand: as they were told, less what the exchange busted, and as it corrected them."""

from thetaloom.domain.book.corrections import BookedOrder, Correction, standing
from thetaloom.domain.book.positions import Position
from thetaloom.domain.values.ids import ClientOrderId
from thetaloom.ports.store import UnitOfWork


def booked_of(uow: UnitOfWork, position: Position) -> tuple[BookedOrder, ...]:
    """Return the orders of a position's run with all their fills as they were told, oldest first."""
    orders = uow.orders.of_run(position.run_id)
    return tuple(BookedOrder(order=one, fills=tuple(uow.orders.fills_of(one.client_order_id))) for one in orders)


def corrections_of(uow: UnitOfWork, position: Position) -> tuple[Correction, ...]:
    """Return what was booked to a position of busts and corrections, oldest first."""
    told = uow.looks.corrections(position.account_id)
    mine = [one for one in told if position.id in one.linked_to]
    return tuple(Correction(order=ClientOrderId(one.linked_to[0]), told=one.transaction) for one in mine)


def standing_fills(uow: UnitOfWork, position: Position) -> tuple[BookedOrder, ...]:
    """Return the orders of a position's run with the fills that stand."""
    booked = booked_of(uow, position)
    return standing(booked, corrections_of(uow, position)) or booked
