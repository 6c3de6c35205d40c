"""What the tests of market data share."""

import pytest

from thetaloom.domain.values.calendar import TradingCalendar
from thetaloom.marketdata.calendar_table import SHIPPED_TABLE, read_table


@pytest.fixture(scope="session")
def calendar() -> TradingCalendar:
    return read_table(SHIPPED_TABLE)
