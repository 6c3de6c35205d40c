"""From the words of TWS into ours: contracts, prices and accounts."""

import re
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from math import isfinite

from ib_async import Contract
from ib_async.util import UNSET_DOUBLE

from thetaloom.domain.strategy.structures import Leg
from thetaloom.domain.values.instruments import INDEX_ROOTS, OptionContract, Right, Settlement
from thetaloom.domain.values.money import Money, Price
from thetaloom.errors import InvalidInput

PAPER_PREFIX = "D"  # paper accounts are DU..., and DF..., DI... of advisors: always a D before the live number's letter
CENTS = Decimal("0.01")
FINEST = Decimal("0.000001")
LAST_TRADE_AHEAD_MAX = timedelta(days=7)  # of the day that decides: one session, and whatever is closed between
_OCC = re.compile(r"[A-Z0-9 ]{6}(\d{6})[CP]\d{8}")
DIGITS_MAX = 12  # beyond these it is no amount of anybody's account


def is_paper(account: str) -> bool:
    """Tell a paper account by its number, which is all that TWS says of it."""
    return account.upper().startswith(PAPER_PREFIX)


def option_of(contract: Contract) -> OptionContract:
    """Read an option; anything else raises ``InvalidInput``."""
    if contract.secType != "OPT":
        raise InvalidInput(f"{contract.localSymbol or contract.symbol} is {contract.secType or 'nothing'}, no option")
    try:
        return OptionContract(
            root=contract.tradingClass or contract.localSymbol[:6].strip() or contract.symbol,
            expires_on=_expires_on(contract),
            right=Right.parse(contract.right),
            strike=Decimal(str(contract.strike)),
            multiplier=int(contract.multiplier or 100),
        )
    except (ValueError, InvalidOperation) as error:
        raise InvalidInput(f"{contract.localSymbol} cannot be read as an option: {error}") from error


def _expires_on(contract: Contract) -> date:
    """Return the day that an option is named after.

    TWS tells the last day of trading, which of AM-settled options is the session before; the day that decides stands
    in the symbol of the OCC alone.
    """
    last = day_of(contract.lastTradeDateOrContractMonth)
    found = _OCC.fullmatch(contract.localSymbol)
    if found is not None:
        day = day_of(f"20{found[1]}")
        if not timedelta(0) <= day - last <= LAST_TRADE_AHEAD_MAX:
            raise ValueError(f"it trades until {last} and expires on {day}")
        return day
    root = INDEX_ROOTS.get(contract.tradingClass)
    if root is not None and root.settlement is Settlement.AM:
        raise ValueError(f"it trades until {last}, and nothing says when it expires")
    return last


def day_of(text: str) -> date:
    """Read ``20260918``, also with a time behind it."""
    return datetime.strptime(text[:8], "%Y%m%d").date()  # noqa: DTZ007  a day without a zone


def number_of(value: object) -> Decimal | None:
    """Read a number of TWS exactly; what is unset, empty or not finite is ``None``."""
    text = str(value if value is not None else "").replace(",", "").strip()
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    if not number.is_finite() or number.adjusted() > DIGITS_MAX:  # also what the SDK takes for unset: 1.8e308
        return None
    return number


def money_of(value: object) -> Money | None:
    """Read an amount of money to the cent."""
    number = number_of(value)
    return None if number is None else Money(number.quantize(CENTS))


def price_of(value: float) -> Price | None:
    """Read the price of one contract; unset, negative and endless ones are ``None``."""
    if not isfinite(value) or value == UNSET_DOUBLE or not 0 <= value < 10.0**DIGITS_MAX:
        return None
    number = Decimal(str(value)).quantize(FINEST)
    return Price(number.normalize() if number else Decimal(0)).to_tick(FINEST)


def net_of(action: str, limit: object) -> Price | None:
    """Return our net price, credit positive: to buy at -1.20 brings in 1.20, as to sell at 1.20 does."""
    number = number_of(limit)
    if number is None:
        return None
    return Price(-number if action == "BUY" else number)


def sign_of(side: str) -> int:
    """Return 1 for what was bought and -1 for what was sold, in either of the spellings of TWS."""
    if side.upper() in {"BUY", "BOT"}:
        return 1
    if side.upper() in {"SELL", "SLD", "SSHORT"}:
        return -1
    raise InvalidInput(f'side "{side}" is neither bought nor sold')


def execution_base(execution_id: str) -> tuple[str, int]:
    """Split the id of an execution: a correction has the same base and a higher number at its end."""
    base, _, revision = execution_id.rpartition(".")
    return (base, int(revision)) if base and revision.isdigit() else (execution_id, 1)


def bag_legs(action: str, legs: list[tuple[OptionContract, int, str]]) -> tuple[Leg, ...]:
    """Return the legs of a combination as we would trade them."""
    return tuple(Leg(contract=one, ratio=ratio * sign_of(side) * sign_of(action)) for one, ratio, side in legs)
