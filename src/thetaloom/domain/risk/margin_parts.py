"""A pairing told as structures with names, each with what it must secure; together they are the whole requirement."""

from collections.abc import Iterator, Sequence
from decimal import Decimal

from thetaloom.domain.risk.margin_offsets import stock_alone, stock_pairs
from thetaloom.domain.risk.margin_rules import (
    NOTHING,
    AccountKind,
    Holding,
    MarginLeg,
    PairedStructure,
    Requirement,
    spread_loss,
)
from thetaloom.domain.risk.margin_series import Pairing, Series
from thetaloom.domain.risk.margin_split import split_spread
from thetaloom.domain.strategy.payoff import tidy
from thetaloom.domain.strategy.structures import Leg, name_structure
from thetaloom.domain.values.money import Money

Counts = dict[int, int]  # contracts by index of their series


def requirement_of(holding: Holding, pairing: Pairing, account: AccountKind) -> Requirement:
    """Return what one underlying must secure as it is paired: the sum over ``structures_of``, without telling them."""
    series, is_cash = pairing.series, account is AccountKind.CASH
    left = {i: one.count for i, one in enumerate(series)}
    shares, needs = holding.shares, NOTHING
    for pair, lots in pairing.stock:
        needs = _sum(needs, _times(pair.requirement, lots))
        shares -= pair.shares * lots
        _take(left, [(dict.fromkeys(pair.legs, lots), 0, NOTHING)])
    if shares:
        needs = _sum(needs, _times(stock_alone(holding, account), abs(shares)))
    for spread in pairing.spreads:
        counts = dict((*spread.shorts, *spread.longs))
        needs = _sum(needs, _spread_needs(series, counts))
        _take(left, [(counts, 0, NOTHING)])
    for i, count in left.items():
        needs = _sum(needs, _both(series[i].alone(is_cash=is_cash), count))
    for i, count in pairing.absorbed:
        needs = _sum(needs, _both(-series[i].above, count))
    return needs


def structures_of(holding: Holding, pairing: Pairing, account: AccountKind) -> tuple[PairedStructure, ...]:
    """Return the paired structures of one underlying: stock first, then spreads, naked shorts and spare longs."""
    series = pairing.series
    left = {i: one.count for i, one in enumerate(series)}
    told: list[tuple[Counts, int, Requirement]] = []
    shares = holding.shares
    for pair, lots in pairing.stock:
        told.append((dict.fromkeys(pair.legs, lots), pair.shares * lots, _times(pair.requirement, lots)))
        shares -= pair.shares * lots
    _take(left, told)
    options = list(_spreads(pairing))
    _take(left, options)
    naked = list(_naked(pairing, left, account))
    _take(left, naked)
    hedged = list(_hedged(holding, series, left, shares, account))
    _take(left, hedged)
    shares -= sum(some for _, some, _ in hedged)
    if shares:
        hedged.append(({}, shares, _times(stock_alone(holding, account), abs(shares))))
    spare = [(counts, 0, NOTHING) for counts in _spare(series, left)]
    return tuple(_structure(holding, series, *part) for part in (*told, *hedged, *options, *naked, *spare))


def _take(left: Counts, told: Sequence[tuple[Counts, int, Requirement]]) -> None:
    for counts, _, _ in told:
        for i, count in counts.items():
            left[i] -= count


def _spreads(pairing: Pairing) -> Iterator[tuple[Counts, int, Requirement]]:
    for spread in pairing.spreads:
        for counts in split_spread(pairing.series, spread):
            yield counts, 0, _spread_needs(pairing.series, counts)


def _hedged(
    holding: Holding, series: Sequence[Series], left: Counts, shares: int, account: AccountKind
) -> Iterator[tuple[Counts, int, Requirement]]:
    """Yield spare longs with the stock that they hedge without making it need less: so it is called all the same."""
    alone = stock_alone(holding, account)
    for pair in stock_pairs(holding, [one.leg for one in series], account):
        lots = min(abs(shares) // abs(pair.shares), *(left[i] for i in pair.legs))
        if lots and len(pair.legs) == 1 and pair.requirement == _times(alone, abs(pair.shares)):
            shares -= pair.shares * lots
            yield dict.fromkeys(pair.legs, lots), pair.shares * lots, _times(pair.requirement, lots)


def _structure(
    holding: Holding, series: Sequence[Series], counts: Counts, shares: int, needs: Requirement
) -> PairedStructure:
    signed = list(_signed(series, counts))
    legs = [Leg(contract=one.leg.contract, ratio=count) for one, count in signed]
    return PairedStructure(
        name=name_structure(legs, shares) if legs else ("long_stock" if shares > 0 else "short_stock"),
        symbol=holding.underlying.symbol,
        legs=tuple(MarginLeg(contract=one.leg.contract, quantity=count, price=one.leg.price) for one, count in signed),
        shares=shares,
        initial=Money(tidy(needs.initial)),
        maintenance=Money(tidy(needs.maintenance)),
    )


def _signed(series: Sequence[Series], counts: Counts) -> Iterator[tuple[Series, int]]:
    return ((series[i], -count if series[i].is_short else count) for i, count in sorted(counts.items()))


def _naked(pairing: Pairing, left: Counts, account: AccountKind) -> Iterator[tuple[Counts, int, Requirement]]:
    """Yield the naked shorts, each with the one of the other right that absorbs it."""
    series, absorbed = pairing.series, dict(pairing.absorbed)
    naked = {i: count for i, count in left.items() if count and series[i].is_short}
    free: Counts = {i: count - absorbed.get(i, 0) for i, count in naked.items()}
    for i in sorted(naked, key=lambda i: (series[i].naked, series[i].above), reverse=True):
        one, wanted = series[i], absorbed.get(i, 0)
        # Any of the other right that needs no less will do for the sum; one that ends with it makes a straddle or
        # strangle of the two.
        others = [
            j
            for j in naked
            if series[j].family == one.family and series[j].is_call is not one.is_call and series[j].naked >= one.naked
        ]
        for j in sorted(others, key=lambda j: series[j].ends != one.ends):
            count = min(wanted, free[j])
            if count:
                free[j] -= count
                wanted -= count
                yield {i: count, j: count}, 0, _both(series[j].naked + one.naked - one.above, count)
    for i, count in free.items():
        if count:
            yield {i: count}, 0, _both(series[i].alone(is_cash=account is AccountKind.CASH), count)


def _spare(series: Sequence[Series], left: Counts) -> Iterator[Counts]:
    spare = {i: count for i, count in left.items() if count and not series[i].is_short}
    if not spare:
        return
    legs = [Leg(contract=one.leg.contract, ratio=count) for one, count in _signed(series, spare)]
    if name_structure(legs) != "custom":
        yield spare
        return
    yield from ({i: count} for i, count in spare.items())


def _spread_needs(series: Sequence[Series], counts: Counts) -> Requirement:
    return _both(spread_loss((one.leg.contract, count) for one, count in _signed(series, counts)), 1)


def _sum(one: Requirement, other: Requirement) -> Requirement:
    return Requirement(one.initial + other.initial, one.maintenance + other.maintenance)


def _both(amount: Decimal, count: int) -> Requirement:
    return Requirement(amount * count, amount * count)


def _times(needs: Requirement, count: int) -> Requirement:
    return Requirement(needs.initial * count, needs.maintenance * count)
