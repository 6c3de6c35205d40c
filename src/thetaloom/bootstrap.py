"""The only place that chooses real parts: which market, which broker, which clock, which database."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import select, update

from thetaloom import __version__
from thetaloom.brokers.paper import PaperBroker, PaperSettings
from thetaloom.config import MarketSource, Settings
from thetaloom.dispatch.embedded import EmbeddedDispatch
from thetaloom.domain.run.runs import FINAL
from thetaloom.domain.values.calendar import TradingCalendar
from thetaloom.domain.values.ids import AccountId, UserId
from thetaloom.domain.values.money import Money
from thetaloom.engine.desk import Desk, EngineSettings
from thetaloom.engine.engine import Engine
from thetaloom.engine.loop import EngineLoop
from thetaloom.errors import ConfigError
from thetaloom.marketdata.calendar_table import load_calendar
from thetaloom.marketdata.clocks import PacedClock, SystemClock, VirtualClock
from thetaloom.marketdata.recorded import packaged_day
from thetaloom.marketdata.recorded.market import RecordedMarket
from thetaloom.ports.clock import Clock
from thetaloom.ports.dispatch import Lane
from thetaloom.ports.market_data import ReplayedMarket
from thetaloom.store.catalogue import load_catalogue
from thetaloom.store.database import Database, open_database
from thetaloom.store.evidence import ParquetChainCodec
from thetaloom.store.schema import meta, runs, users
from thetaloom.store.statements import insert_or_skip
from thetaloom.store.unit_of_work import SqlStore
from thetaloom.store.upgrading import check_version, upgrade

LOCAL_USER = UserId("local")  # the one user until accounts exist
PAPER_ACCOUNT = AccountId("PAPER")
PULSE = "market_clock"  # in meta: where the market's clock stands, and when that was written
PULSE_FRESH = timedelta(seconds=15)
PULSE_EVERY = timedelta(seconds=5)
SYNTHETIC_START = date(2026, 1, 5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    """Everything of one process, put together."""

    settings: Settings
    database: Database
    store: SqlStore
    broker: PaperBroker
    market: ReplayedMarket
    clock: Clock
    desk: Desk
    engine: Engine
    user_id: UserId

    def close(self) -> None:
        """Give the connections back."""
        self.broker.close()
        self.database.close()
