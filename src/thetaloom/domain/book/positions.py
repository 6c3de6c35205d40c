"""A position: what one run holds in one account, as spreads with the lots their opening fills left."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from math import gcd
from types import MappingProxyType

from thetaloom.domain.book.fills import Fill, LegFill
from thetaloom.domain.book.spreads import Executions, Loose, ShareLot, Spread, netted, netted_shares, whole_spread
from thetaloom.domain.book.spreads import Lot as Lot
from thetaloom.domain.strategy.structures import Leg
from thetaloom.domain.values.ids import AccountId, PositionId, RunId, StrategyId, UserId
from thetaloom.domain.values.instruments import OptionContract
from thetaloom.domain.values.money import NOTHING, Money, Price
from thetaloom.errors import InvalidInput, OverfillError

ITSELF = PositionId("")  # of a position that starts a chain
NONE_KEPT: Mapping[str, int] = MappingProxyType({})
ALONE = "fill"  # cause of a loose leg: an execution of our order that came without the others
BEYOND_HELD = "beyond_held"  # closed at the broker beyond what was held: the reverse of it


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """A structure held: its spreads, and legs that belong to no whole spread any more."""

    id: PositionId
    run_id: RunId
    user_id: UserId
    account_id: AccountId
    strategy_id: StrategyId
    symbol: str
    legs: tuple[Leg, ...]  # of the structure as ordered: a bought leg has a positive ratio
    spreads: tuple[Spread, ...] = ()
    loose: tuple[Loose, ...] = ()
    shares: tuple[ShareLot, ...] = ()
    opened_quantity: int = 0  # whole structures ever opened
    realized: Money = NOTHING  # profit and loss of what is closed, spreads and loose legs, before fees
    fees: Money = NOTHING  # all fees so far, negative
    opened_at: datetime
    closed_at: datetime | None = None
    exits_fired: tuple[int, ...] = ()  # indices of the partial exit rules that have had their turn
    keep_asked: Mapping[str, int] | None = None  # spreads that a person's partial close leaves, by name
    endings: tuple[str, ...] = ()  # kinds of the transactions that ended contracts of it without an order
    ended_as: str = ""  # how it ended where that is not simply closed: expired, rolled, adjusted, busted
    rolled_from: PositionId | None = None
    chain_id: PositionId = ITSELF  # the first position of a chain of rolls
    version: int = 0

    def __post_init__(self) -> None:
        if len({leg.contract.multiplier for leg in self.legs}) != 1:
            raise InvalidInput(f"{self.id} needs at least one leg, and all legs with one multiplier")
        if not self.chain_id:
            object.__setattr__(self, "chain_id", self.id)
        if not self.spreads:
            object.__setattr__(self, "spreads", (whole_spread(self.legs),))

    @property
    def lots(self) -> tuple[Lot, ...]:
        """All lots still held, spread by spread."""
        return tuple(lot for spread in self.spreads for lot in spread.lots)

    @property
    def held(self) -> dict[OptionContract, int]:
        """Contracts held, spreads and loose legs together, sold negative; none where they cancel."""
        held: Counter[OptionContract] = Counter()
        for spread in self.spreads:
            for leg in spread.legs:
                held[leg.contract] += leg.ratio * spread.quantity
        for one in self.loose:
            held[one.contract] += one.quantity
        return {contract: quantity for contract, quantity in held.items() if quantity}

    @property
    def contracts_held(self) -> tuple[OptionContract, ...]:
        """The contracts of all spreads and loose legs still held, also where bought and sold ones cancel."""
        of_spreads = (leg.contract for spread in self.spreads if spread.lots for leg in spread.legs)
        return tuple(dict.fromkeys((*of_spreads, *(one.contract for one in self.loose))))

    @property
    def held_legs(self) -> tuple[Leg, ...]:
        """What the spreads still hold, net and in lowest terms; ``quantity`` says how many of it."""
        return self._units(self._by_spread())[0]

    @property
    def quantity(self) -> int:
        """Units of ``held_legs`` still held; of a position without parts these are structures."""
        return self._units(self._by_spread())[1]

    @property
    def is_open(self) -> bool:
        """Whether any contract is still held, or shares that contracts turned into."""
        return self.holds_contracts or bool(self.shares)

    @property
    def holds_contracts(self) -> bool:
        """Whether any contract is still held."""
        return any(spread.lots for spread in self.spreads) or bool(self.loose)

    @property
    def multiplier(self) -> int:
        """Shares per contract; the same for all legs."""
        return self.legs[0].contract.multiplier

    @property
    def entry_price(self) -> Price:
        """Average net price per share of one unit of ``held_legs``, credit positive."""
        quantity = self.quantity
        if not quantity:
            raise InvalidInput(f"{self.id} holds nothing and has no entry price")
        return sum((lot.price * lot.quantity for lot in self.lots), Price(0)) / quantity

    @property
    def realized_pnl(self) -> Money:
        """Profit and loss of what is closed, after all fees so far."""
        return self.realized + self.fees

    def unrealized_pnl(self, close_price: Price) -> Money:
        """Profit and loss if the spreads were closed at ``close_price`` a unit, negative when closing costs."""
        premium = sum((spread.premium for spread in self.spreads), NOTHING)
        return premium + close_price.times(self.multiplier, self.quantity)

    def spread(self, name: str) -> Spread | None:
        """Return the spread of this name."""
        return next((spread for spread in self.spreads if spread.name == name), None)

    def share(self, quantity: int, keep: Mapping[str, int] = NONE_KEPT) -> dict[str, int]:
        """Return which spreads go with ``quantity`` units of what closes until ``keep`` is left.

        In proportion, and what does not divide from the first spreads first.
        """
        by_spread = self.leaving(keep)
        legs, held = self._units(by_spread)
        if quantity >= held:
            return by_spread
        part = {name: number * quantity // held for name, number in by_spread.items()}
        wanted = {leg.contract: leg.ratio * quantity for leg in legs}
        for spread in self.spreads:
            while part.get(spread.name, 0) < by_spread.get(spread.name, 0):
                more = part | {spread.name: part[spread.name] + 1}
                if not _within(self._contracts(more), wanted):
                    break
                part = more
        return {name: number for name, number in part.items() if number}

    def closing(self, keep: Mapping[str, int]) -> tuple[tuple[Leg, ...], int]:
        """Return the legs, as held, and the quantity of one order that leaves ``keep`` of the spreads."""
        return self._units(self.leaving(keep))

    def leaving(self, keep: Mapping[str, int]) -> dict[str, int]:
        """Return how many of each spread must go until only ``keep`` is left."""
        going = {spread.name: spread.quantity - keep.get(spread.name, 0) for spread in self.spreads}
        return {name: number for name, number in going.items() if number > 0}

    def keeping(self, quantity: int) -> dict[str, int]:
        """Return what stays of each spread when ``quantity`` units of ``held_legs`` are closed."""
        going = self.share(quantity)
        return {one.name: one.quantity - going.get(one.name, 0) for one in self.spreads}

    def loose_units(self) -> tuple[tuple[Leg, ...], int]:
        """Return the loose legs in lowest terms, and how many of it; none where nothing is loose."""
        net: Counter[OptionContract] = Counter()
        for one in self.loose:
            net[one.contract] += one.quantity
        common = gcd(*net.values())
        return tuple(Leg(contract=one, ratio=number // common) for one, number in net.items() if number), common

    def at_risk(self) -> tuple[tuple[Leg, ...], int, Price]:
        """Return all that is held, loose legs too, in units, how many, and the net price that one was opened at."""
        if not self.loose:
            quantity = self.quantity
            return self.held_legs, quantity, self.entry_price if quantity else Price(0)
        held = self.held
        common = gcd(*held.values())
        premium = sum((one.premium for one in self.spreads), sum((one.premium for one in self.loose), NOTHING))
        legs = tuple(Leg(contract=contract, ratio=number // common) for contract, number in held.items())
        return legs, common, Price(Decimal(premium) / (self.multiplier * common)) if common else Price(0)

    def with_open_fill(self, fill: Fill) -> "Position":
        """Return the position after an opening fill; legs that make up no whole spread stay loose."""
        spreads, loose, gain = list(self.spreads), list(self.loose), NOTHING
        if not fill.legs:
            for index, price in enumerate(_split(fill.price, spreads)):
                spreads[index] = spreads[index].opened(_lot(fill, spreads[index].units * fill.quantity, price))
        else:
            alone = [one for one in loose if one.cause == ALONE]
            unmatched, gain = netted((*alone, *_pieces(fill, ALONE)))
            pool = Executions(unmatched)
            whole = self._as_whole(fill, opens=True) and not alone
            for most in (True, False):
                for index, spread in enumerate(spreads):
                    fits = pool.fits(spread.legs)
                    number = min(fits, spread.units * fill.quantity) if most else fits
                    for each, prices, net in pool.take(spread.legs, number):
                        lot = _lot(fill, each, fill.price if whole else net, prices)
                        spreads[index] = spreads[index].opened(lot)
            loose = [one for one in loose if one.cause != ALONE] + pool.rest()
        kept, more = netted(loose)
        after = replace(
            self,
            spreads=tuple(spreads),
            loose=kept,
            opened_quantity=min(spread.opened_quantity // spread.units for spread in spreads),
            realized=self.realized + gain + more,
            fees=self.fees + fill.fees,
            closed_at=None,
        )
        return after._closed_where_empty(fill.filled_at)  # it may have brought no more than legs that were missing

    def with_close_fill(
        self, fill: Fill, part: str = "", *, keep: Mapping[str, int] = NONE_KEPT, cause: str = ALONE
    ) -> "Position":
        """Return the position after a closing fill of the spread ``part``, or of all but ``keep`` in proportion.

        The oldest lots go first. Contracts that fit no whole spread break one: its other legs stay, loose.
        """
        named = self.spread(part)
        spreads = {spread.name: spread for spread in self.spreads}
        shares = self._wanted(fill, named, keep)
        loose = list(self.loose)
        if not fill.legs:
            held = self.quantity if named is None else named.quantity
            if fill.quantity > held:
                raise OverfillError(fill.client_order_id, fill.quantity, held)
            chosen = [spreads[name] for name in shares]
            for spread, price in zip(chosen, _split(fill.price, chosen, shares, fill.quantity), strict=True):
                spreads[spread.name] = spread.closed(shares[spread.name], price)
        else:
            pool = Executions(netted(_pieces(fill, cause))[0])
            whole, before = self._as_whole(fill, opens=False), {one.name: one.quantity for one in self.spreads}
            for wanted in (shares, self.leaving(keep), self._by_spread()):
                for name, number in wanted.items():
                    spread = spreads[name]
                    legs = tuple(Leg(contract=leg.contract, ratio=-leg.ratio) for leg in spread.legs)
                    still = number - before[name] + spread.quantity
                    for each, _, net in pool.take(legs, max(0, min(still, spread.quantity, pool.fits(legs)))):
                        spreads[name] = spreads[name].closed(each, fill.price if whole else net)
            loose += _broken(spreads, loose, pool.rest())
        kept, gain = netted(loose)
        after = tuple(spreads.values())
        gained = sum((now.realized - before.realized for now, before in zip(after, self.spreads, strict=True)), gain)
        left = replace(
            self,
            spreads=after,
            loose=kept,
            realized=self.realized + gained,
            fees=self.fees + fill.fees,
            closed_at=None,
        )
        return left._closed_where_empty(fill.filled_at)

    def with_shares(self, lot: ShareLot) -> "Position":
        """Return the position with shares that came or went; bought and sold ones cancel, the oldest first."""
        kept, gain = netted_shares((*self.shares, lot))
        after = replace(self, shares=kept, realized=self.realized + gain, closed_at=None)
        return after if after.is_open else replace(after, closed_at=lot.since)

    def opened_at_price(self, contract: OptionContract) -> Price:
        """Return the average price of one contract that is held; zero of one that is not."""
        done = [
            (price, lot.quantity * abs(leg.ratio))
            for spread in self.spreads
            for lot in spread.lots
            for leg, price in zip(spread.legs, spread.paid(lot), strict=True)
            if leg.contract == contract
        ]
        done += [(one.price, abs(one.quantity)) for one in self.loose if one.contract == contract]
        count = sum(number for _, number in done)
        return sum((price * number for price, number in done), Price(0)) / count if count else Price(0)

    @property
    def shares_held(self) -> int:
        """Shares that contracts of the position turned into, sold short negative."""
        return sum(lot.quantity for lot in self.shares)

    def shares_pnl(self, spot: Price) -> Money:
        """Profit and loss of the shares if they were traded away at ``spot``."""
        return sum(((spot - lot.price).times(lot.quantity) for lot in self.shares), NOTHING)

    def _closed_where_empty(self, at: datetime) -> "Position":
        return self if self.is_open else replace(self, closed_at=at)

    def _by_spread(self) -> dict[str, int]:
        return {spread.name: quantity for spread in self.spreads if (quantity := spread.quantity)}

    def _contracts(self, by_spread: Mapping[str, int]) -> dict[OptionContract, int]:
        net: Counter[OptionContract] = Counter()
        for spread in self.spreads:
            number = by_spread.get(spread.name, 0)
            for leg in spread.legs if number else ():
                net[leg.contract] += leg.ratio * number
        return {contract: quantity for contract, quantity in net.items() if quantity}

    def _units(self, by_spread: Mapping[str, int]) -> tuple[tuple[Leg, ...], int]:
        if len(self.spreads) == 1:
            (spread,) = self.spreads
            number = by_spread.get(spread.name, 0)
            return (spread.legs, number) if number else ((), 0)
        net = self._contracts(by_spread)
        if not net:
            return (), 0
        whole = {leg.contract: leg.ratio for leg in self.legs}
        times = {divmod(net[contract], ratio) for contract, ratio in whole.items() if contract in net}
        if net.keys() == whole.keys() and len(times) == 1 and (once := times.pop())[1] == 0 and once[0] > 0:
            return self.legs, once[0]  # whole structures
        common = gcd(*net.values())
        order = [*(one for one in whole if one in net), *(one for one in net if one not in whole)]
        return tuple(Leg(contract=one, ratio=net[one] // common) for one in order), common

    def _wanted(self, fill: Fill, named: Spread | None, keep: Mapping[str, int]) -> dict[str, int]:
        if named is not None:
            return {named.name: min(named.quantity, fill.quantity)}
        legs, _ = self.closing(keep)
        done = {leg.contract: leg.quantity for leg in fill.legs}
        if fill.legs and done != {leg.contract: -leg.ratio * fill.quantity for leg in legs}:
            return {}
        return self.share(fill.quantity, keep)

    def _as_whole(self, fill: Fill, *, opens: bool) -> bool:
        # Of a position in one piece the net price is what was agreed; what it is said to be of legs is only told.
        if len(self.spreads) > 1:
            return False
        sign = 1 if opens else -1
        done: Counter[OptionContract] = Counter()
        for leg in fill.legs:
            done[leg.contract] += leg.quantity
        within = opens or fill.quantity <= self.spreads[0].quantity
        return within and done == {leg.contract: sign * leg.ratio * fill.quantity for leg in self.spreads[0].legs}


def _lot(fill: Fill, quantity: int, price: Price, leg_prices: tuple[Price, ...] = ()) -> Lot:
    return Lot(fill_id=fill.fill_id, quantity=quantity, price=price, opened_at=fill.filled_at, leg_prices=leg_prices)


def _pieces(fill: Fill, cause: str) -> list[Loose]:
    def piece(leg: LegFill) -> Loose:
        return Loose(contract=leg.contract, quantity=leg.quantity, price=leg.price, since=fill.filled_at, cause=cause)

    return [piece(leg) for leg in fill.legs]


def _broken(spreads: dict[str, Spread], loose: Iterable[Loose], rest: Iterable[Loose]) -> list[Loose]:
    """Break spreads, in place, until they give up what ``rest`` takes from them; return what is loose then."""
    free: Counter[OptionContract] = Counter()
    for one in loose:
        free[one.contract] += one.quantity
    found: list[Loose] = []
    for piece in rest:
        sign = 1 if piece.quantity > 0 else -1
        missing = abs(piece.quantity) - max(0, -sign * free[piece.contract])
        free[piece.contract] += piece.quantity
        while missing > 0 and (name := _holder(spreads, piece.contract, -sign)) is not None:
            spreads[name], legs = spreads[name].broken()
            found += legs
            for leg in legs:
                free[leg.contract] += leg.quantity
                missing -= abs(leg.quantity) if leg.contract == piece.contract else 0
        found.append(piece)
    return found


def _holder(spreads: Mapping[str, Spread], contract: OptionContract, sign: int) -> str | None:
    for name, spread in spreads.items():
        if spread.lots and any(leg.contract == contract and leg.ratio * sign > 0 for leg in spread.legs):
            return name
    return None


def _within(part: Mapping[OptionContract, int], whole: Mapping[OptionContract, int]) -> bool:
    return all(
        contract in whole and number * whole[contract] > 0 and abs(number) <= abs(whole[contract])
        for contract, number in part.items()
    )


def _split(
    net: Price, spreads: list[Spread], numbers: Mapping[str, int] | None = None, quantity: int = 1
) -> list[Price]:
    # A broker that names no leg prices: each spread gets a part of the net price by its contracts, to the
    # ten-thousandth, and the last one what is left.
    total = net * quantity
    counts = [spread.units if numbers is None else numbers[spread.name] for spread in spreads]
    sizes = [count * sum(abs(leg.ratio) for leg in spread.legs) for spread, count in zip(spreads, counts, strict=True)]
    prices: list[Price] = []
    for index, count in enumerate(counts):
        share = total if index == len(counts) - 1 else total * sizes[index] / sum(sizes[index:])
        price = share / count
        if index < len(counts) - 1:
            price = Price(round(price, 4))
        prices.append(price)
        total -= price * count
    return prices
