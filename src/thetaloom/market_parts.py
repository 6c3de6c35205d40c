"""The market of the settings, the clock that it lives on, and what brings recordings in."""

from datetime import date, datetime
from typing import TYPE_CHECKING, Literal

from thetaloom.config import MarketSource, Settings
from thetaloom.domain.market.indicators import IV_DAYS
from thetaloom.domain.values.calendar import DAYS_PER_YEAR, TradingCalendar
from thetaloom.marketdata.clocks import PacedClock, VirtualClock
from thetaloom.marketdata.event_files import EventTable
from thetaloom.marketdata.history_files import read_histories
from thetaloom.marketdata.importers.building import REASONS as REASONS
from thetaloom.marketdata.importers.formats import AUTO as AUTO
from thetaloom.marketdata.importers.formats import format_named as format_named
from thetaloom.marketdata.importers.formats import list_formats as list_formats
from thetaloom.marketdata.importers.importing import Wish as Wish
from thetaloom.marketdata.importers.listing import folders_below as folders_below
from thetaloom.marketdata.importers.listing import list_folder as list_folder
from thetaloom.marketdata.importers.runs import Heard as Heard
from thetaloom.marketdata.importers.runs import import_paths as import_paths
from thetaloom.marketdata.recorded import packaged_day
from thetaloom.marketdata.recorded.market import RecordedMarket
from thetaloom.marketdata.recorded.stored import WEEKLY_ROOTS
from thetaloom.marketdata.recorded.volatilities import SessionVolatilities
from thetaloom.marketdata.recording import Recorder as Recorder
from thetaloom.marketdata.recording import Sampled as Sampled
from thetaloom.marketdata.recording import gap_text as gap_text
from thetaloom.marketdata.recording_files import ChainFolder as ChainFolder
from thetaloom.marketdata.synthetic.market import SyntheticMarket
from thetaloom.ports.clock import Clock

if TYPE_CHECKING:
    from thetaloom.marketdata.cboe import CboeMarket

SYNTHETIC_START = date(2026, 1, 5)


def market_clock(
    settings: Settings,
    calendar: TradingCalendar,
    start: datetime | None,
    kind: Literal["virtual", "paced"],
    minutes_per_change: int,
) -> VirtualClock | PacedClock:
    """Return the clock, standing at ``start`` or, without one, where the market begins."""
    if start is None:
        first = calendar.next_session(SYNTHETIC_START).open_at
        start = market_of(settings, calendar, VirtualClock(first), minutes_per_change).starts_at()
    return VirtualClock(start) if kind == "virtual" else PacedClock(start, settings.speed)


def catch_up(clock: VirtualClock | PacedClock, known: datetime | None) -> None:
    """Move the clock on to what is known already; never back."""
    if known is None or known <= clock.now():
        return
    if isinstance(clock, VirtualClock):
        clock.move_to(known)
    else:
        clock.skip_to(known)


def market_of(
    settings: Settings, calendar: TradingCalendar, clock: Clock, minutes_per_change: int
) -> RecordedMarket | SyntheticMarket:
    """Return the market of the settings, replayed by the clock."""
    if settings.market is MarketSource.RECORDED:
        known = read_histories(settings.history_files)
        rate = settings.rate_curve.at(IV_DAYS / DAYS_PER_YEAR)
        return RecordedMarket.from_paths(
            settings.market_files or (packaged_day(),),
            clock,
            roots=WEEKLY_ROOTS,  # of files that name none, as optionsDX
            bars=known.bars,
            ivs=known.ivs,
            events=EventTable([settings.events_file] if settings.events_file else []),
            volatilities=SessionVolatilities(calendar, rate, settings.dividend_yield),
        )
    return SyntheticMarket(
        seed=settings.seed,
        start_on=SYNTHETIC_START,
        calendar=calendar,
        clock=clock,
        minutes_per_change=minutes_per_change,
    )


def cboe_market(settings: Settings, clock: Clock) -> "CboeMarket":
    """Return Cboe's delayed chains, from its own server or the one of the settings."""
    from thetaloom.marketdata.cboe import CboeMarket, CboeSettings  # its HTTP client takes a while to import

    return CboeMarket(CboeSettings(base_url=settings.cboe_url) if settings.cboe_url else CboeSettings(), clock)
