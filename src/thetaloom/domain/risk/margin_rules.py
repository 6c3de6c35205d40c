"""The margin rules: what each position and each permitted pairing of positions must secure, per share.

Sources, cited at each rule: FINRA Rule 4210 (short "4210"), Cboe Rule 10.3 with Cboe's margin manual and its table
of strategy-based margin, and Regulation T (12 CFR 220.12). All amounts are those before any premium: what was
received for an option sold, or paid for one bought, is not counted here. The least equity of $2,000 of
4210(b)(4) is the account's and not a position's; it is not counted either. Brokers may ask for more.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from thetaloom.domain.values.instruments import INDEX_ROOTS, STRIKE_STEP, OptionContract, Right, Settlement
from thetaloom.domain.values.money import Money, Price
from thetaloom.errors import InvalidInput

PERCENT_EQUITY = Decimal("0.20")
PERCENT_BROAD_INDEX = Decimal("0.15")
PERCENT_LEAST = Decimal("0.10")  # of the underlying for calls, of the strike for puts
STOCK_INITIAL = Decimal("0.50")
LONG_STOCK_MAINTENANCE = Decimal("0.25")
SHORT_STOCK_MAINTENANCE = Decimal("0.30")
SHORT_STOCK_LEAST = Decimal(5)  # dollars a share
LOW_PRICE = Decimal(5)  # below it a short share is a low-priced one
LOW_PRICE_LEAST = Decimal("2.50")
HEDGED_STOCK = Decimal("0.10")  # of the strike that hedges it
VOLATILITY_INDICES = frozenset({"VIX"})  # margined like equities
ZERO = Decimal(0)


class AccountKind(StrEnum):
    """Whether the broker may lend."""

    MARGIN = "margin"
    CASH = "cash"


class UnderlyingKind(StrEnum):
    """What the options are on, as far as the percentage of an uncovered short depends on it."""

    EQUITY = "equity"
    ETF = "etf"
    INDEX = "index"  # narrow-based or of volatility
    BROAD_INDEX = "broad_index"


@dataclass(frozen=True, slots=True, kw_only=True)
class Underlying:
    """What a group of positions is on, and its price now."""

    symbol: str
    price: Price
    kind: UnderlyingKind

    def __post_init__(self) -> None:
        if self.price <= 0:
            raise InvalidInput(f"{self.symbol}: a price of {self.price} is not above zero")


@dataclass(frozen=True, slots=True, kw_only=True)
class MarginLeg:
    """Contracts of one series, bought positive, at what one share's worth of the option is worth now."""

    contract: OptionContract
    quantity: int
    price: Price

    def __post_init__(self) -> None:
        if type(self.quantity) is not int or self.quantity == 0 or self.price < 0:
            raise InvalidInput(f"{self.contract.notation}: needs a quantity other than zero and no price below zero")


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """Everything held on one underlying."""

    underlying: Underlying
    legs: tuple[MarginLeg, ...] = ()
    shares: int = 0  # bought positive

    def __post_init__(self) -> None:
        if self.shares and self.underlying.symbol in INDEX_ROOTS:
            raise InvalidInput(f"{self.underlying.symbol} is an index and has no shares")


class Requirement(NamedTuple):
    """What must be secured when a position is opened, and while it is held."""

    initial: Decimal
    maintenance: Decimal


NOTHING = Requirement(ZERO, ZERO)


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedStructure:
    """Legs that are margined together, under the name of what they are."""

    name: str
    symbol: str
    legs: tuple[MarginLeg, ...]
    shares: int
    initial: Money
    maintenance: Money


def kind_of(contract: OptionContract) -> UnderlyingKind:
    """Return what a contract's root says its underlying is; indices other than of volatility are broad ones."""
    if not contract.is_index:
        return UnderlyingKind.EQUITY
    return UnderlyingKind.INDEX if contract.underlying in VOLATILITY_INDICES else UnderlyingKind.BROAD_INDEX


def lasts_until(contract: OptionContract) -> tuple[int, bool]:
    """Return what orders contracts by their end; of one date the PM-settled outlast the AM-settled."""
    return contract.expires_on.toordinal(), contract.settlement is Settlement.PM


def intrinsic(contract: OptionContract, underlying: Decimal) -> Decimal:
    """Return what exercising brings per share when the underlying stands at ``underlying``."""
    inside = underlying - contract.strike if contract.right is Right.CALL else contract.strike - underlying
    return max(inside, ZERO)


def out_of_the_money(contract: OptionContract, spot: Decimal) -> Decimal:
    """Return how far the contract is out of the money, per share."""
    outside = contract.strike - spot if contract.right is Right.CALL else spot - contract.strike
    return max(outside, ZERO)


def percentage_amount(contract: OptionContract, spot: Decimal, kind: UnderlyingKind) -> Decimal:
    """Return what an uncovered short must secure above its market value, by 4210(f)(2) and Cboe 10.3(c)(5).

    It is 20 % of the underlying (15 % of a broad-based index) less the amount out of the money, and at least 10 %
    of the underlying for a call or of the strike for a put.
    """
    percent = PERCENT_BROAD_INDEX if kind is UnderlyingKind.BROAD_INDEX else PERCENT_EQUITY
    least = PERCENT_LEAST * (spot if contract.right is Right.CALL else contract.strike)
    return max(percent * spot - out_of_the_money(contract, spot), least)


def spread_loss(legs: Iterable[tuple[OptionContract, int]]) -> Decimal:
    """Return what a spread must secure: the most it can lose by intrinsic values alone, and never less than nothing.

    A spread is longs and shorts of one underlying, style and multiplier, as many longs as shorts of either right,
    no short outlasting a long: the term "spread" of 4210(f)(2)(A)
    and of Cboe 10.3(a) since SR-CBOE-2012-043. With equal
    numbers the loss is flat below the lowest and above the highest strike, so the strikes are all there is to see.
    """
    parts = [
        (int(contract.strike / STRIKE_STEP), contract.right is Right.CALL, quantity * contract.multiplier)
        for contract, quantity in legs
    ]
    worths = (
        sum(max(0, at - strike if is_call else strike - at) * shares for strike, is_call, shares in parts)
        for at in {strike for strike, _, _ in parts}
    )
    return max(0, -min(worths, default=0)) * STRIKE_STEP


def long_stock(spot: Decimal) -> Requirement:
    """Return what a share bought must secure: 50 % by Regulation T 220.12(a), 25 % by 4210(c)(1)."""
    return Requirement(STOCK_INITIAL * spot, LONG_STOCK_MAINTENANCE * spot)


def covered_call(spot: Decimal, call: OptionContract) -> Requirement:
    """Return what a share beside a short call must secure; the call itself needs nothing: 4210(f)(2).

    Held, the share counts for no more than the call's strike.
    """
    return Requirement(STOCK_INITIAL * spot, LONG_STOCK_MAINTENANCE * min(spot, call.strike))


def protective_put(spot: Decimal, put: OptionContract) -> Requirement:
    """Return what a share beside a long put must secure: 4210(f)(2), Cboe 10.3(c)(5).

    Held, the lesser of 10 % of the strike plus the amount out of the money, and 25 % of the share.
    """
    return Requirement(STOCK_INITIAL * spot, min(_hedged(put, spot), LONG_STOCK_MAINTENANCE * spot))


def collar(spot: Decimal, put: OptionContract, call: OptionContract) -> Requirement:
    """Return what a share between a long put and a short call must secure: 4210(f)(2), Cboe 10.3(c)(5).

    Held, the lesser of 10 % of the put's strike plus its amount out of the money, and 25 % of the call's strike.
    """
    return Requirement(STOCK_INITIAL * spot, min(_hedged(put, spot), LONG_STOCK_MAINTENANCE * call.strike))


def conversion(spot: Decimal, put: OptionContract) -> Requirement:
    """Return what a share with a long put and a short call of one strike must secure; held, 10 % of the strike."""
    return Requirement(STOCK_INITIAL * spot, HEDGED_STOCK * put.strike)


def short_stock(spot: Decimal) -> Requirement:
    """Return what a share sold short must secure beyond its proceeds: Regulation T 220.12(c), 4210(c)(2) and (3).

    50 % at first; held, 30 % and at least $5, or below $5 the whole share and at least $2.50.
    """
    return _sold(spot, _short_maintenance(spot))


def covered_put(spot: Decimal, put: OptionContract) -> Requirement:
    """Return what a share sold short beside a short put must secure: as alone, and held the put's amount inside."""
    return _sold(spot, _short_maintenance(spot) + intrinsic(put, spot))


def protective_call(spot: Decimal, call: OptionContract) -> Requirement:
    """Return what a share sold short beside a long call must secure: 4210(f)(2), Cboe 10.3(c)(5).

    Held, the lesser of 10 % of the strike plus the amount out of the money, and what the share alone needs.
    """
    return _sold(spot, min(_hedged(call, spot), _short_maintenance(spot)))


def reversal(spot: Decimal, put: OptionContract) -> Requirement:
    """Return what a share sold short with a long call and a short put of one strike must secure.

    Held, 10 % of the strike plus the put's amount in the money.
    """
    return _sold(spot, HEDGED_STOCK * put.strike + intrinsic(put, spot))


def bought_stock_in_cash(spot: Decimal) -> Requirement:
    """Return what a share bought in a cash account needs: all of its price, Regulation T 220.8(a)."""
    return Requirement(spot, spot)


def premium_of(legs: Sequence[MarginLeg]) -> Money:
    """Return the option cash that opening the legs at their prices brings; paid is negative."""
    return sum((leg.price.times(leg.contract.multiplier, -leg.quantity) for leg in legs), Money(0))


def _hedged(option: OptionContract, spot: Decimal) -> Decimal:
    return HEDGED_STOCK * option.strike + out_of_the_money(option, spot)


def _short_maintenance(spot: Decimal) -> Decimal:
    if spot < LOW_PRICE:
        return max(spot, LOW_PRICE_LEAST)
    return max(SHORT_STOCK_MAINTENANCE * spot, SHORT_STOCK_LEAST)


def _sold(spot: Decimal, maintenance: Decimal) -> Requirement:
    # 4210(b) asks at first for the greater of Regulation T's amount and of what holding needs.
    return Requirement(max(STOCK_INITIAL * spot, maintenance), maintenance)
