"""Settings of brokers: what contradicts itself is refused with one clear sentence, and a home keeps its world."""

import json
from pathlib import Path
from typing import Any

import pytest

from thetaloom.bootstrap import LOCAL_USER, open_platform, set_up, with_its_market
from thetaloom.config import MarketSource, load_settings, shown
from thetaloom.domain.values.ids import AccountId
from thetaloom.errors import ConfigError, InvalidInput, NotAllowed
from thetaloom.live_parts import SettingsSwitches, allow_live, forbid_live, is_live_allowed
from thetaloom.marketdata.clocks import SystemClock
from thetaloom.ports.links import Linked
from thetaloom.ports.live_switches import Switches
from thetaloom.pulses import put_pulse, read_pulse
from thetaloom.store.database import open_database
from thetaloom.store.upgrading import upgrade

ACCOUNT = AccountId("LIVE-1")
SIMULATED = {"simulator_url": "http://127.0.0.1:1"}
CONTRADICTIONS: list[tuple[dict[str, Any], str]] = [
    ({"mode": "live"}, "the broker is paper"),
    ({"mode": "live", "allow_live": True}, "the broker is paper"),
    ({"mode": "live", "allow_live": True, "broker": "alpaca", "broker_options": SIMULATED}, "a simulated one"),
    ({"broker": "alpaca", "market": "synthetic"}, "synthetic market may never reach an order"),
    ({"broker": "alpaca", "market": "recorded"}, "recorded market may never reach an order"),
    ({"market": "broker"}, "no data of its own"),
    ({"market": "paper"}, "no data of its own"),
    ({"broker": "alpaca", "market": "tastytrade"}, "another broker's prices"),
    ({"broker_account": "5WT00001"}, "no broker is"),
    ({"broker_options": {"api_url": "x"}}, "no broker is"),
    ({"broker": "alpaca", "speed": 60}, "not replayed"),
    ({"market_sources": "cboe:1200"}, "market_sources is set, but the market is synthetic"),
]


@pytest.mark.parametrize(("given", "sentence"), CONTRADICTIONS)
def test_a_contradiction_is_refused(tmp_path: Path, given: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence) as refused:
        load_settings(home=tmp_path, **given)

    assert refused.value.advice


def test_a_broker_brings_its_own_market_unless_another_is_asked_for(tmp_path: Path) -> None:
    own = load_settings(home=tmp_path, broker="alpaca")
    delayed = load_settings(home=tmp_path, broker="alpaca", market="cboe")
    on_paper = load_settings(home=tmp_path, market="alpaca")

    assert (own.market, own.data_broker) == (MarketSource.BROKER, "alpaca")
    assert (delayed.market, delayed.data_broker) == (MarketSource.CBOE, None)
    assert (on_paper.broker, on_paper.data_broker) == ("paper", "alpaca")


def test_options_are_read_from_the_environment_and_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THETALOOM_BROKER", "alpaca")
    monkeypatch.setenv("THETALOOM_BROKER_OPTIONS", json.dumps(SIMULATED))

    settings = load_settings(home=tmp_path)

    assert settings.is_simulated
    assert shown(settings)["broker_options"] == SIMULATED


@pytest.mark.parametrize("asked", [{"broker": "tastytrade"}, {"broker_account": "OTHER"}, {"market": "cboe"}])
def test_a_home_never_changes_its_broker_or_account(tmp_path: Path, asked: dict[str, str]) -> None:
    settings = load_settings(home=tmp_path, broker="alpaca")
    database = open_database(settings.database)
    upgrade(database)
    put_pulse(database, settings, SystemClock().now(), account="PA1", speed=1, alive=False)
    pulse = read_pulse(database)
    database.close()

    assert with_its_market(load_settings(home=tmp_path), pulse).broker_account == "PA1"
    with pytest.raises(ConfigError, match="at alpaca, account PA1"):
        with_its_market(load_settings(home=tmp_path, **({"broker": "alpaca"} | asked)), pulse)


def test_a_switch_that_is_taken_out_of_the_file_is_off_at_once(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text('mode = "live"\nallow_live = true\nbroker = "alpaca"\n')
    switches = SettingsSwitches(load_settings(home=tmp_path))
    assert switches.now() == Switches(wants_live=True, allows_live=True)

    file.write_text('mode = "live"\nallow_live = false\nbroker = "alpaca"\n')
    assert switches.now() == Switches(wants_live=True, allows_live=False)
    file.write_text("this is no TOML [")
    assert switches.now() == Switches()


def test_a_switch_that_was_off_at_the_start_stays_off(tmp_path: Path) -> None:
    switches = SettingsSwitches(load_settings(home=tmp_path, broker="alpaca"))

    (tmp_path / "config.toml").write_text('mode = "live"\nallow_live = true\n')

    assert switches.now() == Switches()


def test_real_money_is_allowed_in_two_steps_and_forbidden_in_one(tmp_path: Path) -> None:
    settings = load_settings(home=tmp_path, broker="alpaca")
    set_up(settings)
    database = open_database(settings.database)

    with pytest.raises(NotAllowed) as refused:
        allow_live(database, settings, LOCAL_USER, ACCOUNT, None)
    with pytest.raises(NotAllowed):
        allow_live(database, settings, LOCAL_USER, AccountId("OTHER"), str(refused.value.details["code"]))
    assert not is_live_allowed(database, ACCOUNT)

    allow_live(database, settings, LOCAL_USER, ACCOUNT, str(refused.value.details["code"]))
    assert is_live_allowed(database, ACCOUNT)
    forbid_live(database, settings, LOCAL_USER, ACCOUNT)
    assert not is_live_allowed(database, ACCOUNT)
    database.close()


def test_the_paper_account_can_never_be_allowed_real_money(tmp_path: Path) -> None:
    settings = load_settings(home=tmp_path)
    set_up(settings)
    database = open_database(settings.database)

    with pytest.raises(InvalidInput, match="never hold real money"):
        allow_live(database, settings, LOCAL_USER, AccountId("PAPER"), None)

    database.close()


def test_prices_of_cboe_are_traded_on_paper_by_the_wall_clock(tmp_path: Path) -> None:
    with open_platform(load_settings(home=tmp_path, market="cboe")) as platform:
        assert (platform.market.name, platform.broker.name, platform.speed) == ("cboe", "paper", 1)
        assert isinstance(platform.clock, SystemClock)


def test_sources_speak_in_the_order_of_preference(tmp_path: Path) -> None:
    with open_platform(load_settings(home=tmp_path, market="cboe", market_sources="cboe:1200")) as platform:
        assert isinstance(platform.market, Linked) and any("cboe" in one.name for one in platform.market.links())


@pytest.mark.parametrize("sources", ["alpaca:30,cboe:1200", "cboe"])
def test_a_source_that_is_not_there_is_refused(tmp_path: Path, sources: str) -> None:
    with (
        pytest.raises((ConfigError, InvalidInput), match="market_sources"),
        open_platform(load_settings(home=tmp_path, market="cboe", market_sources=sources)),
    ):
        pass
