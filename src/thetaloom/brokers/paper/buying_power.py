"""What the paper account must secure, and what an order ties up: by the exact margin of ``domain.risk``.

A contract without a mid counts at the most it can be worth where it is sold, and at nothing where it is bought.
Without a price of the underlying only what is covered can be told; shares bought then count for nothing.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_CEILING, Decimal
from functools import lru_cache

from thetaloom.domain.book.orders import Effect
from thetaloom.domain.risk.margin import book_margin
from thetaloom.domain.risk.margin_bound import effect_bound
from thetaloom.domain.risk.margin_rules import AccountKind, Holding, MarginLeg, Underlying, UnderlyingKind, kind_of
from thetaloom.domain.strategy.structures import Leg
from thetaloom.domain.values.instruments import OptionContract, Right
from thetaloom.domain.values.money import CENT, NOTHING, Money, Price
from thetaloom.errors import InvalidInput, NotAllowed

ZERO = Price(0)
BOOKS_REMEMBERED = 512  # of one underlying each, as they were at one moment

Held = Mapping[OptionContract, int]  # bought positive, sold negative


@dataclass(frozen=True, slots=True, kw_only=True)
class Marks:
    """What is known of the market: spots by underlying and mids of valid quotes; what is missing is unknown."""

    spots: Mapping[str, Price]
    mids: Mapping[OptionContract, Price]


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """What the account holds, and at what it is judged."""

    held: Held
    shares: Mapping[str, int]
    marks: Marks
    is_cash_account: bool

    def requirement(self) -> Money | None:
        """Return what must be secured before any premium; ``None`` where that is unknown or not permitted."""
        total = NOTHING
        for symbol in sorted({contract.underlying for contract in self.held} | set(self.shares)):
            need = self._of(symbol)
            if need is None:
                return None
            total += need
        return total

    def shares_worth(self) -> Money:
        """Return what the shares are worth for securing something; those of unknown price count for nothing."""
        known = ((self.marks.spots.get(symbol), quantity) for symbol, quantity in self.shares.items())
        return sum((spot.times(quantity) for spot, quantity in known if spot is not None), NOTHING)

    def excess(self, cash: Money) -> Money | None:
        """Return what ``cash`` and shares leave beyond what must be secured."""
        need = self.requirement()
        return None if need is None else cash + self.shares_worth() - need

    def effect(self, legs: Sequence[Leg], quantity: int, limit: Price, effect: Effect) -> Money | None:
        """Return what an order ties up before fees, negative where it frees something; ``None`` as above."""
        first = legs[0].contract
        spot = self.marks.spots.get(first.underlying)
        closes = effect is Effect.CLOSE
        if spot is None or spot <= 0:
            if closes:
                return NOTHING
            bound = effect_bound(legs, limit, spot=ZERO, is_cash_account=self.is_cash_account)
            return None if bound is None else bound * quantity
        if not closes and any(leg.contract not in self.marks.mids for leg in legs):
            bound = effect_bound(legs, limit, spot=spot, is_cash_account=self.is_cash_account)
            return None if bound is None else bound * quantity
        before = self._holding(first.underlying, spot, kind_of(first))
        ordered = (self._leg(leg.contract, leg.ratio * quantity, spot) for leg in legs)
        after = replace(before, legs=(*before.legs, *ordered))
        needs, needed = _initial(after, self.is_cash_account), _initial(before, self.is_cash_account)
        if needs is None or needed is None:
            return None
        return needs - needed - limit.times(first.multiplier, quantity)

    def _of(self, symbol: str) -> Money | None:
        mine = {contract: quantity for contract, quantity in self.held.items() if contract.underlying == symbol}
        spot, shares = self.marks.spots.get(symbol), self.shares.get(symbol, 0)
        if spot is None or spot <= 0:
            return self._without_spot(mine) if shares >= 0 else None
        kind = kind_of(next(iter(mine))) if mine else UnderlyingKind.EQUITY
        return _initial(self._holding(symbol, spot, kind), self.is_cash_account)

    def _holding(self, symbol: str, spot: Price, kind: UnderlyingKind) -> Holding:
        return Holding(
            underlying=Underlying(symbol=symbol, price=spot, kind=kind),
            legs=tuple(self._leg(one, many, spot) for one, many in self.held.items() if one.underlying == symbol),
            shares=self.shares.get(symbol, 0),
        )

    def _without_spot(self, held: Held) -> Money | None:
        if all(quantity > 0 for quantity in held.values()):
            return NOTHING
        legs = [Leg(contract=contract, ratio=quantity) for contract, quantity in held.items()]
        try:
            return effect_bound(legs, ZERO, spot=ZERO, is_cash_account=self.is_cash_account)
        except InvalidInput:  # several multipliers, for which there is no one bound
            return None

    def _leg(self, contract: OptionContract, quantity: int, spot: Price) -> MarginLeg:
        # What is bought secures by its right alone; without its price a book is known again when only quotes moved.
        most = spot if contract.right is Right.CALL else Price(contract.strike)
        price = ZERO if quantity > 0 else self.marks.mids.get(contract, most)
        return MarginLeg(contract=contract, quantity=quantity, price=price)


@lru_cache(maxsize=BOOKS_REMEMBERED)
def _initial(holding: Holding, is_cash_account: bool) -> Money | None:
    try:
        return book_margin([holding], AccountKind.CASH if is_cash_account else AccountKind.MARGIN).initial
    except NotAllowed:
        return None


def fees_of(legs: Iterable[Leg], quantity: int, fee: Money) -> Money:
    """Return the fees of so many structures, positive."""
    return (fee * (quantity * sum(abs(leg.ratio) for leg in legs))).to_cents()


def reserve_of(effect: Money, quantity: int) -> Money:
    """Return what one structure of an order holds back while it works, in cents and never too little."""
    each = Decimal(max(effect, NOTHING)) / quantity
    return Money(each.quantize(CENT, ROUND_CEILING))
