"""A pairing told as structures with names, each with what it must secure; together they are the whole requirement."""

from collections.abc import Iterator, Sequence
from decimal import Decimal

from thetaloom.domain.risk.margin_offsets import stock_alone
from thetaloom.domain.risk.margin_rules import (
    ZERO,
    AccountKind,
    Holding,
    MarginLeg,
    PairedStructure,
    Requirement,
    spread_loss,
)
from thetaloom.domain.risk.margin_series import Pairing, Series
from thetaloom.domain.risk.margin_split import split_spread
from thetaloom.domain.strategy.structures import Leg, name_structure
from thetaloom.domain.values.money import Money

Counts = dict[int, int]  # contracts by index of their series


def structures_of(holding: Holding, pairing: Pairing, account: AccountKind) -> tuple[PairedStructure, ...]:
    """Return the paired structures of one underlying: stock first, then spreads, naked shorts and spare longs."""
    left = {i: one.count for i, one in enumerate(pairing.series)}
    found: list[PairedStructure] = []

    def add(counts: Counts, shares: int, needs: Requirement) -> None:
        found.append(_structure(holding, pairing.series, counts, shares, needs))
        for i, count in counts.items():
            left[i] -= count

    shares = holding.shares
    for pair, lots in pairing.stock:
        add(dict.fromkeys(pair.legs, lots), pair.shares * lots, _times(pair.requirement, lots))
        shares -= pair.shares * lots
    if shares:
        add({}, shares, _times(stock_alone(holding, account), abs(shares)))
    for spread in pairing.spreads:
        for counts in split_spread(pairing.series, spread):
            loss = spread_loss((one.leg.contract, count) for one, count in _signed(pairing.series, counts))
            add(counts, 0, Requirement(loss, loss))
    for counts, needs in _naked(pairing, left, account):
        add(counts, 0, Requirement(needs, needs))
    for counts in _spare(pairing.series, left):
        add(counts, 0, Requirement(ZERO, ZERO))
    return tuple(found)


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
        initial=Money(needs.initial),
        maintenance=Money(needs.maintenance),
    )


def _signed(series: Sequence[Series], counts: Counts) -> Iterator[tuple[Series, int]]:
    return ((series[i], -count if series[i].is_short else count) for i, count in sorted(counts.items()))


def _naked(pairing: Pairing, left: Counts, account: AccountKind) -> Iterator[tuple[Counts, Decimal]]:
    """Yield the naked shorts, each with the one of the other right that it absorbs."""
    series, absorbed = pairing.series, dict(pairing.absorbed)
    naked = {i: count for i, count in left.items() if count and series[i].is_short}
    free: Counts = {}
    for i in sorted(naked, key=lambda i: (series[i].naked, series[i].above), reverse=True):
        wanted = absorbed.get(i, 0)
        free[i] = naked[i] - wanted
        partners = [j for j in free if free[j] and series[j].is_call is not series[i].is_call]
        # Any will do for the sum; one that ends on the same day makes a straddle or strangle of it.
        for j in sorted(
            (j for j in partners if series[j].family == series[i].family),
            key=lambda j: series[j].ends != series[i].ends,
        ):
            count = min(wanted, free[j])
            if count:
                free[j] -= count
                wanted -= count
                yield {i: count, j: count}, (series[j].naked + series[i].naked - series[i].above) * count
    for i, count in free.items():
        if count:
            yield {i: count}, series[i].alone(is_cash=account is AccountKind.CASH) * count


def _spare(series: Sequence[Series], left: Counts) -> Iterator[Counts]:
    spare = {i: count for i, count in left.items() if count and not series[i].is_short}
    if not spare:
        return
    legs = [Leg(contract=one.leg.contract, ratio=count) for one, count in _signed(series, spare)]
    if name_structure(legs) != "custom":
        yield spare
        return
    yield from ({i: count} for i, count in spare.items())


def _times(needs: Requirement, count: int) -> Requirement:
    return Requirement(needs.initial * count, needs.maintenance * count)
