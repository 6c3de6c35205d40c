"""What a person sets of the connection to TWS or IB Gateway, read once and checked."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from thetaloom.links.given_setup import GivenSetup
from thetaloom.ports.broker_plugin import SetupField

LIVE_PORT, PAPER_PORT = "4001", "4002"  # of IB Gateway; TWS listens on 7496 and 7497
FIELDS = (
    SetupField(name="host", text="Where TWS or IB Gateway runs.", is_needed=False, default="127.0.0.1"),
    SetupField(
        name="port",
        text="Its API port: 4001 live and 4002 paper of IB Gateway, 7496 and 7497 of TWS.",
        is_needed=False,
        default=PAPER_PORT,
    ),
    SetupField(
        name="client_id",
        text="The number of this connection. With 0 also orders placed by hand in TWS can be canceled; never change it"
        " while orders work: only the number that placed an order can change or cancel it.",
        is_needed=False,
        default="0",
    ),
    SetupField(
        name="command_client_id",
        text="The number under which commands connect while a server runs, or the next that is free; empty: the one"
        " after client_id.",
        is_needed=False,
    ),
    SetupField(name="request_timeout_seconds", text="How long an answer may take.", is_needed=False, default="10"),
    SetupField(name="silence_seconds", text="Silence that counts as a lost line.", is_needed=False, default="30"),
    SetupField(
        name="commission_seconds",
        text="How long an execution waits for its commission; one that comes later is booked by itself.",
        is_needed=False,
        default="2",
    ),
    SetupField(
        name="messages_per_second",
        text="Messages sent in a second; TWS takes 50 and hangs up on who sends more.",
        is_needed=False,
        default="45",
    ),
    SetupField(
        name="market_lines",
        text="Quotes that may be open at once: 100 unless more were bought.",
        is_needed=False,
        default="100",
    ),
    SetupField(name="chain_days", text="Chains are listed up to so many days ahead.", is_needed=False, default="60"),
    SetupField(
        name="chain_percent",
        text="Chains are listed for strikes up to so many percent from the underlying's price.",
        is_needed=False,
        default="15",
    ),
    SetupField(
        name="restart_window",
        text="When IBKR or the gateway restarts, on the clock of New York; no order is sent then. Empty: never.",
        is_needed=False,
        default="23:45-00:45",
    ),
    SetupField(
        name="client_portal_url",
        text="Where a Client Portal gateway runs, only to tell whether its login is alive.",
        is_needed=False,
    ),
)
_NEW_YORK = ZoneInfo("America/New_York")
_WINDOW = re.compile("([0-9]{2}):([0-9]{2})-([0-9]{2}):([0-9]{2})")


@dataclass(frozen=True, slots=True, kw_only=True)
class IbkrSettings:
    """The options of the connection."""

    host: str
    port: int
    client_id: int
    command_client_id: int
    request_timeout_seconds: float
    silence_seconds: float
    commission_seconds: float
    messages_per_second: float
    market_lines: int
    chain_days: int
    chain_percent: float
    restart_window: tuple[time, time] | None
    client_portal_url: str

    def restarts_until(self, at: datetime) -> datetime | None:
        """Return the end of the restart window that an instant falls into; ``None`` outside of it."""
        if self.restart_window is None:
            return None
        first, last = self.restart_window
        local = at.astimezone(_NEW_YORK)
        wall = local.time()
        over_midnight = last < first
        is_in = (wall >= first or wall < last) if over_midnight else first <= wall < last
        if not is_in:
            return None
        day = local.date() + timedelta(days=1 if over_midnight and wall >= first else 0)
        return datetime.combine(day, last, _NEW_YORK)


def read_settings(options: Mapping[str, str], *, is_live: bool) -> IbkrSettings:
    """Read the options; what is unknown or malformed raises ``ConfigError``."""
    given = GivenSetup("ibkr", FIELDS, {"port": LIVE_PORT if is_live else PAPER_PORT} | dict(options))
    client_id = given.whole("client_id", 0, 999_998)
    beside = given.text("command_client_id")
    return IbkrSettings(
        host=given.text("host"),
        port=given.whole("port", 1, 65_535),
        client_id=client_id,
        command_client_id=given.whole("command_client_id", 0, 999_999) if beside else client_id + 1,
        request_timeout_seconds=given.number("request_timeout_seconds", 0.01, 120),
        silence_seconds=given.number("silence_seconds", 0.01, 600),
        commission_seconds=given.number("commission_seconds", 0.001, 60),
        messages_per_second=given.number("messages_per_second", 1, 100_000),
        market_lines=given.whole("market_lines", 2, 10_000),
        chain_days=given.whole("chain_days", 0, 2_000),
        chain_percent=given.number("chain_percent", 0.1, 1_000),
        restart_window=_window(given, "restart_window"),
        client_portal_url=given.address("client_portal_url"),
    )


def _window(given: GivenSetup, name: str) -> tuple[time, time] | None:
    text = given.text(name)
    if not text:
        return None
    found = _WINDOW.fullmatch(text)
    numbers = [int(part) for part in found.groups()] if found else []
    if not numbers or max(numbers[0], numbers[2]) > 23 or max(numbers[1], numbers[3]) > 59:
        raise given.wrong(name, "two times of day, like 23:45-00:45")
    return time(numbers[0], numbers[1]), time(numbers[2], numbers[3])


assert {field.name for field in FIELDS} == {field.name for field in fields(IbkrSettings)}
