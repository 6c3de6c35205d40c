"""The legs that take the place of others: the same strikes in another expiration, or anew by the strategy's rules."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from math import gcd

from thetaloom.domain.market.chain import OptionChain
from thetaloom.domain.market.expirations import Expiration
from thetaloom.domain.strategy.leg_rules import DTE_MAX
from thetaloom.domain.strategy.selection import Selection, select_structure
from thetaloom.domain.strategy.strategies import ExpirationRule, Metric, Strategy
from thetaloom.domain.strategy.structures import Leg, is_single_expiration
from thetaloom.domain.values.money import Money
from thetaloom.domain.values.reasons import ALLOWED, Reason, Verdict, denied


@dataclass(frozen=True, slots=True, kw_only=True)
class RollWish:
    """Which legs make way, and how their successors are to be chosen."""

    legs: tuple[Leg, ...]  # as held
    leg_names: tuple[str, ...]  # of ``legs``, as the strategy names them; empty = not known
    same_strikes: bool
    is_added: bool = False  # nothing makes way: the same legs may be chosen again
    expires_on: date | None = None
    dte: int | None = None


def select_successor(
    wish: RollWish,
    strategy: Strategy,
    chain: OptionChain,
    expirations: Sequence[Expiration],
    *,
    now: datetime,
    rate: float,
    dividend_yield: float,
    tradeable_capital: Money | None = None,
    readings: Mapping[Metric, Decimal] | None = None,
) -> Selection:
    """Choose the legs to open; never those that are closed for it."""
    front = _expiration(wish, strategy, chain, expirations)
    if isinstance(front, Verdict):
        return _nothing(front)
    if wish.same_strikes:
        return _same_strikes(wish, chain, front)
    found = select_structure(
        strategy,
        chain,
        tuple(expirations),
        now=now,
        rate=rate,
        dividend_yield=dividend_yield,
        tradeable_capital=tradeable_capital,
        readings=readings,
        front=front,
        window=ExpirationRule(dte_min=0, dte_max=DTE_MAX, dte_target=front.dte),
    )
    if not found.verdict.is_allowed:
        return found
    found = _only(found, wish.leg_names, strategy)
    if not wish.is_added and {leg.contract for leg in found.legs} == {leg.contract for leg in wish.legs}:
        day = front.expires_on.isoformat()
        return replace(_nothing(denied(Reason.LEGS_COINCIDE, expires_on=day)), rejections=found.rejections)
    return found


def _expiration(
    wish: RollWish, strategy: Strategy, chain: OptionChain, expirations: Sequence[Expiration]
) -> Expiration | Verdict:
    held = max(leg.contract.expires_on for leg in wish.legs)
    roots = {leg.contract.root for leg in wish.legs}
    listed = [one for one in expirations if one.root in roots]
    day = wish.expires_on
    if day is not None:
        nearest = min(listed, key=lambda one: abs((one.expires_on - day).days), default=None)
        if nearest is not None and nearest.expires_on == day:
            return nearest
        near = "none" if nearest is None else nearest.expires_on.isoformat()
        return denied(Reason.NO_EXPIRATION, wanted=day.isoformat(), nearest=near)
    wanted = strategy.expiration.dte_target if wish.dte is None else wish.dte
    later = [one for one in listed if wish.is_added or wish.dte is not None or one.expires_on > held]
    if wish.same_strikes and not wish.is_added:
        later = [one for one in later if one.expires_on != held]
    if not later:
        return denied(Reason.NO_EXPIRATION, later_than=held.isoformat(), underlying=chain.underlying)
    return min(later, key=lambda one: (abs(one.dte - wanted), one.expires_on))


def _same_strikes(wish: RollWish, chain: OptionChain, front: Expiration) -> Selection:
    if not is_single_expiration(wish.legs):
        return _nothing(denied(Reason.NO_STRIKE, advice="legs of two expirations are rolled by rule"))
    legs, missing = [], []
    for leg in wish.legs:
        contract = replace(leg.contract, expires_on=front.expires_on)
        legs.append(Leg(contract=contract, ratio=leg.ratio))
        if chain.find(contract) is None:
            missing.append(f"{contract.strike:f} {contract.right.value}")
    if missing:
        return _nothing(
            denied(Reason.NO_STRIKE, not_listed=", ".join(missing), expires_on=front.expires_on.isoformat())
        )
    return Selection(
        verdict=ALLOWED,
        legs=tuple(legs),
        leg_names=wish.leg_names,
        expires_on=front.expires_on,
        reasons=(f"expiration {front.expires_on.isoformat()}, {front.dte} days: the same strikes as held",),
        rejections=(),
    )


def _only(found: Selection, names: tuple[str, ...], strategy: Strategy) -> Selection:
    """Return the legs that have one of these names, in lowest terms; all of them where that is what goes."""
    pairs = list(zip(found.legs, found.leg_names, strict=True))
    kept = [(leg, name) for leg, name in pairs if name in names]
    if not kept or len(kept) == len(pairs) or {name for _, name in kept} == {one.name for one in strategy.legs}:
        return found
    common = gcd(*(leg.ratio for leg, _ in kept))
    legs = tuple(Leg(contract=leg.contract, ratio=leg.ratio // common) for leg, _ in kept)
    return replace(found, legs=legs, leg_names=tuple(name for _, name in kept))


def _nothing(verdict: Verdict) -> Selection:
    return Selection(verdict=verdict, legs=(), expires_on=None, reasons=(), rejections=())
