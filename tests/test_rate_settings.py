from pathlib import Path

import pytest

from thetaloom.config import load_settings
from thetaloom.errors import ConfigError


def test_rates_take_the_place_of_the_rate(tmp_path: Path) -> None:
    flat = load_settings(home=tmp_path, rate=0.05).rate_curve
    bent = load_settings(home=tmp_path, rate=0.05, rates="30:0.041,365:0.039").rate_curve

    assert flat.at(3.0) == 0.05
    assert (bent.at(0.0), bent.at(1.0)) == (0.041, 0.039)


def test_rates_that_are_none_stop_the_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="30:4"):
        load_settings(home=tmp_path, rates="30:4.1")
