"""The least-margin pairing of everything held on one underlying; proven at a glance where that can be done."""

from collections.abc import Sequence
from decimal import Decimal

from thetaloom.domain.risk.margin_program import least_pairing
from thetaloom.domain.risk.margin_rules import ZERO, AccountKind, Holding, intrinsic
from thetaloom.domain.risk.margin_series import Pairing, Series, Spread, series_of


def pair(holding: Holding, account: AccountKind) -> Pairing | None:
    """Return the pairing with the least initial and then the least maintenance; ``None`` = not permitted at all."""
    series = series_of(holding)
    if account is AccountKind.MARGIN and not holding.shares:
        found = _at_a_glance(series)
        if found is not None:
            return found
    return least_pairing(holding, account, series)


def _at_a_glance(series: tuple[Series, ...]) -> Pairing | None:
    shorts = [i for i, one in enumerate(series) if one.is_short]
    longs = [i for i, one in enumerate(series) if not one.is_short]
    if not shorts:
        return Pairing(series)
    if longs:
        whole = _whole_spread(series, shorts, longs)
        return None if whole is None else Pairing(series, spreads=(whole,))
    if len({series[i].is_call for i in shorts}) == 1:
        return Pairing(series)
    if len(shorts) == 2 and series[0].family == series[1].family:
        lesser = min(shorts, key=lambda i: (series[i].naked, series[i].above))
        return Pairing(series, absorbed=((lesser, min(series[i].count for i in shorts)),))
    return None


def _whole_spread(series: Sequence[Series], shorts: Sequence[int], longs: Sequence[int]) -> Spread | None:
    """Return all as one spread where a look at one price proves that no other pairing can need less.

    Whatever is paired how, at the strike where the whole loses most each spread needs at least its own loss there.
    If a naked short, too, needs at least what it would lose there, nothing beats the whole.
    """
    if len({one.family for one in series}) > 1 or max(series[i].ends for i in shorts) > min(
        series[i].ends for i in longs
    ):
        return None
    if any(sum(one.leg.quantity for one in series if one.is_call is is_call) for is_call in (True, False)):
        return None
    strikes = {series[i].leg.contract.strike for i in longs}
    losses = {at: -sum((intrinsic(one.leg.contract, at) * one.leg.quantity for one in series), ZERO) for at in strikes}
    worst = max(losses.values())
    spread = Spread(tuple((i, series[i].count) for i in shorts), tuple((i, series[i].count) for i in longs))
    sold = [series[i] for i in shorts]
    if worst <= 0 or any(_proves(sold, at) for at in strikes if losses[at] == worst):
        return spread
    return None


def _proves(sold: Sequence[Series], at: Decimal) -> bool:
    # Of a naked call and a naked put together only one requirement is sure, so the other right must lose nothing.
    def lost(one: Series) -> Decimal:
        return intrinsic(one.leg.contract, at) * one.leg.contract.multiplier

    sides = {one.is_call for one in sold if lost(one) > 0}
    return len(sides) <= 1 and all(one.naked >= lost(one) for one in sold)
