"""What the paper broker holds back for contracts held: simple, and never less than they can cost as rules go.

Contracts of one underlying and one expiration are taken together: what they can lose at most at expiration,
at any price of the underlying, is held back in full. Bought contracts cover sold ones that expire no later
than themselves. What is sold without cover costs, in a margin account, its mark plus the greater of 20 % of the
underlying less the amount out of the money and 10 % (of the underlying for a call, of the strike for a put),
counting a strangle on both sides; in a cash account a put costs its whole strike and a call may not be sold at all.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from thetaloom.domain.strategy.structures import Leg
from thetaloom.domain.values.instruments import OptionContract, Right, Settlement
from thetaloom.domain.values.money import NOTHING, Money, Price

NAKED_RATE = Decimal("0.20")
NAKED_RATE_MIN = Decimal("0.10")
ZERO = Price(0)

Held = Mapping[OptionContract, int]  # bought positive, sold negative


@dataclass(frozen=True, slots=True, kw_only=True)
class Marks:
    """What is known of the market: spots by underlying and mids of valid quotes; what is missing is unknown."""

    spots: Mapping[str, Price]
    mids: Mapping[OptionContract, Price]


def requirement(held: Held, marks: Marks, *, is_cash_account: bool) -> Money | None:
    """Return what must be held back for ``held``; ``None`` where that is unknown or not permitted."""
    groups: dict[str, dict[tuple[date, Settlement], dict[OptionContract, int]]] = defaultdict(dict)
    for contract, quantity in held.items():
        day = (contract.expires_on, contract.settlement)  # what settles at the open covers nothing until the close
        groups[contract.underlying].setdefault(day, {})[contract] = quantity
    total = NOTHING
    for expirations in groups.values():
        need = _of_underlying(expirations, marks, is_cash_account=is_cash_account)
        if need is None:
            return None
        total += need
    return total


def reserve(legs: Iterable[Leg], limit: Price, fee: Money, marks: Marks, *, is_cash_account: bool) -> Money | None:
    """Return the buying power that opening one structure at ``limit`` takes: its requirement less what it brings."""
    legs = tuple(legs)
    need = requirement({leg.contract: leg.ratio for leg in legs}, marks, is_cash_account=is_cash_account)
    if need is None:
        return None
    fees = fee * sum(abs(leg.ratio) for leg in legs)
    return max(NOTHING, need - limit.times(legs[0].contract.multiplier) + fees)


def _of_underlying(
    expirations: Mapping[tuple[date, Settlement], dict[OptionContract, int]], marks: Marks, *, is_cash_account: bool
) -> Money | None:
    # A group without sold contracts needs nothing and may cover an earlier one, once.
    spare = [day for day in sorted(expirations) if all(quantity > 0 for quantity in expirations[day].values())]
    total = NOTHING
    for day in sorted(set(expirations) - set(spare)):
        held = expirations[day]
        need = _of_expiration(held, marks, is_cash_account=is_cash_account)
        for later in [one for one in spare if one > day]:
            covered = held | expirations[later]
            lower = _of_expiration(covered, marks, is_cash_account=is_cash_account)
            if lower is not None and (need is None or lower < need):
                need, held = lower, covered
                spare.remove(later)
        if need is None:
            return None
        total += need
    return total


def _of_expiration(held: Held, marks: Marks, *, is_cash_account: bool) -> Money | None:
    naked = _naked(held, Right.CALL, lowest_first=True)
    if is_cash_account and naked:
        return None
    if not is_cash_account:
        naked |= _naked(held, Right.PUT, lowest_first=False)
    covered = {contract: quantity + naked.get(contract, 0) for contract, quantity in held.items()}
    total = worst_loss(covered)
    for contract, quantity in naked.items():
        each = _naked_requirement(contract, marks)
        if each is None:
            return None
        total += each * quantity
    return total


def worst_loss(held: Held) -> Money:
    """Return what contracts of one expiration cost at most when they settle; calls sold must be covered."""
    corners = {ZERO, *(Price(contract.strike) for contract in held)}
    worths = (
        sum((intrinsic(one, spot).times(one.multiplier, quantity) for one, quantity in held.items()), NOTHING)
        for spot in corners
    )
    return max(NOTHING, -min(worths))


def intrinsic(contract: OptionContract, spot: Price) -> Price:
    """Return what a contract is worth per share when it settles at ``spot``."""
    strike = Price(contract.strike)
    return max(ZERO, spot - strike if contract.right is Right.CALL else strike - spot)


def _naked(held: Held, right: Right, *, lowest_first: bool) -> dict[OptionContract, int]:
    """Return how many of which sold contracts have no bought one of their right, the dearest first."""
    of_right = {contract: quantity for contract, quantity in held.items() if contract.right is right}
    left = max(0, -sum(of_right.values()))
    naked = {}
    for contract in sorted(of_right, key=lambda one: one.strike, reverse=not lowest_first):
        taken = min(left, max(0, -of_right[contract]))
        if taken:
            naked[contract] = taken
            left -= taken
    return naked


def _naked_requirement(contract: OptionContract, marks: Marks) -> Money | None:
    strike = Price(contract.strike)
    spot, mid = marks.spots.get(contract.underlying), marks.mids.get(contract)
    is_put = contract.right is Right.PUT
    if spot is None or mid is None:
        return strike.times(contract.multiplier) if is_put else None
    otm = max(ZERO, spot - strike if is_put else strike - spot)
    floor = (strike if is_put else spot) * NAKED_RATE_MIN
    each = max(mid, intrinsic(contract, spot)) + max(spot * NAKED_RATE - otm, floor)
    return (min(each, strike) if is_put else each).times(contract.multiplier)
