"""How likely a sold contract is exercised against us before it expires, and what defends best once it was."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum

from thetaloom.domain.book.positions import Position
from thetaloom.domain.book.transactions import worth_at
from thetaloom.domain.values.instruments import ExerciseStyle, OptionContract, Right
from thetaloom.domain.values.money import Money, Price

POSSIBLE_WITHIN = Price("0.05")  # so near to paying, some exercise
CERTAIN_GAIN = -0.01  # per share; a holder does not miss a dividend for a cent
ALERT_DELTA = Decimal("0.90")
ASSIGNED_EARLY = "assigned_early"  # the cause of its alert
PIN_SHARE = Decimal("0.02")  # of the strike, on the last day


class Likelihood(StrEnum):
    """Of an assignment before the next session."""

    LIKELY = "likely"  # who exercises is better off than who holds
    POSSIBLE = "possible"
    UNLIKELY = "unlikely"
    IMPOSSIBLE = "impossible"  # European: only at expiration
    UNKNOWN = "unknown"


class ExpiryAlert(StrEnum):
    """What a person should know of a sold contract, with what to do about it."""

    advice: str

    def __new__(cls, word: str, advice: str) -> "ExpiryAlert":
        member = str.__new__(cls, word)
        member._value_ = word
        member.advice = advice
        return member

    DIVIDEND = (
        "dividend_assignment",
        "Close or roll the call before the close: whoever is assigned tonight owes the dividend on the shares.",
    )
    EXERCISE_PAYS = (
        "early_exercise_pays",
        "Close or roll the contract, or have the shares or the cash ready: holding it brings its holder nothing more.",
    )
    DEEP_DELTA = (
        "delta_over_90",
        "Close or roll the contract: it moves like the shares, and little of its premium is left to earn.",
    )
    PIN = (
        "pin_risk",
        "Close the contract before its last trade: nobody knows until after the close whether shares come of it.",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ShortLeg:
    """A sold contract and what its market looks like."""

    contract: OptionContract
    spot: Price | None
    mid: Price | None
    iv: float | None
    delta: float | None
    years: float
    rate: float
    dividend: Decimal | None = None  # per share, to be missed by who does not hold shares tonight
    ex_on: date | None = None
    is_last_day: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RadarBlip:
    """What the radar says of one sold contract."""

    contract: OptionContract
    likelihood: Likelihood
    gain: Price | None  # per share, of its holder by exercising now; None = not known
    time_value: Price | None
    alerts: tuple[ExpiryAlert, ...]


def scan(leg: ShortLeg) -> RadarBlip:
    """Judge how likely a sold contract is assigned, and what to tell of it."""
    time_value = None
    if leg.spot is not None and leg.mid is not None:
        time_value = leg.mid - worth_at(leg.contract, leg.spot)
    gain = _gain(leg, time_value)
    likelihood = _likelihood(leg, gain)
    return RadarBlip(
        contract=leg.contract,
        likelihood=likelihood,
        gain=gain,
        time_value=time_value,
        alerts=tuple(_alerts(leg, likelihood)),
    )


def exercise_gain(
    *, is_call: bool, spot: float, strike: float, years: float, rate: float, iv: float, dividend: float = 0.0
) -> float:
    """Return what the holder of an American contract gains, per share, by exercising now instead of holding on.

    A holder of a call who waits lives through the fall of the shares by the dividend; who waits with a put
    gives away interest on the strike and keeps the chance of better prices.
    """
    from thetaloom.maths.pricing import price_option  # compiles on first use

    inside = spot - strike if is_call else strike - spot
    if inside <= 0:
        return inside
    held = price_option(
        is_call=is_call,
        spot=max(spot - dividend, 0.01),
        strike=strike,
        years=years,
        rate=rate,
        dividend_yield=0.0,
        iv=iv,
        american=True,
    ).price
    return inside - held


def _gain(leg: ShortLeg, time_value: Price | None) -> Price | None:
    if leg.spot is None or leg.contract.exercise_style is ExerciseStyle.EUROPEAN:
        return None
    is_call, dividend = leg.contract.right is Right.CALL, leg.dividend or Decimal(0)
    if leg.iv is not None and leg.years > 0:
        found = exercise_gain(
            is_call=is_call,
            spot=float(leg.spot),
            strike=float(leg.contract.strike),
            years=leg.years,
            rate=leg.rate,
            iv=leg.iv,
            dividend=float(dividend),
        )
        return Price(f"{found:.4f}")
    if time_value is None:
        return None
    return (Price(dividend) if is_call else Price(0)) - time_value


def _likelihood(leg: ShortLeg, gain: Price | None) -> Likelihood:
    if leg.contract.exercise_style is ExerciseStyle.EUROPEAN:
        return Likelihood.IMPOSSIBLE
    if leg.spot is None or gain is None:
        return Likelihood.UNKNOWN
    if worth_at(leg.contract, leg.spot) <= 0:
        return Likelihood.UNLIKELY
    if gain >= Price(str(CERTAIN_GAIN)):
        return Likelihood.LIKELY
    return Likelihood.POSSIBLE if gain >= -POSSIBLE_WITHIN else Likelihood.UNLIKELY


def _alerts(leg: ShortLeg, likelihood: Likelihood) -> list[ExpiryAlert]:
    found = []
    inside = leg.spot is not None and worth_at(leg.contract, leg.spot) > 0
    delivers = not leg.contract.is_index
    if delivers and inside and leg.dividend and leg.contract.right is Right.CALL:
        found.append(ExpiryAlert.DIVIDEND)
    elif likelihood is Likelihood.LIKELY:
        found.append(ExpiryAlert.EXERCISE_PAYS)
    if leg.delta is not None and abs(Decimal(str(leg.delta))) > ALERT_DELTA:
        found.append(ExpiryAlert.DEEP_DELTA)
    strike = Price(leg.contract.strike)
    if leg.is_last_day and delivers and leg.spot is not None and abs(leg.spot - strike) <= strike * PIN_SHARE:
        found.append(ExpiryAlert.PIN)
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Defence:
    """One way to deal with shares that an assignment brought, in money from now on."""

    name: str  # exercise_long, close_and_trade or hold
    cash: Money | None  # now, received positive; None = a quote is missing
    loss_max: Money | None  # from then on, positive; None = unlimited
    what: str  # exactly what to do at the broker


def defences(
    position: Position, spot: Price | None, quotes: Sequence[tuple[OptionContract, Price | None]]
) -> tuple[Defence, ...]:
    """Return the ways to deal with the position's shares, the one that leaves most cash first.

    ``quotes`` are what the loose bought contracts can be sold at.
    """
    shares, bids = position.shares_held, dict(quotes)
    if not shares:
        return ()
    covers = [
        one
        for one in position.loose
        if one.quantity > 0 and not one.contract.is_index and (one.contract.right is Right.PUT) == (shares > 0)
    ]
    found = []
    number = sum(one.quantity * one.contract.multiplier for one in covers)
    if covers and number >= abs(shares):
        found.append(_by_exercise(position, shares, covers[0].contract))
    sold = [(one, bids.get(one.contract)) for one in position.loose if one.quantity > 0]
    if spot is not None and all(bid is not None for _, bid in sold):
        legs = sum((bid.times(one.contract.multiplier, one.quantity) for one, bid in sold if bid is not None), Money(0))
        verb = "Sell" if shares > 0 else "Buy"
        found.append(
            Defence(
                name="close_and_trade",
                cash=spot.times(shares) + legs,
                loss_max=Money(0),
                what=f"{verb} {abs(shares)} {position.symbol} shares at about {spot}, and sell the bought contracts.",
            )
        )
    worst = _worst_of_holding(position, shares, covers[0].contract if covers else None, number)
    what = "Hold the shares" + (" beside the bought contracts that cover them." if covers else " with no cover.")
    found.append(Defence(name="hold", cash=Money(0), loss_max=worst, what=what))
    priced = [one for one in found if one.name != "hold" and one.cash is not None]
    priced.sort(key=lambda one: -(one.cash or Money(0)))
    return (*priced, *(one for one in found if one not in priced))


def _by_exercise(position: Position, shares: int, contract: OptionContract) -> Defence:
    number = abs(shares) // contract.multiplier
    return Defence(
        name="exercise_long",
        cash=Price(contract.strike).times(shares),
        loss_max=Money(0),
        what=f"Tell the broker to exercise {number} {contract.notation}: it takes the {position.symbol} shares away.",
    )


def _worst_of_holding(position: Position, shares: int, cover: OptionContract | None, number: int) -> Money | None:
    # From the price that the shares came at; bought contracts bound it where they are enough.
    paid = sum((lot.price.times(1, lot.quantity) for lot in position.shares), Money(0))
    if cover is not None and number >= abs(shares):
        return max(Money(0), paid - Price(cover.strike).times(shares))
    return paid if shares > 0 else None
