"""How contracts end without an order of ours: the broker's transactions, shared out among positions."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from thetaloom.domain.book.fills import Fill, LegFill
from thetaloom.domain.book.positions import Position
from thetaloom.domain.book.spreads import ShareLot
from thetaloom.domain.book.transactions import Transaction, TransactionKind
from thetaloom.domain.values.ids import FillId, make_client_order_id
from thetaloom.domain.values.instruments import OptionContract
from thetaloom.domain.values.money import NOTHING, Money, Price
from thetaloom.domain.values.reasons import Reason
from thetaloom.errors import InvalidInput

DELIVERS = frozenset({TransactionKind.ASSIGNMENT, TransactionKind.EXERCISE})
ENDS = DELIVERS | {TransactionKind.EXPIRATION, TransactionKind.CASH_SETTLEMENT}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """Contracts that ended, and the shares that they turned into."""

    contract: Transaction
    shares: Transaction | None = None

    def __post_init__(self) -> None:
        if self.contract.contract is None or self.contract.kind not in ENDS:
            raise InvalidInput(f"transaction {self.contract.transaction_id} ends no contract")

    @property
    def ended(self) -> OptionContract:
        """Which contract ended."""
        if self.contract.contract is None:
            raise InvalidInput("an ending is of a contract")
        return self.contract.contract

    @property
    def lacks_shares(self) -> bool:
        """Whether shares must have come of it, of which nothing is known yet."""
        return self.contract.kind in DELIVERS and not self.ended.is_index and self.shares is None

    def part(self, quantity: int) -> "Ending":
        """Return what of it belongs to so many contracts, not signed."""
        whole = abs(self.contract.quantity)
        shares = None if self.shares is None else _part(self.shares, quantity, whole)
        return Ending(contract=_part(self.contract, quantity, whole), shares=shares)


def endings_of(happened: Sequence[Transaction]) -> tuple[Ending, ...]:
    """Pair the contracts that ended at one instant with the shares that came of them."""
    shares = [one for one in happened if one.contract is None]
    found = []
    for one in happened:
        if one.contract is None:
            continue
        mine = next((other for other in shares if _came_of(other, one)), None)
        if mine is not None:
            shares.remove(mine)
        found.append(Ending(contract=one, shares=mine))
    return tuple(found)


def shared_out(endings: Iterable[Ending], positions: Sequence[Position]) -> tuple[list[tuple[Ending, ...]], bool]:
    """Say what of the endings belongs to each position, the oldest first, and whether all of it has an owner."""
    owned: list[list[Ending]] = [[] for _ in positions]
    is_whole = True
    for ending in endings:
        left, moved = abs(ending.contract.quantity), ending.contract.quantity
        rest = ending
        for index, position in enumerate(positions):
            held = position.held.get(ending.ended, 0)
            taken = min(left, abs(held)) if held * moved < 0 else 0
            if not taken:
                continue
            owned[index].append(rest.part(taken))
            rest, left = _without(rest, taken), left - taken
        is_whole = is_whole and left == 0
    return [tuple(mine) for mine in owned], is_whole


def shares_out(moved: Transaction, positions: Sequence[Position]) -> list[int]:
    """Say how many of shares that somebody traded close out those that each position holds, the oldest first."""
    left, taken = moved.quantity, []
    for position in positions:
        held = position.shares_held if position.symbol == moved.symbol else 0
        now = min(abs(left), abs(held)) if held * left < 0 else 0
        signed = now if left > 0 else -now
        taken.append(signed)
        left -= signed
    return taken


def settled(position: Position, endings: Sequence[Ending], *, beside: int = 0) -> Position:
    """Return the position after contracts of it ended.

    ``beside`` are the shares, per structure, that the account held for it before: what an assignment takes of
    those was never part of the position.
    """
    legs = tuple(
        LegFill(contract=one.ended, quantity=one.contract.quantity, price=_worth(one.contract)) for one in endings
    )
    fill = _fill(position, endings, legs)
    position = position.with_close_fill(fill, cause=endings[0].contract.kind.value)
    for one in endings:
        position = _with_shares_of(position, one, beside)
    kinds = dict.fromkeys((*position.endings, *(one.contract.kind.value for one in endings)))
    return replace(position, endings=tuple(kinds))


def with_shares_traded(position: Position, moved: Transaction, quantity: int) -> Position:
    """Return the position after so many shares of a trade closed out its own."""
    if moved.price is None:
        raise InvalidInput(f"transaction {moved.transaction_id} trades shares at no price")
    lot = ShareLot(
        symbol=moved.symbol, quantity=quantity, price=moved.price, since=moved.happened_at, cause=moved.kind.value
    )
    fees = moved.fees * Decimal(abs(quantity)) / Decimal(abs(moved.quantity))
    traded = position.with_shares(lot)
    return replace(traded, fees=traded.fees + fees)


def end_reason(kinds: Iterable[str]) -> Reason:
    """Return the reason of the kinds of transactions that ended contracts: the one that says most."""
    found = set(kinds)
    if found & {kind.value for kind in DELIVERS}:
        return Reason.ASSIGNED
    return Reason.CASH_SETTLED if TransactionKind.CASH_SETTLEMENT.value in found else Reason.EXPIRED_WORTHLESS


def differences(expected: Sequence[Transaction], told: Sequence[Transaction]) -> tuple[str, ...]:
    """Say in which the broker's word on contracts differs from what we had worked out for them."""
    ours = {one.contract: one for one in expected if one.contract is not None}
    found = []
    for one in told:
        mine = ours.get(one.contract) if one.contract is not None else None
        if one.contract is None or mine is None:
            continue
        if mine.kind is not one.kind:
            found.append(f"{one.contract.notation}: {one.kind.value}, where we expected {mine.kind.value}")
        elif mine.cash != one.cash:
            found.append(f"{one.contract.notation}: cash {one.cash}, where we expected {mine.cash}")
    return tuple(found)


def _with_shares_of(position: Position, ending: Ending, beside: int) -> Position:
    moved = ending.shares
    if moved is None or moved.price is None:
        return position
    ratio = next((abs(leg.ratio) for leg in position.legs if leg.contract == ending.ended), 1)
    quantity = moved.quantity
    if beside * quantity < 0:
        theirs = min(abs(quantity), abs(beside) * abs(ending.contract.quantity) // ratio)
        quantity -= theirs if quantity > 0 else -theirs
    if quantity:
        cause = moved.kind.value
        lot = ShareLot(symbol=moved.symbol, quantity=quantity, price=moved.price, since=moved.happened_at, cause=cause)
        position = position.with_shares(lot)
    return replace(position, fees=position.fees + moved.fees)


def _fill(position: Position, endings: Sequence[Ending], legs: tuple[LegFill, ...]) -> Fill:
    first = endings[0].contract
    return Fill(
        fill_id=FillId(f"{first.transaction_id}-{position.id}"),
        client_order_id=make_client_order_id(position.run_id, "settlement", 1),
        quantity=position.quantity or 1,
        price=_net(position, legs),
        fees=sum((one.contract.fees for one in endings), NOTHING),
        filled_at=first.happened_at,
        legs=legs,
        model="the broker's transactions",
    )


def _net(position: Position, legs: tuple[LegFill, ...]) -> Price:
    worth = {leg.contract: leg.price for leg in legs}
    return sum((worth[leg.contract] * leg.ratio for leg in position.held_legs if leg.contract in worth), Price(0))


def _worth(moved: Transaction) -> Price:
    # The cash is what happened; the price only says how it came about.
    if moved.contract is None:
        raise InvalidInput(f"transaction {moved.transaction_id} is of no contract")
    multiplier = moved.contract.multiplier
    if moved.price is not None and moved.price.times(multiplier, -moved.quantity) == moved.cash:
        return moved.price
    return Price(Decimal(moved.cash) / (multiplier * -moved.quantity))


def _came_of(shares: Transaction, contract: Transaction) -> bool:
    if contract.contract is None or shares.kind is not contract.kind or shares.symbol != contract.symbol:
        return False
    count = abs(contract.quantity) * contract.contract.multiplier
    return abs(shares.quantity) == count and shares.price == Price(contract.contract.strike)


def _part(moved: Transaction, quantity: int, whole: int) -> Transaction:
    if quantity == whole:
        return moved
    share = Decimal(quantity) / Decimal(whole)
    return replace(
        moved,
        quantity=moved.quantity * quantity // whole,
        cash=Money(Decimal(moved.cash) * quantity / whole),
        fees=Money(Decimal(moved.fees) * share).to_cents(),
    )


def _without(ending: Ending, quantity: int) -> Ending:
    left = abs(ending.contract.quantity) - quantity
    if not left:
        return ending
    taken, rest = ending.part(quantity), ending.part(left)
    shares = rest.shares
    if ending.shares is not None and taken.shares is not None and shares is not None:
        shares = replace(shares, fees=ending.shares.fees - taken.shares.fees)
    return Ending(contract=replace(rest.contract, fees=ending.contract.fees - taken.contract.fees), shares=shares)
