"""Spreads: the parts of a structure that open and close as one, the lots of each, and legs that belong to none."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from math import gcd

from thetaloom.domain.book.fills import Fill, LegFill
from thetaloom.domain.strategy.rules import TargetRule
from thetaloom.domain.strategy.structures import Leg
from thetaloom.domain.values.ids import FillId
from thetaloom.domain.values.instruments import OptionContract
from thetaloom.domain.values.money import NOTHING, Money, Price
from thetaloom.errors import InvalidInput

WHOLE, REST = "whole", "rest"  # the one spread of a structure without parts; what no part covers


@dataclass(frozen=True, slots=True, kw_only=True)
class Lot:
    """What one opening fill left: ``quantity`` spreads opened at net ``price`` per share."""

    fill_id: FillId
    quantity: int
    price: Price
    opened_at: datetime
    leg_prices: tuple[Price, ...] = ()  # of one contract of each leg, in the order of the legs; empty = unknown


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """A part of the structure; its legs always open and close together."""

    name: str
    legs: tuple[Leg, ...]  # as opened: a bought leg has a positive ratio
    units: int = 1  # of these legs in one structure
    lots: tuple[Lot, ...] = ()
    opened_quantity: int = 0  # ever opened; what is left of it is ``quantity``
    realized: Money = NOTHING  # profit and loss of what closed as a whole, before fees
    target_percent: Decimal | None = None  # of its premium, at which a resting order takes the profit
    target_orders_before: int = 0  # how many of its target orders a person's "replace targets" has put aside

    @property
    def quantity(self) -> int:
        """Spreads still held."""
        return sum(lot.quantity for lot in self.lots)

    @property
    def multiplier(self) -> int:
        """Shares per contract; the same for all legs."""
        return self.legs[0].contract.multiplier

    @property
    def entry_price(self) -> Price:
        """Average net price per share of what is still held, credit positive."""
        if not self.lots:
            raise InvalidInput(f"spread {self.name} holds nothing and has no entry price")
        return sum((lot.price * lot.quantity for lot in self.lots), Price(0)) / self.quantity

    @property
    def premium(self) -> Money:
        """What opening the spreads still held has brought (positive) or cost."""
        return sum((lot.price.times(self.multiplier, lot.quantity) for lot in self.lots), NOTHING)

    def opened(self, lot: Lot) -> "Spread":
        """Return the spread with one more lot."""
        return replace(self, lots=(*self.lots, lot), opened_quantity=self.opened_quantity + lot.quantity)

    def closed(self, quantity: int, price: Price) -> "Spread":
        """Return the spread after ``quantity`` were closed at net ``price``, the oldest lots first."""
        taken, kept = self._oldest(quantity)
        gain = sum(((lot.price + price).times(self.multiplier, lot.quantity) for lot in taken), NOTHING)
        return replace(self, lots=kept, realized=self.realized + gain)

    def broken(self) -> tuple["Spread", tuple["Loose", ...]]:
        """Return the spread without the oldest one, and that one's legs, each for itself."""
        (lot,), kept = self._oldest(1)
        legs = tuple(
            Loose(contract=leg.contract, quantity=leg.ratio, price=paid, since=lot.opened_at, cause="broken_spread")
            for leg, paid in zip(self.legs, self.paid(lot), strict=True)
        )
        return replace(self, lots=kept), legs

    def paid(self, lot: Lot) -> tuple[Price, ...]:
        """Return what one contract of each leg was done at; made up where nobody said, with the lot's net price."""
        return lot.leg_prices or _made_up(self.legs, lot.price)

    def _oldest(self, quantity: int) -> tuple[tuple[Lot, ...], tuple[Lot, ...]]:
        left, taken, kept = quantity, [], []
        for lot in self.lots:
            now = min(left, lot.quantity)
            left -= now
            if now:
                taken.append(replace(lot, quantity=now))
            if now < lot.quantity:
                kept.append(replace(lot, quantity=lot.quantity - now))
        return tuple(taken), tuple(kept)


@dataclass(frozen=True, slots=True, kw_only=True)
class Loose:
    """Contracts that belong to no whole spread: a leg that came alone, was liquidated, assigned or adopted."""

    contract: OptionContract
    quantity: int  # bought positive, sold negative
    price: Price  # of one contract
    since: datetime
    cause: str

    @property
    def premium(self) -> Money:
        """What they have brought (sold) or cost (bought, negative)."""
        return self.price.times(self.contract.multiplier, -self.quantity)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareLot:
    """Shares that the position came to hold, by an assignment or an exercise."""

    symbol: str
    quantity: int  # sold short negative
    price: Price
    since: datetime
    cause: str


class Executions:
    """Contracts that changed hands and are still to be given to spreads, the oldest first."""

    def __init__(self, pieces: Iterable[Loose]) -> None:
        self._by_contract: dict[OptionContract, list[Loose]] = {}
        for piece in pieces:
            if piece.quantity:
                self._by_contract.setdefault(piece.contract, []).append(piece)

    def fits(self, legs: Sequence[Leg]) -> int:
        """Return how many of ``legs`` are here as a whole."""
        return min(max(0, self._count(leg.contract) // leg.ratio) for leg in legs)

    def take(self, legs: Sequence[Leg], quantity: int) -> list[tuple[int, tuple[Price, ...], Price]]:
        """Take so many of ``legs``: runs of equal ones with the prices of their legs and their exact net price."""
        runs: list[tuple[int, tuple[Price, ...], Price]] = []
        while quantity:
            at_once = min(self._by_contract[leg.contract][0].quantity // leg.ratio for leg in legs)
            now = min(quantity, max(1, at_once))
            paid = [self._pay(leg.contract, leg.ratio * now) for leg in legs]
            each = tuple(total / (abs(leg.ratio) * now) for leg, total in zip(legs, paid, strict=True))
            net = sum((-total if leg.ratio > 0 else total for leg, total in zip(legs, paid, strict=True)), Price(0))
            runs.append((now, each, net / now))
            quantity -= now
        return runs

    def rest(self) -> list[Loose]:
        """Return what nobody took."""
        return [piece for pieces in self._by_contract.values() for piece in pieces]

    def _count(self, contract: OptionContract) -> int:
        return sum(piece.quantity for piece in self._by_contract.get(contract, ()))

    def _pay(self, contract: OptionContract, quantity: int) -> Price:
        pieces, total = self._by_contract[contract], Price(0)
        while quantity:
            piece = pieces[0]
            now = min(abs(quantity), abs(piece.quantity))
            signed = now if quantity > 0 else -now
            total += piece.price * now
            quantity -= signed
            if piece.quantity == signed:
                pieces.pop(0)
            else:
                pieces[0] = replace(piece, quantity=piece.quantity - signed)
        return total


def whole_spread(legs: tuple[Leg, ...]) -> Spread:
    """Return the one spread of a structure that has no parts."""
    return Spread(name=WHOLE, legs=legs)


def spreads_of(
    legs: tuple[Leg, ...], leg_names: tuple[str, ...], targets: tuple[TargetRule, ...]
) -> tuple[Spread, ...]:
    """Return the spreads of a structure, none held yet: one for each target, and one for what no target covers.

    A target whose legs were left out has no spread, nor has one that asks for more than the structure has left.
    """
    if len(leg_names) != len(legs):
        return (whole_spread(legs),)
    by_name = dict(zip(leg_names, legs, strict=True))
    left = {name: leg.ratio for name, leg in by_name.items()}
    found = []
    for target in targets:
        if not all(left.get(name) for name in target.legs):
            continue
        common = gcd(*(by_name[name].ratio for name in target.legs))
        part = {name: by_name[name].ratio // common for name in target.legs}
        if any(abs(ratio) * target.quantity > abs(left[name]) for name, ratio in part.items()):
            continue
        for name, ratio in part.items():
            left[name] -= ratio * target.quantity
        own = tuple(Leg(contract=by_name[name].contract, ratio=ratio) for name, ratio in part.items())
        found.append(Spread(name=target.name, legs=own, units=target.quantity, target_percent=target.percent))
    if not found:
        return (whole_spread(legs),)
    return (*found, *_remainder(by_name, left, {spread.name for spread in found}))


def netted(pieces: Iterable[Loose]) -> tuple[tuple[Loose, ...], Money]:
    """Let bought and sold ones of one contract cancel, the oldest first; return what stays and what that brought."""
    kept: list[Loose] = []
    gain = NOTHING
    for piece in pieces:
        left = piece.quantity
        for index, other in enumerate(kept):
            if other.contract != piece.contract or other.quantity * left >= 0:
                continue
            now = min(abs(left), abs(other.quantity))
            signed = now if other.quantity > 0 else -now
            gain += (piece.price - other.price).times(piece.contract.multiplier, signed)
            kept[index] = replace(other, quantity=other.quantity - signed)
            left += signed
        kept = [other for other in kept if other.quantity]
        if left:
            kept.append(replace(piece, quantity=left))
    return tuple(kept), gain


def with_legs(fill: Fill, legs: tuple[Leg, ...]) -> Fill:
    """Return a fill of an order of ``legs`` with what they were done at; made up where the broker never said.

    For an order of one leg that is the truth; of several the sum is.
    """
    if fill.legs:
        return fill
    done = zip(legs, _made_up(legs, fill.price), strict=True)
    return replace(
        fill,
        legs=tuple(
            LegFill(contract=leg.contract, quantity=leg.ratio * fill.quantity, price=paid) for leg, paid in done
        ),
    )


def netted_shares(lots: Iterable[ShareLot]) -> tuple[tuple[ShareLot, ...], Money]:
    """Let bought and sold shares cancel, the oldest first; return what stays and what that brought."""
    kept: list[ShareLot] = []
    gain = NOTHING
    for lot in lots:
        left = lot.quantity
        for index, other in enumerate(kept):
            if other.symbol != lot.symbol or other.quantity * left >= 0:
                continue
            now = min(abs(left), abs(other.quantity))
            signed = now if other.quantity > 0 else -now
            gain += (lot.price - other.price).times(1, signed)
            kept[index] = replace(other, quantity=other.quantity - signed)
            left += signed
        kept = [other for other in kept if other.quantity]
        if left:
            kept.append(replace(lot, quantity=left))
    return tuple(kept), gain


def _remainder(by_name: dict[str, Leg], left: dict[str, int], taken: set[str]) -> tuple[Spread, ...]:
    ratios = {name: ratio for name, ratio in left.items() if ratio}
    if not ratios:
        return ()
    common = gcd(*ratios.values())
    name = REST
    while name in taken:
        name += "_"
    legs = tuple(Leg(contract=by_name[one].contract, ratio=ratio // common) for one, ratio in ratios.items())
    return (Spread(name=name, legs=legs, units=common),)


def _made_up(legs: tuple[Leg, ...], net: Price) -> tuple[Price, ...]:
    # A broker that never said what the legs were done at: one of them carries the whole, so that the sum is true.
    bearer = next((index for index, leg in enumerate(legs) if (leg.ratio < 0) == (net > 0)), 0)
    return tuple(-net / leg.ratio if index == bearer else Price(0) for index, leg in enumerate(legs))
