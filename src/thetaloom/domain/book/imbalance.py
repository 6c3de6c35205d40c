"""Legs that stand alone, and what is done about them; and orders that would stand against another position's legs."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from math import gcd

from thetaloom.domain.book.orders import Order, OrderStatus
from thetaloom.domain.book.positions import ALONE, Position
from thetaloom.domain.book.spreads import Loose
from thetaloom.domain.strategy.ending_rules import ImbalancePolicy as ImbalancePolicy
from thetaloom.domain.strategy.structures import Leg
from thetaloom.domain.values.instruments import OptionContract, Right
from thetaloom.domain.values.money import NOTHING, Money, Price

CANCEL_LOOK_SECONDS = 5  # how soon a cancel of an order for missing legs is looked at again


class LegsAction(StrEnum):
    """What to do now."""

    LEAVE = "leave"  # nothing stands alone
    WAIT = "wait"
    ASK = "ask"
    COMPLETE = "complete"
    CANCEL = "cancel"  # the order for the missing legs: its time is up
    UNWIND = "unwind"


@dataclass(frozen=True, slots=True, kw_only=True)
class LegsMatter:
    """What the decision about loose legs rests on."""

    policy: ImbalancePolicy
    position: Position
    patience_seconds: int  # legs that are reported one by one may be on their way
    floor: Price | None  # the worst net price of one structure that was approved
    completing: tuple[Order, ...]  # orders for missing legs so far, oldest first
    complete_seconds: int  # how long such an order may work
    may_complete: bool  # the market is open, and no halt but that of these very legs stands
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class LegsDecision:
    """What to do about loose legs, with the order for it."""

    action: LegsAction
    look_at: datetime | None = None
    legs: tuple[Leg, ...] = ()  # of the order, as it trades them
    quantity: int = 0
    limit_price: Price | None = None
    naked: int = 0  # sold contracts that nothing covers


def naked(contracts: Mapping[OptionContract, int]) -> dict[OptionContract, int]:
    """Return the sold contracts that no bought one covers: of the same right, living as long or longer."""
    left = {one: number for one, number in contracts.items() if number > 0}
    bare: dict[OptionContract, int] = {}
    # The sold one that lives longest has the fewest covers; it takes the one that fits it most tightly.
    for sold in sorted((one for one, number in contracts.items() if number < 0), key=_life, reverse=True):
        missing = -contracts[sold]
        fits = [one for one in left if _covers(one, sold)]
        for bought in sorted(fits, key=_life):
            now = min(missing, left[bought])
            left[bought] -= now
            missing -= now
        if missing:
            bare[sold] = missing
    return bare


def contracts_of(loose: Iterable[Loose]) -> dict[OptionContract, int]:
    """Return the contracts that stand alone, sold negative; none where they cancel."""
    net: Counter[OptionContract] = Counter()
    for one in loose:
        net[one.contract] += one.quantity
    return {contract: number for contract, number in net.items() if number}


def money_at_risk(contracts: Mapping[OptionContract, int]) -> Money | None:
    """Return the most that legs alone can lose from here, at expiration; ``None`` where there is no bound.

    A sold put loses down to zero; a bought leg at most what it is worth, which is not counted here.
    """
    worst = NOTHING
    for contract, number in naked(contracts).items():
        if contract.right is Right.CALL:
            return None
        worst += Price(contract.strike).times(contract.multiplier, number)
    return worst


def decide_legs(matter: LegsMatter) -> LegsDecision:
    """Say what to do about the loose legs of a position now."""
    position, now = matter.position, matter.now
    loose = contracts_of(position.loose)
    working = next((order for order in matter.completing if order.is_open), None)
    if not loose:
        return LegsDecision(action=LegsAction.LEAVE if working is None else LegsAction.CANCEL)
    bare = sum(naked(loose).values())
    ripe_at = max(one.since for one in position.loose) + timedelta(seconds=matter.patience_seconds)
    if now < ripe_at:
        return LegsDecision(action=LegsAction.WAIT, look_at=ripe_at, naked=bare)
    if position.shares:  # bought contracts may be all that covers what an assignment brought
        return LegsDecision(action=LegsAction.ASK, naked=bare)
    if working is not None:
        if now < working.expires_at:
            return LegsDecision(action=LegsAction.WAIT, look_at=working.expires_at, naked=bare)
        is_asked = working.status is OrderStatus.PENDING_CANCEL
        action = LegsAction.WAIT if is_asked else LegsAction.CANCEL
        return LegsDecision(action=action, look_at=now + timedelta(seconds=CANCEL_LOOK_SECONDS), naked=bare)
    if matter.policy is ImbalancePolicy.COMPLETE and not matter.completing and matter.may_complete:
        found = completing_order(position, matter.floor)
        if found is not None:
            legs, quantity, limit = found
            return LegsDecision(
                action=LegsAction.COMPLETE,
                look_at=now + timedelta(seconds=matter.complete_seconds),
                legs=legs,
                quantity=quantity,
                limit_price=limit,
                naked=bare,
            )
    if matter.policy is ImbalancePolicy.UNWIND or (bare and matter.policy is not ImbalancePolicy.ASK):
        return LegsDecision(action=LegsAction.UNWIND, naked=bare)
    return LegsDecision(action=LegsAction.ASK, naked=bare)


def completing_order(position: Position, floor: Price | None) -> tuple[tuple[Leg, ...], int, Price] | None:
    """Return the legs that would make loose ones whole, how many of it, and the worst price that was approved.

    Only legs that our own opening order left alone are completed: of the others nobody knows what they belong to.
    """
    alone = contracts_of(position.loose)
    if floor is None or not alone or any(one.cause != ALONE for one in position.loose):
        return None
    ratios = {leg.contract: leg.ratio for leg in position.legs}
    if any(number * ratios.get(contract, 0) <= 0 for contract, number in alone.items()):
        return None
    structures = max(-(-abs(number) // abs(ratios[contract])) for contract, number in alone.items())
    missing = {one: ratio * structures - alone.get(one, 0) for one, ratio in ratios.items()}
    missing = {one: number for one, number in missing.items() if number}
    common = gcd(*missing.values())
    got = sum((one.price * -one.quantity for one in position.loose), Price(0))
    limit = (floor * structures - got) / common
    legs = tuple(Leg(contract=one, ratio=number // common) for one, number in missing.items())
    return legs, common, limit.to_tick(Decimal("0.01"), favor_us=True)


def first_to_unwind(loose: Iterable[Loose]) -> tuple[Leg, int] | None:
    """Return the loose leg to be taken back first, as held, and its contracts: those without cover go first."""
    held = contracts_of(loose)
    bare = naked(held)
    order = sorted(held, key=lambda one: (one not in bare, held[one] > 0, one.right is not Right.CALL, one.occ_symbol))
    if not order:
        return None
    number = held[order[0]]
    return Leg(contract=order[0], ratio=1 if number > 0 else -1), abs(number)


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Contracts that somebody holds or is opening."""

    name: str  # of the position, or of the order that opens it
    contracts: Mapping[OptionContract, int]
    loose: bool = False  # some of it stands alone


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """Why an order may not be opened beside what others hold."""

    holder: str
    contract: OptionContract | None = None  # which would net; None = the holder has legs that stand alone
    there: int = 0
    alternative: str = ""  # the nearest contract that nobody holds on the other side


def find_conflict(legs: Sequence[Leg], holders: Sequence[Holder], strikes: Sequence[Decimal] = ()) -> Conflict | None:
    """Return the first leg that would net against what another holds or opens; on the same side nothing is wrong."""
    for leg in legs:
        against = next((one for one in holders if one.contracts.get(leg.contract, 0) * leg.ratio < 0), None)
        if against is not None:
            there = against.contracts[leg.contract]
            other = _nearest_free(leg, legs, holders, strikes)
            return Conflict(holder=against.name, contract=leg.contract, there=there, alternative=other)
    alone = next((one for one in holders if one.loose), None)
    return None if alone is None else Conflict(holder=alone.name)


def _nearest_free(leg: Leg, legs: Sequence[Leg], holders: Sequence[Holder], strikes: Sequence[Decimal]) -> str:
    contract = leg.contract
    taken = {
        one.strike
        for holder in holders
        for one, number in holder.contracts.items()
        if number * leg.ratio < 0 and _is_beside(one, contract)
    }
    taken |= {one.contract.strike for one in legs if _is_beside(one.contract, contract)}
    free = [strike for strike in strikes if strike not in taken]
    if not free:
        return ""
    nearest = min(free, key=lambda strike: (abs(strike - contract.strike), strike))
    return f"{contract.root} {contract.expires_on} {contract.right} {nearest.normalize():f}"


def _is_beside(one: OptionContract, other: OptionContract) -> bool:
    return (one.root, one.expires_on, one.right) == (other.root, other.expires_on, other.right)


def _covers(bought: OptionContract, sold: OptionContract) -> bool:
    same = (bought.underlying, bought.right, bought.multiplier) == (sold.underlying, sold.right, sold.multiplier)
    return same and bought.expires_on >= sold.expires_on


def _life(contract: OptionContract) -> tuple[object, str]:
    return contract.expires_on, contract.occ_symbol
