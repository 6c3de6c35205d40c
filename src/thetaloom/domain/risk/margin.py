"""Margin: what a whole book must secure, and what an order ties up on top of what is held.

The rules are those of Regulation T, Cboe Rule 10.3 and FINRA Rule 4210(f)(2) as Cboe's margin manual explains
them: strategy-based margin (see ``margin_rules``). Of all permitted pairings of what is held on one underlying the
one that needs least counts; underlyings do not offset each other.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from thetaloom.domain.risk.margin_bound import effect_bound
from thetaloom.domain.risk.margin_pairing import pair
from thetaloom.domain.risk.margin_parts import requirement_of, structures_of
from thetaloom.domain.risk.margin_rules import (
    ZERO,
    AccountKind,
    Holding,
    MarginLeg,
    PairedStructure,
    Underlying,
    kind_of,
)
from thetaloom.domain.risk.margin_series import Pairing
from thetaloom.domain.strategy.payoff import tidy
from thetaloom.domain.strategy.structures import Leg, merge_legs
from thetaloom.domain.values.instruments import OptionContract
from thetaloom.domain.values.money import Money, Price
from thetaloom.domain.values.reasons import Reason
from thetaloom.errors import InvalidInput, NotAllowed


@dataclass(frozen=True, slots=True, kw_only=True)
class BookMargin:
    """The least that a whole book must secure, before any premium."""

    initial: Money
    maintenance: Money
    account: AccountKind
    paired: tuple[tuple[Holding, Pairing], ...]

    @property
    def pairing(self) -> tuple[PairedStructure, ...]:
        """The structures that the amounts are the sum of, told by name."""
        return tuple(part for holding, one in self.paired for part in structures_of(holding, one, self.account))


def book_margin(holdings: Sequence[Holding], account: AccountKind = AccountKind.MARGIN) -> BookMargin:
    """Return the least initial, then the least maintenance requirement of a book, one holding per underlying.

    It is before any premium. What the account may not hold at all raises ``NotAllowed``.
    """
    paired: list[tuple[Holding, Pairing]] = []
    for holding in holdings:
        one = pair(holding, account)
        if one is None:
            raise NotAllowed(
                Reason.NOT_PERMITTED,
                f"{holding.underlying.symbol}: a {account} account may not hold this",
                advice="A short call needs its stock there, and spreads are for European cash-settled indices alone.",
            )
        paired.append((holding, one))
    needs = [requirement_of(holding, one, account) for holding, one in paired]
    return BookMargin(
        initial=Money(tidy(sum((each.initial for each in needs), ZERO))),
        maintenance=Money(tidy(sum((each.maintenance for each in needs), ZERO))),
        account=account,
        paired=tuple(paired),
    )


def buying_power_effect(
    legs: Sequence[Leg],
    net_price: Price,
    *,
    spot: Price,
    is_cash_account: bool,
    quantity: int = 1,
    prices: Mapping[OptionContract, Price] | None = None,
    held: Sequence[MarginLeg] = (),
    held_shares: int = 0,
) -> Money | None:
    """Return what an order ties up beside what is held on its underlying; ``None`` = not permitted or not known.

    The order opens ``quantity`` structures at ``net_price`` each. It is the requirement with the order less the one
    without, less the premium received or plus the debit paid; negative where the order frees more than it takes.
    ``prices`` are what the legs are worth now. Without them the order is looked at alone, and what it ties up is
    bounded from above.
    """
    merged = merge_legs(legs)
    if prices is None or any(leg.contract not in prices for leg in merged):
        bound = effect_bound(legs, net_price, spot=spot, is_cash_account=is_cash_account)
        return None if bound is None else bound * quantity
    if spot <= 0 or not merged:
        return None
    first = merged[0].contract
    if len({(leg.contract.underlying, leg.contract.multiplier) for leg in merged}) > 1:
        raise InvalidInput("an order has its legs on one underlying and all contracts with one multiplier")
    underlying = Underlying(symbol=first.underlying, price=spot, kind=kind_of(first))
    account = AccountKind.CASH if is_cash_account else AccountKind.MARGIN
    ordered = tuple(
        MarginLeg(contract=leg.contract, quantity=leg.ratio * quantity, price=prices[leg.contract]) for leg in merged
    )
    before = Holding(underlying=underlying, legs=tuple(held), shares=held_shares)
    after = replace(before, legs=(*held, *ordered))
    try:
        extra = book_margin([after], account).initial - book_margin([before], account).initial
    except NotAllowed:
        return None
    return Money(tidy(Decimal(extra - net_price.times(first.multiplier, quantity))))
