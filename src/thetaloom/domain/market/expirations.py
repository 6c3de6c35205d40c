"""What is known of each expiration a chain lists, as plain data, so that decisions need no calendar."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

import numpy as np

from thetaloom.domain.market.chain import OptionChain, to_date
from thetaloom.domain.values.calendar import TradingCalendar
from thetaloom.domain.values.instruments import OptionContract, Right


@dataclass(frozen=True, slots=True, kw_only=True)
class Expiration:
    """One expiration date of one root."""

    expires_on: date
    root: str
    dte: int  # calendar days from the exchange's date
    years: float  # to the last trading instant, in years of 365 days
    is_monthly: bool
    last_trading_at: datetime


def list_expirations(chain: OptionChain, calendar: TradingCalendar, now: datetime) -> tuple[Expiration, ...]:
    """Return the expirations of ``chain`` that still trade at ``now``, earliest first."""
    today = calendar.exchange_date(now)
    found = []
    for day, root, index in _pairs(chain):
        contract = OptionContract(
            root=root, expires_on=to_date(day), right=Right.CALL, strike=chain.contract(index).strike
        )
        last = calendar.last_trading_at(contract)
        if last > now:
            found.append(
                Expiration(
                    expires_on=contract.expires_on,
                    root=root,
                    dte=contract.dte(today),
                    years=calendar.year_fraction(now, contract),
                    is_monthly=calendar.is_monthly(contract.expires_on),
                    last_trading_at=last,
                )
            )
    return tuple(found)


def nearest_years(expirations: Iterable[Expiration], target: float = 0.0) -> float:
    """Return the life of the expiration nearest to ``target`` years; ``target`` itself when there is none."""
    return min((one.years for one in expirations), key=lambda years: abs(years - target), default=target)


def _pairs(chain: OptionChain) -> list[tuple[int, str, int]]:
    # Each pair of expiration and root, in order, with the first of its contracts.
    if not len(chain):
        return []
    order = np.lexsort((chain.root, chain.expires_on))
    days, roots = chain.expires_on[order], chain.root[order]
    is_first = np.append(True, (np.diff(days) != 0) | (roots[1:] != roots[:-1]))
    return [(int(days[at]), str(roots[at]), int(order[at])) for at in np.flatnonzero(is_first)]
