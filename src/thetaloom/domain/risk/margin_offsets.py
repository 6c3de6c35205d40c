"""Lots of stock with the options that hedge them or that they cover: every pairing that a rule names."""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import product
from typing import NamedTuple

from thetaloom.domain.risk.margin_rules import (
    AccountKind,
    Holding,
    MarginLeg,
    Requirement,
    bought_stock_in_cash,
    collar,
    conversion,
    covered_call,
    covered_put,
    lasts_until,
    long_stock,
    protective_call,
    protective_put,
    reversal,
    short_stock,
)
from thetaloom.domain.values.instruments import OptionContract, Right


class StockPair(NamedTuple):
    """One lot of stock with one contract of each of ``legs``; shares are bought positive."""

    legs: tuple[int, ...]
    shares: int
    lots: int  # the most that there can be
    requirement: Requirement  # of one lot with its contracts, in dollars


def stock_alone(holding: Holding, account: AccountKind) -> Requirement:
    """Return what one share alone needs."""
    spot = Decimal(holding.underlying.price)
    if account is AccountKind.CASH:
        return bought_stock_in_cash(spot)
    return long_stock(spot) if holding.shares > 0 else short_stock(spot)


def stock_pairs(holding: Holding, legs: Sequence[MarginLeg], account: AccountKind) -> list[StockPair]:
    """Return every way in which a lot may be paired with the legs, of which their indices are given."""
    spot, sign = Decimal(holding.underlying.price), 1 if holding.shares > 0 else -1
    found = []
    for indices, needs in _allowed(spot, sign, legs, account) if holding.shares else ():
        multiplier = legs[indices[0]].contract.multiplier
        lots = min(abs(holding.shares) // multiplier, *(abs(legs[i].quantity) for i in indices))
        if lots:
            requirement = Requirement(needs.initial * multiplier, needs.maintenance * multiplier)
            found.append(StockPair(indices, sign * multiplier, lots, requirement))
    return found


def _allowed(
    spot: Decimal, sign: int, legs: Sequence[MarginLeg], account: AccountKind
) -> Iterator[tuple[tuple[int, ...], Requirement]]:
    # Long stock is covered by calls sold and hedged by puts bought; short stock by the other two.
    covers = Right.CALL if sign > 0 else Right.PUT
    sold = [i for i, leg in enumerate(legs) if leg.quantity < 0 and leg.contract.right is covers]
    if account is AccountKind.CASH:
        yield from (((i,), bought_stock_in_cash(spot)) for i in sold)
        return
    cover, hedge = (covered_call, protective_put) if sign > 0 else (covered_put, protective_call)
    bought = [i for i, leg in enumerate(legs) if leg.quantity > 0 and leg.contract.right is not covers]
    yield from (((i,), cover(spot, legs[i].contract)) for i in sold)
    yield from (((i,), hedge(spot, legs[i].contract)) for i in bought)
    for i, j in product(bought, sold):
        needs = _both(spot, sign, legs[i].contract, legs[j].contract)
        if needs is not None:
            yield (i, j), needs


def _both(spot: Decimal, sign: int, bought: OptionContract, sold: OptionContract) -> Requirement | None:
    if lasts_until(bought) != lasts_until(sold) or bought.multiplier != sold.multiplier:
        return None
    if bought.strike == sold.strike:
        return conversion(spot, bought) if sign > 0 else reversal(spot, sold)
    return collar(spot, bought, sold) if sign > 0 and bought.strike < sold.strike else None
