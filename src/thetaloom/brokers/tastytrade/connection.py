"""An open account at tastytrade: its session, its broker and its market data, for as long as they are wanted."""

from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, TypeVar

from tastytrade import Account

from thetaloom.brokers.tastytrade.market_data import TastytradeMarket
from thetaloom.brokers.tastytrade.session import TastytradeSession, WireRefusal
from thetaloom.brokers.tastytrade.settings import TastytradeSettings, settings_of
from thetaloom.brokers.tastytrade.trading import TastytradeBroker
from thetaloom.domain.values.ids import AccountId
from thetaloom.errors import BrokerUnavailable, ConfigError, NotAllowed
from thetaloom.links.nonsense import NONSENSE
from thetaloom.links.owner_loop import OwnerLoop
from thetaloom.links.report_book import ReportBook
from thetaloom.ports.broker_plugin import BrokerSetup, Use

T = TypeVar("T")
STREAM_WAIT_SECONDS = 10.0  # for the first opening; without it everything else works already


class TastytradeConnection:
    """One account, signed in, with its stream kept open."""

    def __init__(
        self,
        broker: TastytradeBroker,
        market: TastytradeMarket,
        session: TastytradeSession,
        book: ReportBook,
        loop: OwnerLoop,
    ) -> None:
        self.broker = broker
        self.market = market
        self._session = session
        self._book = book
        self._loop = loop
        self._is_closed = False

    def close(self) -> None:
        """Hang up; nothing at the broker is changed, and a second call changes nothing at all."""
        if self._is_closed:
            return
        self._is_closed = True
        self.broker.stop()
        self.market.stop()
        with suppress(TimeoutError):  # the loop's end below takes the connections with it
            self._loop.call(self._session.close(), 5)
        self._loop.stop()
        self._book.close()


def open_connection(setup: BrokerSetup) -> TastytradeConnection:
    """Sign in, choose the account, hold it against what is wanted, and open its stream."""
    settings = settings_of(setup)
    loop = OwnerLoop("tastytrade")
    try:
        return _open(setup, settings, loop)
    except BaseException:
        loop.stop()
        raise


def _open(setup: BrokerSetup, settings: TastytradeSettings, loop: OwnerLoop) -> TastytradeConnection:
    session = TastytradeSession(settings, setup.clock)
    account = _choose(_asked(loop, settings, Account.get(session)), settings.account)
    is_live = not (account.is_test_drive or session.stands_on_test_site)
    _check_kind(is_live, setup.is_live, account.account_number)
    book = ReportBook(setup.books_url, "tastytrade", AccountId(account.account_number), setup.clock)
    broker = TastytradeBroker(settings, session, account, loop=loop, book=book, clock=setup.clock)
    market = TastytradeMarket(settings, session, loop=loop, clock=setup.clock, calendar=setup.calendar)
    if setup.use is not Use.HALT:
        broker.start()
        market.start()
        patience = min(STREAM_WAIT_SECONDS, settings.request_timeout_seconds)
        broker.wait_up(patience)
        market.wait_up(patience)
    return TastytradeConnection(broker, market, session, book, loop)


def _asked(loop: OwnerLoop, settings: TastytradeSettings, asking: Coroutine[Any, Any, T]) -> T:
    try:
        return loop.call(asking, 3 * settings.request_timeout_seconds + 1)
    except TimeoutError as error:
        raise BrokerUnavailable("tastytrade did not answer in time") from error
    except WireRefusal as no:
        raise ConfigError(
            f"tastytrade does not show its accounts: {no.words}",
            advice="The grant needs the scopes read and trade. Make a new one at my.tastytrade.",
        ) from no
    except NONSENSE as error:
        raise BrokerUnavailable(f"tastytrade's accounts cannot be read: {type(error).__name__}") from error


def _choose(accounts: list[Account], wanted: str) -> Account:
    numbers = ", ".join(one.account_number for one in accounts)
    if wanted:
        found = next((one for one in accounts if one.account_number == wanted), None)
        if found is None:
            raise ConfigError(
                f"there is no open account {wanted} at tastytrade under this sign-in",
                advice=f"Its accounts: {numbers or 'none'}.",
                details={"account": wanted},
            )
        return found
    if len(accounts) != 1:
        raise ConfigError(
            f"tastytrade shows {len(accounts)} open accounts under this sign-in, and none was chosen",
            advice=f"Set the account to one of: {numbers}." if accounts else "Open an account at tastytrade first.",
        )
    return accounts[0]


def _check_kind(is_live: bool, is_wanted_live: bool, number: str) -> None:
    if is_live and not is_wanted_live:
        raise NotAllowed(
            "live_account_in_paper_mode",
            f"account {number} at tastytrade is real money, and the mode is paper",
            advice="Use a grant of the test site, or switch to live with all its gates.",
            details={"account": number},
        )
    if is_wanted_live and not is_live:
        raise NotAllowed(
            "paper_account_in_live_mode",
            f"account {number} at tastytrade is a test account, and the mode is live",
            advice="Use a grant of the production site, or switch to paper.",
            details={"account": number},
        )
