"""Puts the parts of a connection together: one loop, one line, one account, its broker and its market data."""

from ib_async import CommissionReport, Contract, Execution, OrderState
from ib_async import Order as TwsOrder

from thetaloom.brokers.ibkr import parse
from thetaloom.brokers.ibkr.hearing import Hearing
from thetaloom.brokers.ibkr.market_data import IbkrMarket
from thetaloom.brokers.ibkr.portal import Portal
from thetaloom.brokers.ibkr.session import Session
from thetaloom.brokers.ibkr.settings import IbkrSettings
from thetaloom.brokers.ibkr.trading import IbkrBroker
from thetaloom.domain.values.ids import AccountId
from thetaloom.errors import BrokerUnavailable, ConfigError, NotAllowed
from thetaloom.links.owner_loop import OwnerLoop
from thetaloom.links.report_book import ReportBook
from thetaloom.ports.broker_plugin import BrokerSetup, Use
from thetaloom.ports.market_data import MarketData

CLOSE_SECONDS = 5.0


class _Ears:
    """Passes on what TWS tells, once there is somebody to hear: the account is known only after sign-in."""

    def __init__(self) -> None:
        self.hearing: Hearing | None = None
        self.session: Session | None = None

    def order_told(self, contract: Contract, order: TwsOrder, state: OrderState) -> None:
        if self.hearing is not None:
            self.hearing.order_told(contract, order, state)

    def completed_told(self, contract: Contract, order: TwsOrder, state: OrderState) -> None:
        if self.hearing is not None:
            self.hearing.completed_told(contract, order, state)

    def status_told(self, client_id: int, order_id: int, perm_id: int, status: str, filled: float) -> None:
        if self.hearing is not None:
            self.hearing.status_told(client_id, order_id, perm_id, status, filled)

    def execution_told(self, contract: Contract, execution: Execution) -> None:
        if self.hearing is not None:
            self.hearing.execution_told(contract, execution)

    def commission_told(self, report: CommissionReport) -> None:
        if self.hearing is not None:
            self.hearing.commission_told(report)

    def position_told(self) -> None:
        if self.hearing is not None:
            self.hearing.position_told()

    def unread(self) -> None:
        if self.hearing is not None:
            self.hearing.unread()

    def error_told(self, request_id: int, code: int, text: str) -> None:
        if self.hearing is not None:
            self.hearing.error_told(request_id, code, text)
        elif self.session is not None and request_id == -1:
            self.session.note(code, text)


class Connection:
    """An open connection; ``open`` takes up the account, ``close`` gives everything back."""

    def __init__(self, setup: BrokerSetup, settings: IbkrSettings) -> None:
        self._setup = setup
        self._settings = settings
        self._loop = OwnerLoop("ibkr")
        self._ears = _Ears()
        self._session = Session(settings, setup.clock, self._loop, self._ears, setup.use)
        self._ears.session = self._session
        self._book: ReportBook | None = None
        self._broker: IbkrBroker | None = None
        self._market: IbkrMarket | None = None
        self._is_closed = False

    @property
    def broker(self) -> IbkrBroker:
        """The broker, once ``open`` is through."""
        if self._broker is None:
            raise BrokerUnavailable("the connection to TWS is not open")
        return self._broker

    @property
    def book(self) -> ReportBook:
        """What TWS told of the account."""
        if self._book is None:
            raise BrokerUnavailable("the connection to TWS is not open")
        return self._book

    @property
    def market(self) -> MarketData | None:
        """The market data, once ``open`` is through."""
        return self._market

    def open(self) -> None:
        """Connect, check the account, and read its books."""
        stream = self._session.stream
        stream.start()
        if not stream.wait_up(self._settings.request_timeout_seconds * 3):
            raise BrokerUnavailable(
                stream.status().reason, advice="See whether TWS or IB Gateway runs, is logged in, and has its API on."
            )
        account = self._chosen(self._session.tws.managedAccounts())
        self._check_kind(account)
        self._session.account = account
        self._book = ReportBook(self._setup.books_url, "ibkr", AccountId(account), self._setup.clock)
        self._loop.call(self._take_up(account, self._book), self._settings.request_timeout_seconds * 4)
        if self._settings.client_portal_url and self._setup.use is Use.SERVER:
            portal = Portal(self._settings.client_portal_url, self._setup.clock)
            self._loop.post(self._session.watch_portal(portal))

    def close(self) -> None:
        """Hang up; nothing at the broker is changed."""
        if self._is_closed:
            return
        self._is_closed = True
        if self._broker is not None:
            self._loop.call(self._leave(), CLOSE_SECONDS)
        self._session.stream.stop()
        self._loop.stop()
        if self._book is not None:
            self._book.close()

    async def _take_up(self, account: str, book: ReportBook) -> None:
        broker = IbkrBroker(
            settings=self._settings,
            account=account,
            book=book,
            clock=self._setup.clock,
            calendar=self._setup.calendar,
            loop=self._loop,
            session=self._session,
        )
        self._broker = broker
        if self._setup.use is Use.SERVER:  # one process alone writes down what TWS tells
            self._ears.hearing = broker.hearing
        market = IbkrMarket(
            settings=self._settings,
            session=self._session,
            registry=broker.registry,
            clock=self._setup.clock,
            calendar=self._setup.calendar,
            loop=self._loop,
        )
        self._market = market
        broker.spot_of = market.known_spot
        stream = self._session.stream
        stream.on_open(market.reopen)
        stream.on_change(market.line_lost_or_back)
        self._session.on_restored(market.restored)
        if self._setup.use is Use.SERVER:
            stream.on_open(broker.catch_up)
            stream.on_change(broker.hearing.line_lost_or_back)
            await broker.catch_up()

    async def _leave(self) -> None:
        self.broker.hearing.flush()
        self._session.stream.stop()  # first: a line that we hang up is not a lost one
        self._session.hang_up()

    def _chosen(self, accounts: list[str]) -> str:
        wanted = self._setup.account
        if wanted and wanted not in accounts:
            raise ConfigError(
                f"TWS has no account {wanted}; it has {', '.join(accounts)}",
                advice="Set broker_account to one of them, or log in to TWS or IB Gateway as the user of that account.",
            )
        if not wanted and len(accounts) != 1:
            raise ConfigError(
                f"TWS has {len(accounts)} accounts: {', '.join(accounts)}", advice="Set broker_account to one of them."
            )
        return wanted or accounts[0]

    def _check_kind(self, account: str) -> None:
        is_paper = parse.is_paper(account)
        if is_paper and self._setup.is_live:
            raise NotAllowed(
                "paper_account_in_live_mode",
                f"{account} is a paper account, and the mode is live",
                advice="Log in to TWS or IB Gateway with the live account and set its port, or trade in paper mode.",
            )
        if not is_paper and not self._setup.is_live:
            raise NotAllowed(
                "live_account_in_paper_mode",
                f"{account} is an account with real money, and the mode is paper",
                advice="Log in to TWS or IB Gateway with the paper account, and set its port.",
            )
