"""The journal's two comparisons: the market at entry with that at exit, and what was planned with what came."""

from decimal import Decimal

from thetaloom.domain.market.words import Regime
from thetaloom.domain.values.money import NOTHING
from thetaloom.engine.trade_record import JournalEntry
from thetaloom.web.pages.filters import UNKNOWN, money, signed

NOT_YET = "none yet"
NO_RULE = "no plain rule"
Rows = list[tuple[str, str, str]]


def market_rows(trade: JournalEntry) -> Rows:
    """Return what the market was like, at entry and at exit."""
    rows = [
        ("underlying", money(trade.entry_spot), money(trade.exit_spot)),
        ("days to expiration", _plain(trade.entry_dte), _plain(trade.exit_dte)),
        ("implied volatility of the legs", _percent(trade.entry_iv, 100), _percent(trade.exit_iv, 100)),
        ("IV rank, 0 to 100", _plain(trade.entry_iv_rank), _plain(trade.exit_iv_rank)),
        ("VIX", _plain(trade.entry_vix), _plain(trade.exit_vix)),
        ("regime", _word(trade.entry_regime), _word(trade.exit_regime)),
        ("delta, shares", _signed(trade.entry_delta), _signed(trade.exit_delta)),
    ]
    return [(words, then, NOT_YET if trade.is_open else last) for words, then, last in rows]


def plan_rows(trade: JournalEntry) -> Rows:
    """Return what was planned and what came."""
    rows = [
        ("profit at the target", _rule(trade.planned_target), signed(trade.pnl)),
        ("loss at the stop", _rule(trade.planned_stop), money(max(-trade.pnl, NOTHING))),
        ("days to expiration at the exit", _days(trade.planned_exit_dte), _plain(trade.exit_dte)),
    ]
    real = [(words, planned, NOT_YET if trade.is_open else came) for words, planned, came in rows]
    return [("net price of the entry", signed(trade.planned_price), signed(trade.entry_price)), *real]


def _plain(number: Decimal | int | None) -> str:
    if number is None:
        return UNKNOWN
    return str(number) if isinstance(number, int) else f"{number:.2f}"


def _signed(number: Decimal | None) -> str:
    return UNKNOWN if number is None else signed(number.quantize(Decimal("0.01")))


def _percent(number: Decimal | None, times: int) -> str:
    return UNKNOWN if number is None else f"{number * times:.1f} %"


def _word(word: str | None) -> str:
    if word == Regime.NONE:
        return "no clear one"
    return UNKNOWN if word is None else word.replace("_", " ")


def _rule(amount: Decimal | None) -> str:
    return NO_RULE if amount is None else money(amount)


def _days(number: int | None) -> str:
    return NO_RULE if number is None else str(number)
