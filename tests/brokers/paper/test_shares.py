"""Shares of the paper account: from its settings, in its net liquidating value, and told to the engine."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from thetaloom.brokers.paper.settings import read_shares
from thetaloom.domain.values.money import Money
from thetaloom.errors import ConfigError
from thetaloom.testing.bench import PaperBench


@pytest.mark.parametrize(
    ("text", "shares"),
    [("", {}), ("AAPL=100,SPY=200", {"AAPL": 100, "SPY": 200}), (" SPY=-100 , BRK.B=7,", {"SPY": -100, "BRKB": 7})],
)
def test_shares_are_read_by_symbol(text: str, shares: dict[str, int]) -> None:
    assert read_shares(text) == shares


@pytest.mark.parametrize(
    "text", ["SPY", "SPY=", "spy=100", "SPY=1.5", "SPY=100,SPY=200", "SPY=100;QQQ=1", "BRK.B=7,BRKB=1"]
)
def test_a_slip_in_the_shares_stops_the_start(text: str) -> None:
    with pytest.raises(ConfigError, match="paper_shares"):
        read_shares(text)


@pytest.fixture
def rich(tmp_path: Path) -> Iterator[PaperBench]:
    """An account with shares, some of them sold short."""
    made = PaperBench(f"sqlite:///{tmp_path / 'paper.db'}", shares={"SPY": 200, "QQQ": -100})
    yield made
    made.broker.close()


def test_shares_count_at_spot_and_are_told(rich: PaperBench) -> None:
    rich.market.set_spot("QQQ", "400.25")

    account = rich.broker.account()

    assert account.shares == {"SPY": 200, "QQQ": -100}
    assert account.net_liquidating_value == Money(100_000 + 200 * 575 - 40_025)
    assert account.cash == Money(100_000)


def test_without_a_spot_the_worth_of_the_account_is_unknown(rich: PaperBench) -> None:
    assert rich.broker.account().net_liquidating_value is None


def test_an_account_without_shares_says_so(bench: PaperBench) -> None:
    assert bench.broker.account().shares == {}
