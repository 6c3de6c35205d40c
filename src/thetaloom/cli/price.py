"""``price`` and ``iv``: one option or a file of them, by the kernels that the engine prices with."""

import json
from collections.abc import Sequence
from datetime import date, datetime, time
from functools import lru_cache
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer

from thetaloom.cli.cases import (
    Case,
    Fields,
    FileOption,
    JsonOption,
    Outcome,
    as_instant,
    as_number,
    calculate,
    refuse,
    shown,
)
from thetaloom.domain.values.calendar import YEAR, TradingCalendar
from thetaloom.domain.values.instruments import ExerciseStyle, OptionContract, Right
from thetaloom.errors import DomainError, InvalidInput

STYLES = tuple(style.value for style in ExerciseStyle)
NEW_YORK = ZoneInfo("America/New_York")
STOCK_CLOSE = time(16)
PLAIN_ROOT = "STOCK"  # any root of a share: PM-settled
MONEY_MIN = 1e-12  # less than that is a slip, and soon beyond what floats can tell apart
MONEY_MAX = 1e12
YEARS_MAX = 1000.0
RATE_MAX = 10.0
IV_MAX = 100.0
DIVIDENDS_MAX = 1000

PRICE_UNITS = {
    "price": "dollars per share",
    "delta": "dollars per dollar of the underlying",
    "gamma": "delta per dollar of the underlying",
    "theta": "dollars per calendar day",
    "vega": "dollars per 0.01 of volatility",
    "rho": "dollars per 0.01 of rate",
}
IV_UNITS = {"iv": "per year, 0.20 = 20 %"}
WHY_NO_IV = {
    "BELOW_INTRINSIC": "price: less than the option is worth without any volatility (arbitrage)",
    "ABOVE_MAXIMUM": "price: as much as the option can ever be worth, or more (arbitrage)",
    "UNDETERMINED": "price: its time value is lost in rounding, a wide range of volatilities fits",
    "EXPIRED": "years: the option has expired; its price no longer depends on volatility",
    "BAD_INPUT": "case: no volatility can be implied from these numbers",
}

RightOption = Annotated[str | None, typer.Option("--right", help="C or P.")]
SpotOption = Annotated[str | None, typer.Option("--spot", help="Price of the underlying.")]
StrikeOption = Annotated[str | None, typer.Option("--strike", help="Strike per share.")]
YearsOption = Annotated[str | None, typer.Option("--years", help="Years to expiration; or --expiration with --at.")]
ExpirationOption = Annotated[str | None, typer.Option("--expiration", help="Date such as 2026-01-16.")]
AtOption = Annotated[
    str | None, typer.Option("--at", help="Date, or instant such as 2026-01-05T15:00:00Z, counted from.")
]
RateOption = Annotated[
    str | None, typer.Option("--rate", help="Rate per year, continuous, 0.04 = 4 %; 0 if not given.")
]
YieldOption = Annotated[str | None, typer.Option("--dividend-yield", help="Yield per year; 0 if not given.")]
StyleOption = Annotated[str | None, typer.Option("--style", help="european (if not given) or american.")]
DividendOption = Annotated[
    list[str] | None, typer.Option("--dividend", metavar="YEARS:AMOUNT", help="A cash dividend; may be repeated.")
]


class NoVolatility(DomainError):
    """No volatility gives this price."""

    def __init__(self, status: str) -> None:
        super().__init__(WHY_NO_IV[status])
        self.code = status.lower()


def price(
    right: RightOption = None,
    spot: SpotOption = None,
    strike: StrikeOption = None,
    years: YearsOption = None,
    expiration: ExpirationOption = None,
    at: AtOption = None,
    rate: RateOption = None,
    dividend_yield: YieldOption = None,
    iv: Annotated[str | None, typer.Option("--iv", help="Volatility per year, 0.20 = 20 %.")] = None,
    style: StyleOption = None,
    dividend: DividendOption = None,
    file: FileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Price an option: price, delta, gamma, theta a calendar day, vega and rho per 0.01, and the model.

    All numbers are of one share, in dollars: price; delta per dollar of the underlying, gamma that of delta; theta
    for one calendar day; vega for 0.01 of volatility (one point); rho for 0.01 of rate. iv, rate and
    dividend_yield are per year, 0.20 = 20 %.

    With --file the options given are defaults for cases that lack the field, unknown fields are ignored,
    and cases that fail carry their error without failing the command.
    """
    given = _given(right, spot, strike, years, expiration, at, rate, dividend_yield, style, dividend, iv=iv)
    calculate(given, file, price_case, title="price", as_json=as_json, units=PRICE_UNITS)


def implied(
    right: RightOption = None,
    spot: SpotOption = None,
    strike: StrikeOption = None,
    years: YearsOption = None,
    expiration: ExpirationOption = None,
    at: AtOption = None,
    rate: RateOption = None,
    dividend_yield: YieldOption = None,
    price: Annotated[str | None, typer.Option("--price", help="Price of the option per share.")] = None,
    style: StyleOption = None,
    dividend: DividendOption = None,
    file: FileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Imply the volatility behind a price, or say why there is none.

    price is dollars per share; iv comes per year, 0.20 = 20 %.
    The codes of a no: below_intrinsic, above_maximum, undetermined, expired. --file works as with `price`.
    """
    given = _given(right, spot, strike, years, expiration, at, rate, dividend_yield, style, dividend, price=price)
    calculate(given, file, iv_case, title="implied volatility", as_json=as_json, units=IV_UNITS)


def price_case(case: Case) -> Outcome:
    """Price one case. Raises ``InvalidInput`` that begins with the name of the field."""
    from thetaloom.maths.pricing import price_option

    fields = Fields(case)
    terms = _contract_terms(fields)
    found = price_option(iv=fields.number("iv", least=0.0, most=IV_MAX), **terms)
    outcome: Outcome = {
        "price": found.price,
        "delta": found.delta,
        "gamma": found.gamma,
        "theta": found.theta,
        "vega": found.vega,
        "rho": found.rho,
    }
    if not abs(found.price) <= MONEY_MAX * MONEY_MAX:
        raise InvalidInput("case: these numbers together give no finite price")
    return {**outcome, "model": found.model}


def iv_case(case: Case) -> Outcome:
    """Imply the volatility of one case. Raises ``NoVolatility`` where no volatility fits."""
    from thetaloom.maths.pricing import implied_volatility

    fields = Fields(case)
    terms = _contract_terms(fields)
    found = implied_volatility(price=fields.number("price", least=0.0, most=MONEY_MAX), **terms)
    if found.iv is None:
        raise NoVolatility(found.status)
    return {"iv": found.iv}


def _given(
    right: str | None,
    spot: str | None,
    strike: str | None,
    years: str | None,
    expiration: str | None,
    at: str | None,
    rate: str | None,
    dividend_yield: str | None,
    style: str | None,
    dividend: list[str] | None,
    **rest: str | None,
) -> dict[str, object]:
    return {
        "right": right,
        "spot": spot,
        "strike": strike,
        "years": years,
        "expiration": expiration,
        "at": at,
        "rate": rate,
        "dividend_yield": dividend_yield,
        "style": style,
        "dividends": " ".join(dividend) if dividend else None,
        **rest,
    }


def _contract_terms(fields: Fields) -> dict[str, Any]:
    try:
        right = Right.parse(fields.text("right"))
    except InvalidInput as error:
        if error.message.startswith("right:"):
            raise
        refuse("right", f"{shown(fields.case['right'])} is neither C nor P")
    return {
        "is_call": right is Right.CALL,
        "spot": fields.number("spot", above=0.0, least=MONEY_MIN, most=MONEY_MAX),
        "strike": fields.number("strike", above=0.0, least=MONEY_MIN, most=MONEY_MAX),
        "years": _years(fields),
        "rate": fields.number("rate", 0.0, least=-RATE_MAX, most=RATE_MAX),
        "dividend_yield": fields.number("dividend_yield", 0.0, least=-RATE_MAX, most=RATE_MAX),
        "american": fields.word("style", STYLES, ExerciseStyle.EUROPEAN.value) == ExerciseStyle.AMERICAN.value,
        "dividends": _dividends(fields.case.get("dividends")),
    }


def _years(fields: Fields) -> float:
    if fields.has("years"):
        return fields.number("years", least=0.0, most=YEARS_MAX)
    if not fields.has("expiration"):
        refuse("years", "is missing; give it, or expiration and at")
    expires_on = fields.date("expiration")
    at = as_instant("at", fields.text("at"))
    left = _settles_at(expires_on) - at if isinstance(at, datetime) else expires_on - at
    years = left / YEAR
    if years < 0:
        refuse("at", f"{fields.text('at')} lies after the expiration on {expires_on}")
    return years


@lru_cache(maxsize=4096)
def _settles_at(expires_on: date) -> datetime:
    """The close of the contract's last session; 16:00 in New York where the calendar does not reach."""
    from decimal import Decimal

    calendar = shipped_calendar()
    if calendar.first_on <= expires_on <= calendar.last_on and 2000 <= expires_on.year < 2100:
        contract = OptionContract(root=PLAIN_ROOT, expires_on=expires_on, right=Right.CALL, strike=Decimal(1))
        return calendar.settles_at(contract)
    return datetime.combine(expires_on, STOCK_CLOSE, NEW_YORK)


@lru_cache(maxsize=1)
def shipped_calendar() -> TradingCalendar:
    """Return the calendar of the New York Stock Exchange that the package carries."""
    from thetaloom.marketdata.calendar_table import SHIPPED_TABLE, read_table

    return read_table(SHIPPED_TABLE)


def _dividends(given: object) -> list[tuple[float, float]]:
    if given is None or given == "":
        return []
    listed = _listed_dividends(given) if isinstance(given, str) else given
    if not isinstance(listed, Sequence) or isinstance(listed, str) or len(listed) > DIVIDENDS_MAX:
        refuse("dividends", f"{shown(given)} is not a list of [years, amount]")
    return [_dividend(entry, index) for index, entry in enumerate(listed)]


def _listed_dividends(given: str) -> object:
    if given.lstrip().startswith("["):
        try:
            return json.loads(given)
        except ValueError:
            refuse("dividends", f"{shown(given)} is not JSON like [[0.25, 0.5]]")
    return [part.split(":") for part in given.replace(";", " ").split()]


def _dividend(entry: object, index: int) -> tuple[float, float]:
    name = f"dividends[{index}]"
    if not isinstance(entry, Sequence) or isinstance(entry, str) or len(entry) != 2:
        refuse(name, f"{shown(entry)} is not [years, amount]")
    when, amount = (as_number(name, part) for part in entry)
    if when < 0 or amount < 0 or amount > MONEY_MAX:
        refuse(name, f"{shown(entry)} holds a number below 0 or beyond reason")
    return when, amount
