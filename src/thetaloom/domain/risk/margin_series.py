"""What is held on one underlying, series by series, and how it can be said to be paired."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from thetaloom.domain.risk.margin_offsets import StockPair
from thetaloom.domain.risk.margin_rules import Holding, MarginLeg, lasts_until, percentage_amount
from thetaloom.domain.values.instruments import STRIKE_STEP, ExerciseStyle, Right


@dataclass(frozen=True, slots=True)
class Series:
    """What is held of one contract at one price: spreads are made only within one ``family``."""

    leg: MarginLeg  # its quantity is what is held
    count: int  # without its sign
    is_short: bool
    is_call: bool
    strike: int  # in steps of a strike
    family: tuple[ExerciseStyle, int]  # exercise style and multiplier
    ends: tuple[int, bool]
    naked: Decimal  # what one naked short needs in all, in dollars
    above: Decimal  # the part of it above the market value

    @property
    def sign(self) -> int:
        """1 bought, -1 sold."""
        return -1 if self.is_short else 1

    def alone(self, *, is_cash: bool) -> Decimal:
        """Return what one contract needs that is paired with nothing.

        In a cash account a put is secured by its strike; a call may not stand alone there, which is no amount.
        """
        if not self.is_short:
            return Decimal(0)
        if not is_cash:
            return self.naked
        return Decimal(0) if self.is_call else self.leg.contract.strike * self.leg.contract.multiplier


class Spread(NamedTuple):
    """Contracts paired as one spread: indices of series with how many of each, shorts and longs."""

    shorts: tuple[tuple[int, int], ...]
    longs: tuple[tuple[int, int], ...]


class Pairing(NamedTuple):
    """How everything held on one underlying is paired; what is in none of these stands alone."""

    series: tuple[Series, ...]
    spreads: tuple[Spread, ...] = ()
    stock: tuple[tuple[StockPair, int], ...] = ()
    absorbed: tuple[tuple[int, int], ...] = ()  # naked shorts that another one's requirement covers


def series_of(holding: Holding) -> tuple[Series, ...]:
    """Return what is held, bought and sold of one contract set off against each other."""
    return tuple(_one_series(leg, holding) for leg in net_legs(holding.legs))


def net_legs(legs: Sequence[MarginLeg]) -> tuple[MarginLeg, ...]:
    """Return the legs without what is both bought and sold, in the order of their contracts."""
    left: dict[tuple[object, ...], list[MarginLeg]] = {}
    for leg in legs:
        contract = leg.contract
        key = (contract.expires_on, contract.strike, contract.right, contract.root, contract.multiplier)
        kept, quantity = left.setdefault(key, []), leg.quantity
        while kept and quantity and kept[-1].quantity * quantity < 0:
            other = kept.pop()
            quantity += other.quantity
            if other.quantity * quantity > 0:  # more of the other side was there than came
                kept.append(MarginLeg(contract=contract, quantity=quantity, price=other.price))
                quantity = 0
        if quantity:
            same = next((i for i, other in enumerate(kept) if other.price == leg.price), None)
            held = 0 if same is None else kept.pop(same).quantity
            kept.append(MarginLeg(contract=contract, quantity=quantity + held, price=leg.price))
    return tuple(leg for key in sorted(left, key=str) for leg in left[key])


def _one_series(leg: MarginLeg, holding: Holding) -> Series:
    contract, spot = leg.contract, Decimal(holding.underlying.price)
    above = percentage_amount(contract, spot, holding.underlying.kind) * contract.multiplier
    return Series(
        leg=leg,
        count=abs(leg.quantity),
        is_short=leg.quantity < 0,
        is_call=contract.right is Right.CALL,
        strike=int(contract.strike / STRIKE_STEP),
        family=(contract.exercise_style, contract.multiplier),
        ends=lasts_until(contract),
        naked=above + Decimal(leg.price) * contract.multiplier,
        above=above,
    )
