"""The margin of a small book by trying every way to divide it, written apart from the code it judges."""

from decimal import Decimal
from functools import cache
from typing import NamedTuple

from thetaloom.domain.risk.margin_rules import AccountKind, Holding, UnderlyingKind
from thetaloom.domain.values.instruments import ExerciseStyle, OptionContract, Right, Settlement

D = Decimal
Amounts = tuple[Decimal, Decimal]


class Unit(NamedTuple):
    """One contract, or one lot of stock where ``contract`` is missing."""

    contract: OptionContract | None
    sign: int
    price: Decimal


def brute_force(holding: Holding, account: AccountKind = AccountKind.MARGIN) -> Amounts | None:
    """Return the least initial and then maintenance requirement over all divisions into permitted groups."""
    lot = holding.legs[0].contract.multiplier if holding.legs else 100
    units = [
        Unit(leg.contract, 1 if leg.quantity > 0 else -1, Decimal(leg.price))
        for leg in holding.legs
        for _ in range(abs(leg.quantity))
    ]
    side = 1 if holding.shares > 0 else -1
    units += [Unit(None, side, Decimal(0))] * (abs(holding.shares) // lot)
    spot, kind = Decimal(holding.underlying.price), holding.underlying.kind

    @cache
    def block(mask: int) -> Amounts | None:
        return needs([unit for i, unit in enumerate(units) if mask >> i & 1], spot, kind, account)

    @cache
    def least(mask: int) -> Amounts | None:
        if not mask:
            return D(0), D(0)
        first, rest = mask & -mask, mask & (mask - 1)
        best: Amounts | None = None
        others = rest
        while True:
            here, there = block(first | others), least(rest & ~others)
            if here is not None and there is not None:
                found = here[0] + there[0], here[1] + there[1]
                best = found if best is None else min(best, found)
            if not others:
                return best
            others = (others - 1) & rest

    found = least((1 << len(units)) - 1)
    odd = abs(holding.shares) % lot
    if found is None or not odd:
        return found
    alone = needs([Unit(None, side, Decimal(0))], spot, kind, account)
    return None if alone is None else (found[0] + alone[0] / lot * odd, found[1] + alone[1] / lot * odd)


def needs(units: list[Unit], spot: Decimal, kind: UnderlyingKind, account: AccountKind) -> Amounts | None:
    """Return what one group needs; ``None`` where the rules know no such group."""
    stock = [unit for unit in units if unit.contract is None]
    options = [unit for unit in units if unit.contract is not None]
    if stock:
        return with_stock(stock, options, spot, account)
    if len(options) == 1:
        return alone(options[0], spot, kind, account)
    spread = limited_loss(options, account)
    if spread is not None:
        return spread, spread
    if account is AccountKind.MARGIN and len(options) == 2 and all(unit.sign < 0 for unit in options):
        one, other = options
        if one.contract and other.contract and one.contract.right is not other.contract.right:
            first, second = naked(one, spot, kind), naked(other, spot, kind)
            if family(one.contract) != family(other.contract):
                return None
            if first == second:
                total = first + max(one.price, other.price) * one.contract.multiplier
            elif first > second:
                total = first + other.price * other.contract.multiplier
            else:
                total = second + one.price * one.contract.multiplier
            return total, total
    return None


def alone(unit: Unit, spot: Decimal, kind: UnderlyingKind, account: AccountKind) -> Amounts | None:
    assert unit.contract is not None
    if unit.sign > 0:
        return D(0), D(0)
    if account is AccountKind.MARGIN:
        total = naked(unit, spot, kind)
        return total, total
    if unit.contract.right is Right.CALL:
        return None
    cash = unit.contract.strike * unit.contract.multiplier
    return cash, cash


def naked(unit: Unit, spot: Decimal, kind: UnderlyingKind) -> Decimal:
    contract = unit.contract
    assert contract is not None
    percent = D("0.15") if kind is UnderlyingKind.BROAD_INDEX else D("0.2")
    if contract.right is Right.CALL:
        share = max(percent * spot - max(contract.strike - spot, D(0)), spot / 10)
    else:
        share = max(percent * spot - max(spot - contract.strike, D(0)), contract.strike / 10)
    return (share + unit.price) * contract.multiplier


def limited_loss(options: list[Unit], account: AccountKind) -> Decimal | None:
    contracts = [unit.contract for unit in options if unit.contract is not None]
    if len({family(contract) for contract in contracts}) != 1:
        return None
    for right in Right:
        if sum(unit.sign for unit in options if unit.contract and unit.contract.right is right):
            return None
    ends = [(last(unit.contract), unit.sign) for unit in options if unit.contract]
    if max(end for end, sign in ends if sign < 0) > min(end for end, sign in ends if sign > 0):
        return None
    if account is AccountKind.CASH and (
        len({end for end, _ in ends}) > 1
        or not all(contract.is_index and contract.exercise_style is ExerciseStyle.EUROPEAN for contract in contracts)
    ):
        return None
    worst = D(0)
    for at in [D(0), *(contract.strike for contract in contracts), D(10) ** 6]:
        worth = D(0)
        for unit in options:
            if unit.contract:
                inside = at - unit.contract.strike if unit.contract.right is Right.CALL else unit.contract.strike - at
                worth += max(inside, D(0)) * unit.sign * unit.contract.multiplier
        worst = max(worst, -worth)
    return worst


def with_stock(stock: list[Unit], options: list[Unit], spot: Decimal, account: AccountKind) -> Amounts | None:
    if len(stock) > 1 or len(options) > 2:
        return None
    is_long = stock[0].sign > 0
    kinds = sorted((unit.contract.right.value, unit.sign) for unit in options if unit.contract)
    by_right = {unit.contract.right: unit.contract for unit in options if unit.contract}
    call, put = by_right.get(Right.CALL), by_right.get(Right.PUT)
    lot = next(iter(by_right.values())).multiplier if by_right else 100
    half = spot / 2
    if account is AccountKind.CASH:
        return (spot * lot, spot * lot) if is_long and kinds in ([], [("C", -1)]) else None
    held = held_long(spot, kinds, call, put) if is_long else held_short(spot, kinds, call, put)
    return None if held is None else (max(half, held) * lot, held * lot)


Kinds = list[tuple[str, int]]


def held_long(spot: Decimal, kinds: Kinds, call: OptionContract | None, put: OptionContract | None) -> Decimal | None:
    if kinds == []:
        return spot / 4
    if kinds == [("C", -1)] and call:
        return min(spot, call.strike) / 4
    if kinds == [("P", 1)] and put:
        return min(put.strike / 10 + max(spot - put.strike, D(0)), spot / 4)
    if kinds == [("C", -1), ("P", 1)] and call and put and last(call) == last(put) and put.strike <= call.strike:
        collared = min(put.strike / 10 + max(spot - put.strike, D(0)), call.strike / 4)
        return put.strike / 10 if put.strike == call.strike else collared
    return None


def held_short(spot: Decimal, kinds: Kinds, call: OptionContract | None, put: OptionContract | None) -> Decimal | None:
    low = max(spot, D("2.5")) if spot < 5 else max(D("0.3") * spot, D(5))
    if kinds == []:
        return low
    if kinds == [("P", -1)] and put:
        return low + max(put.strike - spot, D(0))
    if kinds == [("C", 1)] and call:
        return min(call.strike / 10 + max(call.strike - spot, D(0)), low)
    if kinds == [("C", 1), ("P", -1)] and call and put:
        alike = (last(call), call.strike) == (last(put), put.strike)
        return put.strike / 10 + max(put.strike - spot, D(0)) if alike else None
    return None


def family(contract: OptionContract) -> tuple[ExerciseStyle, int]:
    return contract.exercise_style, contract.multiplier


def last(contract: OptionContract) -> tuple[int, bool]:
    return contract.expires_on.toordinal(), contract.settlement is Settlement.PM
