from pathlib import Path

import pytest

from thetaloom.bootstrap import Pulse, open_platform, paper_books, read_pulse, with_its_market
from thetaloom.config import MarketSource, load_settings
from thetaloom.errors import ConfigError


@pytest.fixture
def pulse(tmp_path: Path) -> Pulse:
    """A home that was used once, with the recorded market."""
    with open_platform(load_settings(home=tmp_path, market=MarketSource.RECORDED)) as platform:
        assert platform.clock.now() == platform.replayed.starts_at()
    with open_platform(load_settings(home=tmp_path)) as platform:
        found = read_pulse(platform.database)
    assert found is not None
    return found


def test_a_home_goes_on_in_the_market_it_was_first_used_with(pulse: Pulse, tmp_path: Path) -> None:
    assert with_its_market(load_settings(home=tmp_path), pulse).market is MarketSource.RECORDED


def test_a_home_refuses_another_market_by_name(pulse: Pulse, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="recorded market of seed 1"):
        with_its_market(load_settings(home=tmp_path, market=MarketSource.SYNTHETIC), pulse)


def test_a_home_refuses_another_seed_by_name(pulse: Pulse, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="seed 7"):
        with_its_market(load_settings(home=tmp_path, seed=7), pulse)


def test_a_clock_without_a_server_stands_still(pulse: Pulse) -> None:
    assert not pulse.is_fresh
    assert pulse.now == pulse.at


def test_the_paper_brokers_books_are_a_file_beside_the_database(tmp_path: Path) -> None:
    assert paper_books(load_settings(home=tmp_path)) == tmp_path / "thetaloom-paper-broker.db"
    assert paper_books(load_settings(home=tmp_path, database_url="postgresql://somewhere/else")) is None
