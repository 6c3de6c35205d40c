"""What the paper account must secure, and what an order ties up: by the exact margin of ``domain.risk``.

A contract without a mid counts at the most it can be worth where it is sold, and at nothing where it is bought.
Without a price of the underlying only what is covered can be told; shares bought then count for nothing.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal

from thetaloom.domain.book.orders import Effect
from thetaloom.domain.risk.margin import book_margin, buying_power_effect
from thetaloom.domain.risk.margin_bound import effect_bound
from thetaloom.domain.risk.margin_rules import AccountKind, Holding, MarginLeg, Underlying, UnderlyingKind, kind_of
from thetaloom.domain.strategy.structures import Leg
from thetaloom.domain.values.instruments import OptionContract, Right
from thetaloom.domain.values.money import CENT, NOTHING, Money, Price
from thetaloom.errors import InvalidInput, NotAllowed

ZERO = Price(0)

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
        known = {leg.contract: self._price(leg.contract, spot, is_short=closes or leg.ratio < 0) for leg in legs}
        is_known = closes or all(leg.contract in self.marks.mids for leg in legs)
        return buying_power_effect(
            legs,
            limit,
            spot=spot,
            is_cash_account=self.is_cash_account,
            quantity=quantity,
            prices=known if is_known else None,
            held=self._legs(first.underlying, spot, among=known if closes else {}),
            held_shares=self.shares.get(first.underlying, 0),
        )

    def _of(self, symbol: str) -> Money | None:
        mine = {contract: quantity for contract, quantity in self.held.items() if contract.underlying == symbol}
        spot, shares = self.marks.spots.get(symbol), self.shares.get(symbol, 0)
        if spot is None or spot <= 0:
            return self._without_spot(mine) if shares >= 0 else None
        kind = kind_of(next(iter(mine))) if mine else UnderlyingKind.EQUITY
        underlying = Underlying(symbol=symbol, price=spot, kind=kind)
        holding = Holding(underlying=underlying, legs=self._legs(symbol, spot), shares=shares)
        try:
            return book_margin([holding], AccountKind.CASH if self.is_cash_account else AccountKind.MARGIN).initial
        except NotAllowed:
            return None

    def _without_spot(self, held: Held) -> Money | None:
        if all(quantity > 0 for quantity in held.values()):
            return NOTHING
        legs = [Leg(contract=contract, ratio=quantity) for contract, quantity in held.items()]
        try:
            return effect_bound(legs, ZERO, spot=ZERO, is_cash_account=self.is_cash_account)
        except InvalidInput:  # several multipliers, for which there is no one bound
            return None

    def _legs(
        self, symbol: str, spot: Price, among: Mapping[OptionContract, Price] | None = None
    ) -> tuple[MarginLeg, ...]:
        given = among or {}
        return tuple(
            MarginLeg(
                contract=one,
                quantity=quantity,
                price=given[one] if one in given else self._price(one, spot, is_short=quantity < 0),
            )
            for one, quantity in self.held.items()
            if one.underlying == symbol
        )

    def _price(self, contract: OptionContract, spot: Price, *, is_short: bool) -> Price:
        known = self.marks.mids.get(contract)
        if known is not None:
            return known
        if not is_short:
            return ZERO
        return spot if contract.right is Right.CALL else Price(contract.strike)


def fees_of(legs: Iterable[Leg], quantity: int, fee: Money) -> Money:
    """Return the fees of so many structures, positive."""
    return (fee * (quantity * sum(abs(leg.ratio) for leg in legs))).to_cents()


def reserve_of(effect: Money, quantity: int) -> Money:
    """Return what one structure of an order holds back while it works, in cents and never too little."""
    each = Decimal(max(effect, NOTHING)) / quantity
    return Money(each.quantize(CENT, ROUND_CEILING))
