"""What the paper broker is made of by the settings: its account, its numbers, and where its books are."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path

from thetaloom.brokers.paper.broker import PaperBroker
from thetaloom.brokers.paper.settings import PaperSettings
from thetaloom.config import Settings
from thetaloom.domain.values.ids import AccountId
from thetaloom.marketdata.calendar_table import SHIPPED_TABLE, read_table
from thetaloom.marketdata.clocks import VirtualClock
from thetaloom.marketdata.synthetic.market import SyntheticMarket

PAPER_ACCOUNT = AccountId("PAPER")
LONG_AGO = datetime(1990, 1, 2, 15, tzinfo=UTC)


def paper_books(settings: Settings) -> Path | None:
    """Return the file of the paper broker's books; ``None`` where they live in the database itself."""
    url = paper_url(settings)
    return Path(url.removeprefix("sqlite:///")) if url.startswith("sqlite") else None


def paper_url(settings: Settings) -> str:
    """Return the address of the paper broker's books."""
    return settings.books_url("paper")


def paper_settings(settings: Settings) -> PaperSettings:
    """Return the paper broker's own settings."""
    return settings.paper


@contextmanager
def paper_broker_alone(settings: Settings) -> Iterator[PaperBroker]:
    """Open the paper broker without a database of ours: for when nothing else works any more."""
    calendar, clock = read_table(SHIPPED_TABLE), VirtualClock(LONG_AGO)
    market = SyntheticMarket(seed=settings.seed, start_on=date(2026, 1, 5), calendar=calendar, clock=clock)
    broker = PaperBroker(
        database_url=paper_url(settings),
        settings=paper_settings(settings),
        market=market,
        clock=clock,
        calendar=calendar,
    )
    try:
        last = broker.last_report_at()
        if last is not None:  # its books' own time; that of the market is in a database that may be down
            clock.move_to(last)
        yield broker
    finally:
        broker.close()
