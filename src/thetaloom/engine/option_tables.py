"""The present option chain of the desk's own market as tables, one expiration at a time."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from thetaloom.domain.market.expirations import Expiration, list_expirations
from thetaloom.domain.market.option_table import OptionTable, option_table
from thetaloom.engine.desk import Desk
from thetaloom.engine.ranking import read_chain
from thetaloom.errors import NotFound

USUAL_DTE = 30  # the expiration nearest to this many days is shown when none is named


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainShown:
    """The expirations that a symbol lists, and the table of the one that was asked for."""

    expirations: Sequence[Expiration]
    table: OptionTable


def read_option_table(
    desk: Desk, symbol: str, expires_on: date | None = None, root: str = "", strikes_each_side: int | None = None
) -> ChainShown:
    """Return the table of an expiration, or of the one nearest to a month away.

    Raises ``NotFound`` for a symbol or an expiration that is not listed, ``MarketDataUnavailable`` without a chain.
    """
    now = desk.clock.now()
    if desk.market.underlying(symbol) is None:
        raise NotFound(f"{desk.market.name} does not know {symbol}", advice="Check the spelling.")
    chain = read_chain(desk, symbol, now)
    expirations = list_expirations(chain, desk.calendar, now)
    chosen = _chosen(symbol, expirations, expires_on, root)
    table = option_table(
        chain,
        chosen,
        now,
        rate=desk.settings.rates.at(chosen.years),
        dividend_yield=desk.settings.dividend_yield,
        strikes_each_side=strikes_each_side,
    )
    return ChainShown(expirations=expirations, table=table)


def _chosen(symbol: str, expirations: Sequence[Expiration], expires_on: date | None, root: str) -> Expiration:
    fits = [one for one in expirations if expires_on in {None, one.expires_on} and root in {"", one.root}]
    if not fits:
        wished = "no expiration" if expires_on is None else f"no expiration {expires_on}"
        listed = ", ".join(str(day) for day in sorted({one.expires_on for one in expirations})[:12])
        raise NotFound(
            f"{symbol} lists {wished}{f' of {root}' if root else ''}", advice=f"It lists {listed or 'none'}."
        )
    return min(fits, key=lambda one: abs(one.dte - USUAL_DTE))
