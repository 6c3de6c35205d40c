"""Trades that were not ours: whose contracts they closed, what they left behind, and what a person is asked.

An account may hold contracts of several of our positions and of nobody of ours. A trade made elsewhere is booked to
a position only where no other explanation of it exists; everything else becomes a finding that waits for a person.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from math import gcd

from thetaloom.domain.book.fills import Fill, LegFill
from thetaloom.domain.book.positions import Position
from thetaloom.domain.book.transactions import Transaction
from thetaloom.domain.values.ids import AccountId, FillId, PositionId, UserId, make_client_order_id
from thetaloom.domain.values.instruments import OptionContract
from thetaloom.domain.values.money import NOTHING, Money, Price
from thetaloom.domain.values.reasons import Answer, Reason, Verdict
from thetaloom.errors import InvariantError

LEG_DIGITS_MAX = 2  # of the number of a leg in a transaction's id
ELSEWHERE = "elsewhere"  # cause of legs that a trade made elsewhere left alone

Contracts = Mapping[OptionContract, int]


class FindingKind(StrEnum):
    """What a reconciliation found and does not decide by itself."""

    UNKNOWN_HOLDING = "unknown_holding"  # contracts at the broker that no position of ours explains
    WHOSE_CLOSE = "whose_close"  # contracts went that several positions could have lost
    ORPHAN_ORDER = "orphan_order"  # an order works at the broker that is not ours
    SETTLEMENT = "settlement"  # assigned, exercised or expired at the broker, and not yet in our books
    CONTRACTS_DIFFER = "contracts_differ"  # holdings, transactions and our positions do not fit together
    CASH_DIFFERS = "cash_differs"  # the balance is not the sum of the transactions
    ORDER_DIFFERS = "order_differs"  # the broker's books know less, or more, of an order of ours than anybody told
    PNL_DIFFERS = "pnl_differs"  # a closed position's profit is not the sum of its transactions


class FindingStatus(StrEnum):
    """What became of a finding."""

    WAITING = "waiting"  # for a person, or for the difference to go away
    IGNORED = "ignored"  # a person said that it is none of ours; it still explains what the broker holds
    ADOPTED = "adopted"  # a position was made of it
    ASSIGNED = "assigned"  # a person said whose close it was
    GONE = "gone"  # the difference is no more


STANDING = frozenset({FindingStatus.WAITING, FindingStatus.IGNORED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One difference between the broker's books and ours, kept until it is settled."""

    id: str
    user_id: UserId
    account_id: AccountId
    kind: FindingKind
    key: str  # what it is about; one stands at a time
    symbol: str = ""
    text: str  # in words, with the numbers
    legs: tuple[LegFill, ...] = ()  # contracts as they moved; bought positive, sold negative
    prices_known: bool = True
    fees: Money = NOTHING
    candidates: tuple[str, ...] = ()  # positions that could have lost the contracts
    order: str = ""  # the broker's id of an order
    status: FindingStatus = FindingStatus.WAITING
    found_at: datetime
    settled_at: datetime | None = None
    settled_as: str = ""  # in words: by whom, or into which position

    @property
    def contracts(self) -> dict[OptionContract, int]:
        """Contracts that it explains, net."""
        return net_of(self.legs)

    @property
    def stands(self) -> bool:
        """Whether it still explains a difference."""
        return self.status in STANDING

    def without(self, taken: Contracts) -> "Finding":
        """Return the finding with contracts taken off, the oldest execution first; nothing left is no finding."""
        legs, left = [], dict(taken)
        for leg in self.legs:
            off = left.get(leg.contract, 0)
            if off * leg.quantity >= 0:
                legs.append(leg)
                continue
            now = min(abs(off), abs(leg.quantity)) * (1 if off > 0 else -1)
            left[leg.contract] = off - now
            if leg.quantity + now:
                legs.append(replace(leg, quantity=leg.quantity + now))
        return replace(self, legs=tuple(legs))


@dataclass(frozen=True, slots=True, kw_only=True)
class OutsideTrade:
    """One trade of the account that no order of ours made, as its transactions tell it."""

    name: str
    happened_at: datetime
    legs: tuple[LegFill, ...]
    fees: Money
    transactions: tuple[str, ...]  # their ids

    @property
    def contracts(self) -> dict[OptionContract, int]:
        """What moved, net."""
        return net_of(self.legs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Somebody who holds contracts: a position of ours, or a finding."""

    id: str
    legs: tuple[LegFill, ...]  # at any price: only the contracts count

    @property
    def held(self) -> dict[OptionContract, int]:
        """Contracts held, net."""
        return net_of(self.legs)


@dataclass(frozen=True, slots=True, kw_only=True)
class ElsewhereInputs:
    """A trade made elsewhere, the position that it is booked to, and everybody who could have lost contracts."""

    trade: OutsideTrade
    position: Position
    holders: tuple[Holder, ...]
    assigned_by: str = ""  # the person who said whose it was, where the books could not


@dataclass(frozen=True, slots=True, kw_only=True)
class ElsewhereOutput:
    """The position after the trade."""

    verdict: Verdict
    position: Position
    fill: Fill


def net_of(legs: Iterable[LegFill]) -> dict[OptionContract, int]:
    """Return the contracts of executions, net; none where they cancel."""
    net: dict[OptionContract, int] = {}
    for leg in legs:
        net[leg.contract] = net.get(leg.contract, 0) + leg.quantity
    return {contract: quantity for contract, quantity in net.items() if quantity}


def holder_of(position: Position) -> Holder:
    """Return a position as somebody who holds contracts."""
    legs = (LegFill(contract=one, quantity=number, price=Price(0)) for one, number in position.held.items())
    return Holder(id=position.id, legs=tuple(legs))


def trade_name(transaction: Transaction) -> str:
    """Return what the transactions of one trade share: their id without the number of the leg."""
    name, mark, number = transaction.transaction_id.rpartition("-")
    is_leg = bool(mark) and number.isdigit() and len(number) <= LEG_DIGITS_MAX  # a UUID may end in twelve digits, too
    return name if is_leg else transaction.transaction_id


def trades_of(transactions: Iterable[Transaction]) -> tuple[OutsideTrade, ...]:
    """Put the transactions of contracts together to trades, the oldest first."""
    by_name: dict[str, list[Transaction]] = {}
    for one in transactions:
        by_name.setdefault(trade_name(one), []).append(one)
    return tuple(
        OutsideTrade(
            name=name,
            happened_at=max(one.happened_at for one in group),
            legs=tuple(leg for one in group if (leg := leg_of(one)) is not None),
            fees=sum((one.fees for one in group), NOTHING),
            transactions=tuple(one.transaction_id for one in group),
        )
        for name, group in by_name.items()
    )


def leg_of(transaction: Transaction) -> LegFill | None:
    """Return a transaction as the execution of a leg; ``None`` where no contract moved."""
    if transaction.contract is None:
        return None
    price = transaction.price or Price(0)
    return LegFill(contract=transaction.contract, quantity=transaction.quantity, price=price)


def closing_part(moved: Contracts, held: Contracts) -> dict[OptionContract, int]:
    """Return what of a trade takes down what is held in all; the rest builds something."""
    closing = {}
    for contract, quantity in moved.items():
        there = held.get(contract, 0)
        if there * quantity < 0:
            closing[contract] = min(abs(quantity), abs(there)) * (1 if quantity > 0 else -1)
    return closing


def shares_of(closing: Contracts, holders: Sequence[Holder]) -> dict[str, dict[OptionContract, int]] | None:
    """Say whose contracts a trade took, by the holders' ids; ``None`` where more than one answer fits."""
    if not closing:
        return {}
    able = [one for one in holders if _could_lose(one, closing)]
    if len(able) == 1 and not _shared(closing, holders, able[0]):
        return {able[0].id: dict(closing)}
    found: dict[str, dict[OptionContract, int]] = {}
    for contract, quantity in closing.items():
        mine = [one for one in holders if one.held.get(contract, 0) * quantity < 0]
        if sum(one.held[contract] for one in mine) == -quantity:  # all of it went, whoever held it
            for one in mine:
                found.setdefault(one.id, {})[contract] = -one.held[contract]
            continue
        fits = [one for one in mine if abs(one.held[contract]) >= abs(quantity)]
        if len(mine) != 1 or not fits:
            return _of_the_one_able(closing, able, holders)
        found.setdefault(mine[0].id, {})[contract] = quantity
    return found


def _of_the_one_able(
    closing: Contracts, able: Sequence[Holder], holders: Sequence[Holder]
) -> dict[str, dict[OptionContract, int]] | None:
    # Others hold some of these contracts, but only one of them all: a trade of several legs was that one's.
    whole = [one for one in holders if all(one.held.get(leg, 0) * moved < 0 for leg, moved in closing.items())]
    return {able[0].id: dict(closing)} if len(closing) > 1 and len(able) == 1 and whole == able else None


def _could_lose(holder: Holder, closing: Contracts) -> bool:
    held = holder.held
    return all(
        held.get(contract, 0) * quantity < 0 and abs(held[contract]) >= abs(quantity)
        for contract, quantity in closing.items()
    )


def _shared(closing: Contracts, holders: Sequence[Holder], but: Holder) -> bool:
    return any(
        one.held.get(contract, 0) * quantity < 0
        for one in holders
        if one is not but
        for contract, quantity in closing.items()
    )


def part_of_trade(trade: OutsideTrade, taken: Contracts) -> tuple[tuple[LegFill, ...], Money]:
    """Return the executions that make up ``taken`` of a trade, and their share of the fees to the cent."""
    legs, left = [], dict(taken)
    for leg in trade.legs:
        want = left.get(leg.contract, 0)
        if want * leg.quantity <= 0:
            continue
        now = min(abs(want), abs(leg.quantity)) * (1 if want > 0 else -1)
        left[leg.contract] = want - now
        legs.append(replace(leg, quantity=now))
    whole, part = (sum(abs(leg.quantity) for leg in one) for one in (trade.legs, legs))
    fees = trade.fees if part == whole else (trade.fees * part / whole).to_cents() if whole else NOTHING
    return tuple(legs), fees


def elsewhere_fill(trade: OutsideTrade, position: Position, taken: Contracts) -> Fill:
    """Return the part of a trade that closed contracts of a position, as a fill of it."""
    legs, fees = part_of_trade(trade, taken)
    units, quantity = _units_of(position, net_of(legs))
    cash = sum((leg.price * -leg.quantity for leg in legs), Price(0))
    return Fill(
        fill_id=FillId(f"{ELSEWHERE}-{trade.name}"),
        client_order_id=make_client_order_id(position.run_id, ELSEWHERE, 1, trade.name),
        quantity=quantity,
        price=cash / quantity if units else cash,
        fees=fees,
        filled_at=trade.happened_at,
        legs=legs,
    )


def _units_of(position: Position, moved: Contracts) -> tuple[bool, int]:
    units = {leg.contract: leg.ratio for leg in position.held_legs}
    if not units or moved.keys() != units.keys():
        return False, 1
    first, ratio = next(iter(units.items()))
    once = -moved[first] // ratio
    whole = once > 0 and all(-moved[one] == number * once for one, number in units.items())
    return (True, once) if whole else (False, 1)


def decide_elsewhere(given: ElsewhereInputs) -> ElsewhereOutput:
    """Book a trade made elsewhere to the one position whose contracts it closed."""
    position, trade = given.position, given.trade
    held: dict[OptionContract, int] = {}
    for holder in given.holders:
        for contract, quantity in holder.held.items():
            held[contract] = held.get(contract, 0) + quantity
    closing = closing_part(trade.contracts, held)
    if given.assigned_by:
        taken = closing_part(closing, position.held)
    else:
        ours = {leg for one in given.holders if position_ids([one.id]) for leg in one.held}
        closing = {leg: number for leg, number in closing.items() if leg in ours}
        taken = (shares_of(closing, given.holders) or {}).get(position.id, {})
    if not taken:
        raise InvariantError(f"{trade.name} took nothing of {position.id}")
    fill = elsewhere_fill(trade, position, taken)
    after = position.with_close_fill(fill, cause=ELSEWHERE)
    facts = {"trade": trade.name, "legs": legs_in_words(taken)}
    return ElsewhereOutput(
        verdict=Verdict(answer=Answer.ALLOW, reason=Reason.CLOSED_ELSEWHERE, facts=facts), position=after, fill=fill
    )


def legs_in_words(contracts: Contracts) -> str:
    """Return contracts as text, bought positive."""
    ordered = sorted(contracts.items(), key=lambda pair: pair[0].occ_symbol)
    return ", ".join(f"{quantity:+d} {contract.notation}" for contract, quantity in ordered)


def units_in(contracts: Contracts) -> int:
    """Return how many structures contracts make: their greatest common divisor."""
    return gcd(*contracts.values()) or 1


def candidates_of(closing: Contracts, holders: Sequence[Holder]) -> tuple[str, ...]:
    """Return everybody who could have lost some of the contracts."""
    return tuple(
        holder.id
        for holder in holders
        if any(holder.held.get(contract, 0) * quantity < 0 for contract, quantity in closing.items())
    )


def position_ids(candidates: Iterable[str]) -> tuple[PositionId, ...]:
    """Return those of the candidates that are positions."""
    return tuple(PositionId(one) for one in candidates if one.startswith("pos-"))
