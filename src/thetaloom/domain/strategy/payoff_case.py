"""The ``payoff`` calculator: one case of plain data in, one result of plain data out."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, TypeVar

from thetaloom.domain.strategy.horizon import HorizonLeg, horizon_payoff
from thetaloom.domain.strategy.payoff import (
    LegKind,
    Payoff,
    PayoffLeg,
    exact_payoff,
    multiplier_of,
    net_price_of,
    probability_of_profit,
)
from thetaloom.domain.strategy.probabilities import ProbabilityLeg, structure_probabilities
from thetaloom.domain.strategy.structures import Leg, name_structure
from thetaloom.domain.values.calendar import DAYS_PER_YEAR, TradingCalendar
from thetaloom.domain.values.instruments import ExerciseStyle, OptionContract, Right
from thetaloom.domain.values.money import Price
from thetaloom.domain.values.plain import read_date, read_decimal, read_json, refuse, shown
from thetaloom.domain.values.symbols import canonical_symbol
from thetaloom.errors import InvalidInput

T = TypeVar("T")

LEGS_MAX = 100
AMOUNT_MAX = Decimal(10) ** 12
ROOT_DEFAULT = "STOCK"  # any root of a share: PM-settled, American
GREEKS = ("delta", "gamma", "theta", "vega", "rho")


def payoff_case(case: Mapping[str, Any], calendar: TradingCalendar | None = None) -> dict[str, object]:
    """Return net price, extremes, breakevens, chance of profit, name and greeks of one case.

    ``legs``: each ``kind`` option (default) or stock, ``quantity`` signed (contracts, or shares of stock),
    ``price`` per share; of an option ``right``, ``strike``, ``expiration`` and ``multiplier`` (100). ``spot``,
    ``iv``, ``rate``, ``dividend_yield`` as numbers (0.20 = 20 %). ``at`` is a date, from which days are counted
    to the expiration, or an instant, for which the calendar must be given. ``root`` (optional) tells exercise
    style and settlement; without it the options are those on a share.

    ``net_price`` is per share of the whole, credit positive: the sum of -quantity × price of the options; 100
    shares of stock (the contracts' multiplier) count as one. Money and greeks are those of the whole, multiplier
    included: delta in shares, theta in dollars per calendar day, vega and rho in dollars per 0.01. ``null`` is
    unlimited for ``max_profit`` and ``max_loss``, and not known for the chances and the greeks, which need ``spot``,
    ``iv`` and ``at``. ``p50`` is the chance that half of the most profit (of the premium, where that is unlimited)
    is reached before the nearest expiration, ``touch`` that of each short strike, ``expected_value`` the mean profit
    at the nearest expiration. With several expirations all is as of the nearest one; ``iv`` and ``at`` are then needed.
    """
    terms = read_terms(case, calendar)
    payoff = payoff_of(terms)
    return {
        "net_price": float(terms.net_price),
        "max_profit": None if payoff.max_profit is None else float(payoff.max_profit),
        "max_loss": None if payoff.max_loss is None else float(payoff.max_loss),
        "breakevens": [float(price) for price in payoff.breakevens],
        "pop": _pop(payoff, terms.years, terms.view),
        "name": name_of(terms),
        **_greeks(terms.legs, terms.years, terms.view),
        **_chances(terms, payoff),
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """The market that a case is seen in."""

    spot: float | None
    iv: float | None
    rate: float
    dividend_yield: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PayoffTerms:
    """What a case says, read and checked; of stock there is no contract and no life."""

    legs: tuple[PayoffLeg, ...]
    contracts: tuple[OptionContract | None, ...]
    years: tuple[float | None, ...]  # to each contract's end; None where ``at`` is not given
    view: View
    net_price: Price


def read_terms(case: Mapping[str, Any], calendar: TradingCalendar | None = None) -> PayoffTerms:
    """Read one case. Raises ``InvalidInput`` that begins with the name of the field."""
    fields = _Fields(case, "")
    root = canonical_symbol(str(case.get("root") or ROOT_DEFAULT))
    legs = _read_legs(case)
    view = View(
        spot=fields.number("spot", above=0),
        iv=fields.number("iv", at_least=0),
        rate=fields.number("rate") or 0.0,
        dividend_yield=fields.number("dividend_yield") or 0.0,
    )
    contracts = tuple(_contract(leg, root, i) for i, leg in enumerate(legs))
    return PayoffTerms(
        legs=legs,
        contracts=contracts,
        years=_years(contracts, case.get("at"), calendar),
        view=view,
        net_price=_named("legs", lambda: net_price_of(legs)),
    )


class _Fields:
    """Reads fields of one record and names the field that does not fit."""

    def __init__(self, record: Mapping[str, Any], where: str) -> None:
        self.record = record
        self.where = where

    def decimal(self, name: str) -> Decimal | None:
        given = self.record.get(name)
        if _is_absent(given):
            return None
        return read_decimal(self.where + name, given, most=AMOUNT_MAX)

    def present(self, name: str) -> object:
        given = self.record.get(name)
        return refuse(self.where + name, "is missing") if _is_absent(given) else given

    def needed(self, name: str) -> Decimal:
        return read_decimal(self.where + name, self.present(name), most=AMOUNT_MAX)

    def number(self, name: str, *, above: float = -math.inf, at_least: float = -math.inf) -> float | None:
        given = self.decimal(name)
        if given is None:
            return None
        number = float(given)
        if number <= above or number < at_least:
            limit = f"above {above:g}" if above > -math.inf else f"at least {at_least:g}"
            refuse(self.where + name, f"{given} is not {limit}")
        return number

    def whole(self, name: str, default: int | None = None) -> int:
        given = self.decimal(name) if default is not None else self.needed(name)
        if given is None:
            return default or 0
        if given != given.to_integral_value() or given == 0 or abs(given) > 1_000_000:
            refuse(self.where + name, f"{given} is not a whole number other than zero, up to 1000000")
        return int(given)


def _read_legs(case: Mapping[str, Any]) -> tuple[PayoffLeg, ...]:
    given = case.get("legs")
    if isinstance(given, str) and given.strip():  # a cell of a CSV file
        given = read_json("legs", given)
    if not isinstance(given, Sequence) or isinstance(given, str) or not 1 <= len(given) <= LEGS_MAX:
        refuse("legs", f"is not a list of 1 to {LEGS_MAX} legs")
    return tuple(_read_leg(leg, f"legs[{i}].") for i, leg in enumerate(given))


def _read_leg(given: object, where: str) -> PayoffLeg:
    if not isinstance(given, Mapping):
        refuse(where.rstrip("."), "is not a leg with fields")
    fields = _Fields(given, where)
    try:
        kind = LegKind(str(given.get("kind") or LegKind.OPTION).strip().lower())
    except ValueError:
        refuse(where + "kind", f"{shown(given['kind'])} is neither option nor stock")
    quantity, price = fields.whole("quantity"), fields.needed("price")
    if price < 0:
        refuse(where + "price", f"{price} is below zero")
    if kind is LegKind.STOCK:
        return PayoffLeg(kind=kind, quantity=quantity, price=Price(price))
    right = str(fields.present("right"))
    strike, multiplier = fields.needed("strike"), fields.whole("multiplier", 100)
    if strike <= 0 or multiplier < 1:
        refuse(where + ("strike" if strike <= 0 else "multiplier"), "is not above zero")
    return PayoffLeg(
        kind=kind,
        quantity=quantity,
        price=Price(price),
        right=_named(where + "right", lambda: Right.parse(right)),
        strike=strike,
        expires_on=read_date(where + "expiration", fields.present("expiration")),
        multiplier=multiplier,
    )


def _contract(leg: PayoffLeg, root: str, index: int) -> OptionContract | None:
    right, strike, expires_on = leg.right, leg.strike, leg.expires_on
    if right is None or strike is None or expires_on is None:
        return None
    return _named(
        f"legs[{index}]",
        lambda: OptionContract(root=root, expires_on=expires_on, right=right, strike=strike, multiplier=leg.multiplier),
    )


def _years(
    contracts: Sequence[OptionContract | None], at: object, calendar: TradingCalendar | None
) -> tuple[float | None, ...]:
    """Years from ``at`` to each contract's end; None for stock, and for all where ``at`` is not given."""
    if _is_absent(at):
        return (None,) * len(contracts)
    instant = _read_instant(at)
    return tuple(None if one is None else _years_of(one, instant, calendar) for one in contracts)


def _years_of(contract: OptionContract, at: date | datetime, calendar: TradingCalendar | None) -> float:
    if not isinstance(at, datetime):
        years = contract.dte(at) / DAYS_PER_YEAR
    elif calendar is None:
        refuse("at", "is an instant, which needs a trading calendar; a date will do without")
    else:
        years = _named("at", lambda: calendar.year_fraction(at, contract))
        if calendar.settles_at(contract) < at:
            years = -1.0
    if years < 0:
        refuse("at", f"{at} lies after the expiration of {contract.expires_on}")
    return years


def _read_instant(at: object) -> date | datetime:
    if isinstance(at, date):  # a datetime is one, too
        return at
    text = str(at).strip()
    if len(text) <= 10:
        return read_date("at", text)
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        refuse("at", f"{shown(at)} is neither a date like 2026-01-16 nor an instant like 2026-01-16T15:00:00Z")
    if instant.tzinfo is None:
        refuse("at", f"{shown(at)} carries no time zone; write it like 2026-01-16T15:00:00Z")
    return instant


def payoff_of(terms: PayoffTerms) -> Payoff:
    """Return the payoff at the nearest expiration. Raises ``InvalidInput`` where that needs more than is given."""
    legs, contracts, years, view = terms.legs, terms.contracts, terms.years, terms.view
    if len({leg.expires_on for leg in legs if leg.expires_on is not None}) <= 1:
        return exact_payoff(legs, terms.net_price, multiplier_of(legs))
    if view.iv is None:
        refuse("iv", "is needed where expirations differ")
    lives = [life for life in years if life is not None]
    if not lives:
        refuse("at", "is needed where expirations differ")
    parts = [
        HorizonLeg(
            leg=leg,
            years_left=0.0 if life is None else life - min(lives),
            iv=view.iv,
            early_exercise=contract is not None and contract.exercise_style is ExerciseStyle.AMERICAN,
        )
        for leg, contract, life in zip(legs, contracts, years, strict=True)
    ]
    return horizon_payoff(parts, terms.net_price, rate=view.rate, dividend_yield=view.dividend_yield)


def name_of(terms: PayoffTerms) -> str:
    """Return what the structure is called."""
    pairs = zip(terms.legs, terms.contracts, strict=True)
    options = [Leg(contract=contract, ratio=leg.quantity) for leg, contract in pairs if contract is not None]
    return name_structure(options, sum(leg.quantity for leg in terms.legs if leg.kind is LegKind.STOCK))


def _pop(payoff: Payoff, years: Sequence[float | None], view: View) -> float | None:
    lives = [life for life in years if life is not None]
    if view.spot is None or view.iv is None or not lives:
        return None
    return probability_of_profit(
        payoff,
        spot=view.spot,
        years=min(lives),
        ivs={view.spot: view.iv},
        rate=view.rate,
        dividend_yield=view.dividend_yield,
    )


def _chances(terms: PayoffTerms, payoff: Payoff) -> dict[str, object]:
    legs, contracts, years, view = terms.legs, terms.contracts, terms.years, terms.view
    known = all(life is not None for contract, life in zip(contracts, years, strict=True) if contract is not None)
    if view.spot is None or view.iv is None or not known or not any(contracts):
        return {"p50": None, "touch": None, "expected_value": None}
    parts = [
        ProbabilityLeg(
            leg=leg,
            years=life or 0.0,
            iv=view.iv,
            early_exercise=contract is not None and contract.exercise_style is ExerciseStyle.AMERICAN,
        )
        for leg, contract, life in zip(legs, contracts, years, strict=True)
    ]
    found = structure_probabilities(parts, payoff, spot=view.spot, rate=view.rate, dividend_yield=view.dividend_yield)
    touches = [
        {"right": touch.right.value, "strike": float(touch.strike), "probability": touch.probability}
        for touch in found.touches
    ]
    return {"p50": found.p50, "touch": touches, "expected_value": found.expected_value}


def _greeks(legs: Sequence[PayoffLeg], years: Sequence[float | None], view: View) -> dict[str, object]:
    known = all(life is not None for leg, life in zip(legs, years, strict=True) if leg.kind is LegKind.OPTION)
    if view.spot is None or view.iv is None or not known:
        return dict.fromkeys(GREEKS)
    from thetaloom.maths.black_scholes import bsm_greeks  # compiles on first use

    totals = [0.0] * len(GREEKS)
    for leg, life in zip(legs, years, strict=True):
        greeks = (1.0, 0.0, 0.0, 0.0, 0.0)
        if leg.strike is not None:
            greeks = bsm_greeks(
                leg.is_call, view.spot, float(leg.strike), life or 0.0, view.rate, view.dividend_yield, view.iv
            )[1:6]
        totals = [total + leg.shares * greek for total, greek in zip(totals, greeks, strict=True)]
    return {
        name: round(total, 10) + 0.0 if math.isfinite(total) else None
        for name, total in zip(GREEKS, totals, strict=True)
    }


def _named(field: str, read: Callable[[], T]) -> T:
    try:
        return read()
    except InvalidInput as error:
        refuse(field, error.message)


def _is_absent(given: object) -> bool:
    return given is None or (isinstance(given, str) and not given.strip())
