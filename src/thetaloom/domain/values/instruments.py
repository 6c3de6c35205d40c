"""One listed option contract, what its root says about it, and every way its symbol is written."""

import re
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Context, Decimal
from enum import StrEnum
from typing import NamedTuple, NoReturn

from thetaloom.domain.values.symbols import canonical_symbol
from thetaloom.errors import InvalidInput

ROOT_PATTERN = re.compile(r"[A-Z][A-Z0-9]{0,5}")
LAST_LETTER = re.compile(r"(.*)([A-Z])([^A-Z]*)", re.DOTALL)
STRIKE_LIMIT = Decimal(100_000)  # the OCC symbol has five digits before the point
STRIKE_STEP = Decimal("0.001")  # and three after it
EXPIRATION_YEARS = range(2000, 2100)  # and two for the year
SYMBOL_LENGTH_MAX = 64
GOOD_SYMBOLS = '"SPY   240324P00480500", ".SPY240324P480.5" or "SPY 2024-03-24 P 480.5"'

# Strikes must come out alike whatever the caller did to the decimal context of the thread.
_EXACT = Context(prec=28)


class Right(StrEnum):
    """The right that a contract gives: to buy (call) or to sell (put)."""

    CALL = "C"
    PUT = "P"

    @classmethod
    def parse(cls, text: str) -> "Right":
        """Read C, P, call or put in any case."""
        try:
            return cls(_RIGHT_WORDS.get(text.strip().lower(), text))
        except ValueError:
            _refuse("right", f'right "{text}" is not one of C, P, call, put', good='"C" or "put"')


_RIGHT_WORDS = {"c": Right.CALL, "call": Right.CALL, "p": Right.PUT, "put": Right.PUT}


class ExerciseStyle(StrEnum):
    """When the holder may exercise: on any day, or at expiration only."""

    AMERICAN = "american"
    EUROPEAN = "european"


class Settlement(StrEnum):
    """Whether the opening or the closing of the expiration session decides what a contract is worth."""

    AM = "am"
    PM = "pm"


class IndexRoot(NamedTuple):
    """What the rules of the exchange say about one root of a cash-settled index."""

    underlying: str
    exercise_style: ExerciseStyle
    settlement: Settlement


_EUROPEAN, _AMERICAN = ExerciseStyle.EUROPEAN, ExerciseStyle.AMERICAN
INDEX_ROOTS: dict[str, IndexRoot] = {
    "SPX": IndexRoot("SPX", _EUROPEAN, Settlement.AM),
    "SPXW": IndexRoot("SPX", _EUROPEAN, Settlement.PM),
    "XSP": IndexRoot("XSP", _EUROPEAN, Settlement.PM),
    "NDX": IndexRoot("NDX", _EUROPEAN, Settlement.AM),
    "NDXP": IndexRoot("NDX", _EUROPEAN, Settlement.PM),
    "XND": IndexRoot("XND", _EUROPEAN, Settlement.PM),
    "RUT": IndexRoot("RUT", _EUROPEAN, Settlement.AM),
    "RUTW": IndexRoot("RUT", _EUROPEAN, Settlement.PM),
    "MRUT": IndexRoot("MRUT", _EUROPEAN, Settlement.PM),
    "VIX": IndexRoot("VIX", _EUROPEAN, Settlement.AM),
    "VIXW": IndexRoot("VIX", _EUROPEAN, Settlement.AM),  # weekly, yet AM-settled: there is no VIX closing print
    "DJX": IndexRoot("DJX", _EUROPEAN, Settlement.AM),  # its weeklies share the root and are PM-settled
    "OEX": IndexRoot("OEX", _AMERICAN, Settlement.PM),
    "XEO": IndexRoot("OEX", _EUROPEAN, Settlement.PM),  # the European twin of OEX
}


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class OptionContract:
    """One listed series; ordered by root, expiration, right (calls first) and strike.

    A root that ends in a digit from 1 to 9 is an adjusted one: the OCC appends the digit after a corporate
    action (and did so for minis), and no listed standard root ends in a digit. What such a contract delivers
    is not in its symbol, so ``multiplier`` is only the caller's word there: check ``is_adjusted`` and deny.
    """

    root: str
    expires_on: date
    right: Right
    strike: Decimal
    multiplier: int = 100

    def __post_init__(self) -> None:
        _check_root(self.root)
        _check_expiration(self.expires_on)
        if not isinstance(self.right, Right):
            _refuse("right", f"right {self.right!r} is not a Right", good="Right.CALL")
        object.__setattr__(self, "strike", _checked_strike(self.strike))
        if type(self.multiplier) is not int or self.multiplier < 1:
            _refuse("multiplier", f"multiplier {self.multiplier!r} is not a positive whole number", good="100")

    @property
    def underlying(self) -> str:
        """The symbol of what the option is on."""
        if self.root in INDEX_ROOTS:
            return INDEX_ROOTS[self.root].underlying
        return self.root[:-1] if self.is_adjusted else self.root

    @property
    def is_adjusted(self) -> bool:
        """Whether the deliverable may differ from the standard one."""
        return len(self.root) > 1 and self.root[-1] in "123456789"

    @property
    def is_index(self) -> bool:
        """Whether the contract settles in cash on an index."""
        return self.root in INDEX_ROOTS

    @property
    def exercise_style(self) -> ExerciseStyle:
        """European for cash-settled indices other than OEX, American for all else."""
        return INDEX_ROOTS[self.root].exercise_style if self.is_index else ExerciseStyle.AMERICAN

    @property
    def settlement(self) -> Settlement:
        """AM where the opening prices of the expiration session decide, else PM."""
        if not self.is_index:
            return Settlement.PM
        if self.root == "DJX" and not self._in_monthly_cycle:
            return Settlement.PM
        return INDEX_ROOTS[self.root].settlement

    @property
    def _in_monthly_cycle(self) -> bool:
        friday = third_friday(self.expires_on.year, self.expires_on.month)
        # Thursday where the Friday is a holiday, Saturday as series were dated before February 2015.
        return abs(self.expires_on - friday) <= timedelta(days=1)

    def dte(self, on: date) -> int:
        """Return the calendar days from ``on`` to expiration; negative once expired."""
        return (self.expires_on - on).days

    @property
    def occ_symbol(self) -> str:
        """The 21 characters of the OCC, as in ``SPY   240324P00480500``."""
        return f"{self.root:<6}{self._tail}"

    @property
    def compact(self) -> str:
        """The OCC symbol without padding, as in ``SPY240324P00480500``."""
        return f"{self.root}{self._tail}"

    @property
    def streamer(self) -> str:
        """The form of dxFeed, as in ``.SPY240324P480.5``."""
        return f".{self.root}{self.expires_on:%y%m%d}{self.right}{self.strike}"

    @property
    def notation(self) -> str:
        """The form for people, as in ``SPY 2024-03-24 P 480.5``."""
        return f"{self.root} {self.expires_on} {self.right} {self.strike}"

    @property
    def _tail(self) -> str:
        return f"{self.expires_on:%y%m%d}{self.right}{int(self.strike / STRIKE_STEP):08d}"


def third_friday(year: int, month: int) -> date:
    """Return the third Friday of a month, holiday or not."""
    first = date(year, month, 1)
    return first + timedelta(days=(4 - first.weekday()) % 7 + 14)


def parse_option_symbol(text: str) -> OptionContract:
    """Read a contract from any of the forms in use; anything doubtful raises ``InvalidInput``.

    OCC (padded or not), dxFeed (``.SPY240324P480.5``), Polygon (``O:`` and the OCC form), Fidelity
    (``-SPY240324P480.5``), TD Ameritrade (``SPY_032424P480.5``, month first) and ``SPY 2026-01-16 P 560``.
    """
    upper = _legible(text)
    words = upper.split()
    if len(words) == 4:
        root, day, right, strike = words
        return OptionContract(
            root=_read_root(root),
            expires_on=_read_iso_date(day),
            right=Right.parse(right),
            strike=_read_plain_strike(strike),
        )
    if len(words) > 2:
        _refuse("symbol", f'"{_shown(text)}" has {len(words)} words where an option has 1, 2 or 4')
    return _read_packed(upper)


def _legible(text: str) -> str:
    if not text.strip():
        _refuse("symbol", "the option symbol is empty")
    if len(text) > SYMBOL_LENGTH_MAX:
        _refuse(
            "symbol",
            f'"{_shown(text)}" has {len(text)} characters, more than the {SYMBOL_LENGTH_MAX} allowed',
        )
    if not text.isascii():
        at, character = next((i, c) for i, c in enumerate(text, start=1) if not c.isascii())
        _refuse("symbol", f"character {at}, {character!r}, is not a plain letter, digit or sign")
    return text.upper()


def _read_packed(upper: str) -> OptionContract:
    # Read from the back: the strike holds no letter, so the last letter is the right whatever the root is.
    symbol = upper.strip()
    body = symbol.removeprefix("O:") if symbol.startswith("O:") else symbol.removeprefix(".").removeprefix("-")
    if not re.search(r"\d", body):
        _refuse("symbol", f'"{symbol}" has no expiration and no strike')
    found = LAST_LETTER.fullmatch(body)
    if not found:
        _refuse("right", f'"{symbol}" has no C or P before a strike')
    head, right, strike = found.groups()
    if right not in ("C", "P"):
        where = upper.index(body) + len(head) + 1
        _refuse("right", f'"{right}", character {where} of "{upper}", is not the C or P before the strike')
    if not strike:
        _refuse("strike", f'"{symbol}" has no strike after its last letter, the {right}')
    root, day = head[:-6], head[-6:]
    month_first = root.endswith("_")
    return OptionContract(
        root=_read_root(root.removesuffix("_") if month_first else root.rstrip()),
        expires_on=_read_packed_date(day, month_first=month_first),
        right=Right(right),
        strike=_read_strike(strike),
    )


def _read_root(text: str) -> str:
    root = canonical_symbol(text)
    _check_root(root)
    return root


def _read_iso_date(text: str) -> date:
    found = re.fullmatch(r"(\d{4})-(\d{2})-(\d{2})", text)
    if not found:
        _refuse("expiration", f'expiration "{text}" is not written as year-month-day', good="2026-01-16")
    year, month, day = map(int, found.groups())
    return _real_date(text, (year, month, day), good="2026-01-16")


def _read_packed_date(text: str, *, month_first: bool) -> date:
    form, good = ("mmddyy", "032424") if month_first else ("yymmdd", "240324")
    if not re.fullmatch(r"\d{6}", text):
        _refuse("expiration", f'expiration "{text}" before the right is not six digits ({form})', good=good)
    first, second, third = int(text[:2]), int(text[2:4]), int(text[4:])
    year, month, day = (third, first, second) if month_first else (first, second, third)
    return _real_date(text, (2000 + year, month, day), good=good, month_first=month_first)


def _real_date(text: str, parts: tuple[int, int, int], *, good: str, month_first: bool = False) -> date:
    try:
        return date(*parts)
    except ValueError:
        form = "month, day, year" if month_first else "year, month, day"
        _refuse("expiration", f'expiration "{text}" is no day of the calendar (read as {form})', good=good)


def _read_strike(text: str) -> Decimal:
    if re.fullmatch(r"\d{8}", text):
        return Decimal(f"{text[:5]}.{text[5:]}")
    return _read_plain_strike(text)


def _read_plain_strike(text: str) -> Decimal:
    # A padded number shorter than eight digits is an OCC strike with digits lost: refuse it.
    if not re.fullmatch(r"(0|[1-9]\d{0,4})(\.\d{1,3})?", text):
        _refuse(
            "strike",
            f'strike "{text}" is neither eight digits (thousandths of a dollar) nor a plain number '
            "below 100000 with at most 3 decimals",
            good='"00480500" or "480.5"',
        )
    return Decimal(text)


def _check_root(root: str) -> None:
    if not ROOT_PATTERN.fullmatch(root):
        _refuse(
            "root",
            f'root "{_shown(root)}" is not 1 to 6 letters and digits that start with a letter',
            good="SPXW",
        )


def _check_expiration(expires_on: date) -> None:
    if type(expires_on) is not date:  # a datetime is a date too, and would break equality
        _refuse("expiration", f"expiration {expires_on!r} is not a plain date", good="date(2026, 1, 16)")
    if expires_on.year not in EXPIRATION_YEARS:
        _refuse("expiration", f"expiration {expires_on} is not within 2000 to 2099", good="2026-01-16")


def _checked_strike(strike: Decimal) -> Decimal:
    if not isinstance(strike, Decimal) or not strike.is_finite():
        _refuse("strike", f"strike {strike!r} is not a finite Decimal", good='Decimal("480.5")')
    if not 0 < strike < STRIKE_LIMIT:
        _refuse("strike", f"strike {strike} is not above 0 and below {STRIKE_LIMIT}", good="480.5")
    thousandths = strike.quantize(STRIKE_STEP, context=_EXACT)
    if thousandths != strike:
        _refuse("strike", f"strike {strike} has more than 3 decimals", good="480.5")
    whole = thousandths.to_integral_value(context=_EXACT)
    return whole if whole == thousandths else thousandths.normalize(_EXACT)


def _shown(text: str) -> str:
    return text if len(text) <= SYMBOL_LENGTH_MAX else f"{text[:SYMBOL_LENGTH_MAX]}…"


def _refuse(part: str, what: str, *, good: str = GOOD_SYMBOLS) -> NoReturn:
    raise InvalidInput(
        f"{what}; a good one: {good}",
        advice=f"Write it like {good}.",
        details={"part": part, "problem": what},
    )
