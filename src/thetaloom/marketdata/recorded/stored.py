"""A stored chain without any running market: a recording opened at one of its instants."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from thetaloom.domain.market.chain import OptionChain
from thetaloom.domain.values.calendar import TradingCalendar
from thetaloom.errors import InvalidInput, MarketDataUnavailable
from thetaloom.marketdata.clocks import VirtualClock
from thetaloom.marketdata.event_files import EventTable
from thetaloom.marketdata.history_files import read_histories
from thetaloom.marketdata.recorded.market import RecordedMarket
from thetaloom.marketdata.recorded.volatilities import SessionVolatilities

BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)  # before any recording; the clock moves forward from here
# A file without roots leaves out the third Fridays of these, for it cannot tell the two series apart.
WEEKLY_ROOTS = {"SPX": "SPXW", "NDX": "NDXP", "RUT": "RUTW"}


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredChain:
    """The chain of one symbol at one recorded instant, and the market it is part of, standing there."""

    symbol: str
    chain: OptionChain
    market: RecordedMarket

    @property
    def as_of(self) -> datetime:
        """The recorded instant."""
        return self.chain.as_of


class Known(NamedTuple):
    """What is known beside the recording."""

    history_files: Sequence[Path] = ()
    events_file: Path | None = None
    rate: float = 0.0
    dividend_yield: float = 0.0


def open_stored_chain(
    path: Path,
    calendar: TradingCalendar,
    known: Known | None = None,
    *,
    symbol: str | None,
    preferred: Sequence[str] = (),
    at: datetime | None = None,
) -> StoredChain:
    """Open a Parquet file, or a folder of them, at the last instant of a symbol or the last one up to ``at``.

    Without a ``symbol`` it is the first of ``preferred`` that is recorded, else the first recorded one. Raises
    ``InvalidInput`` for a file that is no recording, ``MarketDataUnavailable`` for a symbol or instant not in it.
    """
    if not path.exists():
        raise InvalidInput(f"chain: there is no file {path}", details={"chain": "does not exist"})
    known = known or Known()
    histories = read_histories(known.history_files)
    clock = VirtualClock(BEGINNING)
    market = RecordedMarket.from_paths(
        [path],
        clock,
        roots=WEEKLY_ROOTS,
        bars=histories.bars,
        ivs=histories.ivs,
        events=EventTable([known.events_file] if known.events_file else []),
        volatilities=SessionVolatilities(calendar, known.rate, known.dividend_yield),
    )
    name = symbol or next((one for one in preferred if one in market.symbols()), market.symbols()[0])
    ends_at = market.ends_at(name)
    if ends_at is None:
        raise MarketDataUnavailable(
            f"{path} has no chain of {name}", advice=f"It has {', '.join(list(market.symbols())[:10])}."
        )
    clock.move_to(ends_at if at is None else min(at, ends_at))
    chain = market.chain(name, clock.now())
    if chain is None or not len(chain):
        raise MarketDataUnavailable(
            f"{path} has no chain of {name} at {clock.now().isoformat()}",
            advice=f"It begins at {market.starts_at().isoformat()} and ends for {name} at {ends_at.isoformat()}.",
        )
    return StoredChain(symbol=name, chain=chain, market=market)
