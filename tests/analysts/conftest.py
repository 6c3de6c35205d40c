"""An analyst that asks a server on loopback, and what it is shown."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from thetaloom.analysts.asking import Endpoint
from thetaloom.analysts.llm import LlmAnalyst
from thetaloom.domain.market.chart_series import ChartTheme, DrawnChart, Picture, Timeframe
from thetaloom.domain.market.opinions import AnalysisRequest
from thetaloom.domain.run.model_calls import DailyBudget, TokenPrices
from thetaloom.domain.values.money import Price
from thetaloom.store.database import Database, open_database
from thetaloom.store.model_calls import SqlModelCalls
from thetaloom.store.upgrading import upgrade
from thetaloom.testing.clock import FakeClock
from thetaloom.testing.llm_server import LlmServer, Script, llm_server

KEY = "planted-secret-3c1f9ab27d"
NOW = datetime(2026, 1, 6, 15, 0, tzinfo=UTC)
PICTURE = b"\x89PNG\r\n\x1a\n" + b"0" * 64
PRICES = TokenPrices(input_usd=Decimal(2), output_usd=Decimal(8))
Serve = Callable[..., LlmServer]


def asked(**changes: Any) -> AnalysisRequest:
    """A question about a share at 100 dollars."""
    chart = DrawnChart(timeframe=Timeframe.DAILY, theme=ChartTheme.DARK, picture=Picture(PICTURE), numbers="d")
    request = AnalysisRequest(
        symbol="XYZ",
        spot=Price("100.00"),
        spot_as_of=NOW,
        daily=None,
        weekly=None,
        charts=(chart,),
        prompt="# XYZ, daily",
        prompt_reference="daily-en@1",
        now=NOW,
    )
    return replace(request, **changes)


@pytest.fixture(scope="session")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of an empty database, to copy from."""
    made = open_database(tmp_path_factory.mktemp("llm") / "empty.db")
    upgrade(made)
    made.close()
    return made.path


@pytest.fixture
def database(empty: Path, tmp_path: Path) -> Iterator[Database]:
    """An empty database."""
    made = open_database(Path(shutil.copy(empty, tmp_path / "llm.db")))
    yield made
    made.close()


@pytest.fixture
def calls(database: Database) -> SqlModelCalls:
    """The book of calls."""
    return SqlModelCalls(database)


@pytest.fixture
def pauses() -> list[float]:
    """How long was waited between two tries."""
    return []


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start a server that answers by scripts; it stops with the test."""
    with ExitStack() as stack:

        def start(*scripts: Script) -> LlmServer:
            return stack.enter_context(llm_server(*scripts))

        yield start


@pytest.fixture
def analyst(calls: SqlModelCalls, pauses: list[float]) -> Callable[..., LlmAnalyst]:
    """Make an analyst that asks a server."""

    def make(server: LlmServer | str, *, endpoint: dict[str, Any] | None = None, **changes: Any) -> LlmAnalyst:
        url = server if isinstance(server, str) else server.url
        settings: dict[str, Any] = {"model": "test", "base_url": url, "key": KEY, "timeout_seconds": 20.0}
        given: dict[str, Any] = {
            "endpoint": Endpoint(**{**settings, **(endpoint or {})}),
            "calls": calls,
            "budget": DailyBudget(tokens_max=1_000_000, cost_usd_max=Decimal(10)),
            "clock": FakeClock(NOW),
            "wait": pauses.append,
            "prices": PRICES,
        }
        return LlmAnalyst(**{**given, **changes})

    return make
