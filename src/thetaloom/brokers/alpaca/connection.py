"""An open account at Alpaca: its session, its books, its streams, and the thread that keeps them up to date."""

import asyncio
from collections.abc import Sequence
from functools import partial

from thetaloom.brokers.alpaca.books import AlpacaBooks
from thetaloom.brokers.alpaca.keeper import BooksKeeper
from thetaloom.brokers.alpaca.market_data import AlpacaMarket
from thetaloom.brokers.alpaca.parse import Raw, text
from thetaloom.brokers.alpaca.session import UNAUTHORIZED, AlpacaSession, No
from thetaloom.brokers.alpaca.settings import AlpacaSettings, check_kind
from thetaloom.brokers.alpaca.streams import open_trade_line
from thetaloom.brokers.alpaca.trading import AlpacaBroker
from thetaloom.domain.values.ids import AccountId
from thetaloom.errors import BrokerUnavailable, ConfigError, InvalidInput, ThetaloomError
from thetaloom.links.kept_stream import KeptStream
from thetaloom.links.owner_loop import OwnerLoop
from thetaloom.links.report_book import ReportBook
from thetaloom.ports.broker_plugin import BrokerSetup, Use
from thetaloom.ports.links import LinkStatus

FORBIDDEN = 403
NEW_KEYS = "Make new keys at Alpaca, of the kind that the mode needs, and store them."
ASKED_SHARE = 0.1  # of all requests, for what no stream tells: assignments, fees and the like


class AlpacaConnection:
    """Implements ``ports.broker_plugin.ConnectedBroker``."""

    def __init__(self, settings: AlpacaSettings, setup: BrokerSetup, session: AlpacaSession, number: str) -> None:
        self._session = session
        self._loop = OwnerLoop("alpaca streams")
        account_id = AccountId(number)
        self._book = ReportBook(setup.books_url, "alpaca", account_id, setup.clock)
        self._books = AlpacaBooks(session, self._book, setup.clock)
        ask_seconds = 60 / (settings.requests_per_minute * ASKED_SHARE)
        self._keeper = BooksKeeper(self._books, settings.sweep_seconds, ask_seconds)
        self._stream = KeptStream(
            name="alpaca trade updates",
            loop=self._loop,
            open_line=lambda heard: open_trade_line(settings, heard, self._keeper.take),
            clock=setup.clock,
            silence_seconds=settings.silence_seconds,
        )
        self._stream.on_open(partial(asyncio.to_thread, self._books.catch_up))
        self._market = AlpacaMarket(session, self._loop, setup.clock, setup.calendar)
        self._broker = AlpacaBroker(
            account_id=account_id,
            session=session,
            book=self._book,
            books=self._books,
            ask=self._keeper.ask,
            clock=setup.clock,
            calendar=setup.calendar,
            links=lambda: (self._stream.status(),),
        )

    @property
    def broker(self) -> AlpacaBroker:
        """Its orders and books."""
        return self._broker

    @property
    def market(self) -> AlpacaMarket:
        """Its market data."""
        return self._market

    def links(self) -> Sequence[LinkStatus]:
        """Return how its streams stand."""
        return (self._stream.status(), *self._market.links())

    def start(self) -> None:
        """Read the books, and listen from then on."""
        self._books.catch_up()
        self._keeper.start()
        self._stream.start()
        self._market.start()

    def close(self) -> None:
        """Hang up; nothing at Alpaca is changed."""
        self._stream.stop()
        self._market.stop()
        self._keeper.stop()
        self._loop.stop()
        self._book.close()
        self._session.close()


def open_connection(settings: AlpacaSettings, setup: BrokerSetup) -> AlpacaConnection:
    """Sign in, hold the account against what is wanted, and begin to listen."""
    session = AlpacaSession(settings)
    try:
        number = _account_number(session, settings)
        check_kind(is_live=session.says_live(number), wanted_live=settings.is_live)
        connection = AlpacaConnection(settings, setup, session, number)
    except ThetaloomError:
        session.close()
        raise
    try:
        if setup.use is not Use.HALT:
            connection.start()
    except ThetaloomError:
        connection.close()
        raise
    return connection


def _account_number(session: AlpacaSession, settings: AlpacaSettings) -> str:
    try:
        told = session.read(session.trading.get_account)
    except BrokerUnavailable as error:
        if error.details.get("status") == UNAUTHORIZED:
            raise ConfigError(error.message, advice=NEW_KEYS) from error
        raise
    if isinstance(told, No):
        if told.status == FORBIDDEN:
            raise ConfigError(f"alpaca does not take the keys: {told.message}", advice=NEW_KEYS)
        raise BrokerUnavailable(told.message)
    number = _checked(told)
    if settings.account and settings.account != number:
        raise ConfigError(
            f"the keys are of account {number} at Alpaca, and the settings name {settings.account}",
            advice="Give the keys of the account that the settings name, or leave its number out.",
        )
    return number


def _checked(told: Raw) -> str:
    try:
        number = text(told, "account_number")
    except (InvalidInput, AttributeError) as error:
        raise BrokerUnavailable("alpaca's account cannot be read") from error
    if told.get("account_blocked") or told.get("trading_blocked"):
        raise BrokerUnavailable(f"alpaca has blocked account {number} for trading")
    return number
