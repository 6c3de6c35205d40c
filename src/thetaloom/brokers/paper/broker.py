"""The paper broker: takes orders into its books and fills them from quotes when told that the market moved."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime

from thetaloom.brokers.paper import elsewhere
from thetaloom.brokers.paper.admission import LEGS_MAX
from thetaloom.brokers.paper.books import Books, Ledger, Phase
from thetaloom.brokers.paper.buying_power import reserve_of
from thetaloom.brokers.paper.exchange import look_at
from thetaloom.brokers.paper.intake import judge, left_of, not_working, replaced, works_from, worth_of
from thetaloom.brokers.paper.overnight import pass_nights, wants_nights
from thetaloom.brokers.paper.settings import Instruction, PaperSettings
from thetaloom.brokers.paper.settlement import settle
from thetaloom.brokers.paper.tables import BookedOrder, Settlement
from thetaloom.brokers.paper.venue import Venue
from thetaloom.domain.book.orders import Effect, Order, OrderStatus
from thetaloom.domain.book.refusals import Refusal
from thetaloom.domain.book.reports import AccountSnapshot, BrokerOrder, BrokerReport, ReportKind
from thetaloom.domain.book.share_orders import ShareOrder, SharesAnswer
from thetaloom.domain.book.transactions import Transaction, trade_transactions
from thetaloom.domain.market.quotes import Quote
from thetaloom.domain.strategy.structures import Leg
from thetaloom.domain.values.calendar import TradingCalendar
from thetaloom.domain.values.ids import BrokerOrderId, ClientOrderId
from thetaloom.domain.values.instruments import OptionContract
from thetaloom.domain.values.money import NOTHING, Price
from thetaloom.errors import InvalidInput, MarketDataUnavailable, NotFound
from thetaloom.ports.broker import BrokerCapabilities, Preview
from thetaloom.ports.clock import Clock
from thetaloom.ports.market_data import MarketData

CAPABILITIES = BrokerCapabilities(
    legs_max=LEGS_MAX,
    gtc=True,
    replace=True,
    native_oco=False,
    absence_seconds=0,
    orders_per_second=1_000,
    exact_books=True,
    shares=True,
)
Which = ClientOrderId | Callable[[Order], bool]


class PaperBroker:
    """Implements ``ports.broker.SimulatedBroker``: same settings, quotes and calls give the same books, byte for byte.

    An order that arrives is accepted or rejected at once and fills at the first ``tick`` that allows it, at most
    one fill at each instant. Sizes of quotes are not looked at: a fill takes all that remains unless told otherwise.
    What the world does to the account without us is done by ``assign``, ``exercise``, ``liquidate`` and the methods
    that end in ``elsewhere``.
    """

    name = "paper"
    simulated = True
    capabilities = CAPABILITIES

    def __init__(
        self,
        *,
        database_url: str,
        settings: PaperSettings,
        market: MarketData,
        clock: Clock,
        calendar: TradingCalendar,
        on_commit: Callable[[Phase], None] | None = None,
    ) -> None:
        self.account_id = settings.account_id
        self._settings = settings
        self._clock = clock
        self._calendar = calendar
        self._venue = Venue(settings=settings, market=market, calendar=calendar)
        self._books = Books(
            database_url,
            settings.account_id,
            settings.starting_cash,
            opened_at=clock.now(),
            settles_at=calendar.settles_at,
            on_commit=on_commit,
        )
        self._scripts: list[tuple[Which, Instruction]] = []
        self._wakes: list[Callable[[], None]] = []
        self._nights_until: datetime | None = None  # up to where nights were looked at since the start

    def close(self) -> None:
        """Let go of the database."""
        self._books.close()

    def script(self, which: Which, *, reject: str = "", fills: Sequence[int] = ()) -> None:
        """Tell what to do to orders that arrive from now on; what comes first counts, the settings come last."""
        self._scripts.append((which, Instruction(reject=reject, fills=tuple(fills))))

    def preview(self, order: Order) -> Preview:
        """Say what an order would do, by the same rules that ``submit`` applies."""
        now = self._clock.now()
        with self._books.read() as ledger:
            if ledger.order(order.client_order_id) is not None:
                message = f"order {order.client_order_id} is in the books already"
                return Preview(
                    buying_power_effect=None,
                    buying_power_after=None,
                    fees=None,
                    refusal=Refusal.DUPLICATE,
                    message=message,
                )
            return judge(self._venue, ledger, order, now, reject=self._told(order).reject)[0]

    def submit(self, order: Order) -> None:
        """Take a new order, or refuse it; an id seen before changes nothing."""
        now = self._clock.now()
        with self._books.write() as ledger:
            if ledger.order(order.client_order_id) is not None:
                return
            told = self._told(order)
            preview, ends_at = judge(self._venue, ledger, order, now, reject=told.reject)
            effect = preview.buying_power_effect if order.effect is Effect.OPEN else None
            booked = BookedOrder(
                client_order_id=order.client_order_id,
                broker_order_id=ledger.next_broker_order_id(),
                effect=order.effect,
                legs=order.legs,
                quantity=order.quantity,
                limit_price=order.limit_price,
                status=OrderStatus.WORKING if preview.refusal is None else OrderStatus.REJECTED,
                placed_at=now,
                ends_at=ends_at,
                works_from=works_from(self._venue, now),
                reserve=NOTHING if effect is None else reserve_of(effect, order.quantity),
                revision=order.revision,
                scripted_fills=told.fills,
            )
            kind = ReportKind.ACCEPTED if preview.refusal is None else ReportKind.REJECTED
            ledger.insert_order(booked)
            ledger.report(
                kind,
                order.client_order_id,
                booked.broker_order_id,
                now,
                message=preview.message,
                refusal=preview.refusal,
            )
        self._wake()

    def trade_shares(self, order: ShareOrder) -> SharesAnswer:
        """Trade shares at the price of their underlying, or refuse; an id seen before changes nothing."""
        now = self._clock.now()
        with self._books.write() as ledger:
            answer = elsewhere.trade_shares_for(ledger, self._venue, order, now)
        self._wake()
        return answer

    def replace(self, client_order_id: ClientOrderId, limit_price: Price, revision: int) -> None:
        """Move the limit of a working order; a revision not newer than the last one changes nothing."""
        now = self._clock.now()
        with self._books.write() as ledger:
            booked = ledger.order(client_order_id)
            if booked is not None and booked.is_open and revision <= booked.revision:
                return
            moved, refused = replaced(self._venue, ledger, booked, limit_price, revision, now)
            if moved is not None:
                ledger.update_order(moved)
            ledger.report(
                ReportKind.REPLACE_REFUSED if refused else ReportKind.REPLACED,
                client_order_id,
                None if booked is None else booked.broker_order_id,
                now,
                limit_price=None if refused else limit_price,
                message=refused.message,
                refusal=refused.why,
            )
        self._wake()

    def cancel(self, client_order_id: ClientOrderId) -> None:
        """Cancel a working order; what is over already is refused."""
        now = self._clock.now()
        with self._books.write() as ledger:
            booked = ledger.order(client_order_id)
            refused = not_working(booked)
            if booked is not None and not refused:
                elsewhere.end(ledger, booked, OrderStatus.CANCELED, ReportKind.CANCELED, now)
            else:
                their_id = None if booked is None else booked.broker_order_id
                ledger.report(
                    ReportKind.CANCEL_REFUSED,
                    client_order_id,
                    their_id,
                    now,
                    message=refused.message,
                    refusal=refused.why,
                )
        self._wake()

    def find(self, client_order_id: ClientOrderId) -> BrokerOrder | None:
        """Look the order up; ``None`` proves that it never arrived."""
        with self._books.read() as ledger:
            booked = ledger.order(client_order_id)
        return None if booked is None else booked.told

    def open_orders(self) -> Sequence[BrokerOrder]:
        """Return all orders that work, oldest first, also those that were placed elsewhere."""
        with self._books.read() as ledger:
            return [booked.told for booked in ledger.open_orders()]

    def reports_since(self, sequence: int) -> Sequence[BrokerReport]:
        """Return the reports after ``sequence``, oldest first."""
        with self._books.read() as ledger:
            return ledger.reports_since(sequence)

    def last_report_at(self) -> datetime | None:
        """Return when the newest report was written; the market's time may not go back behind it."""
        with self._books.read() as ledger:
            newest = ledger.newest_report()
        return None if newest is None else newest.reported_at

    def account(self) -> AccountSnapshot:
        """Return the balances; the net liquidating value is at the mids of valid quotes, or unknown."""
        now = self._clock.now()
        with self._books.read() as ledger:
            cash, working = ledger.cash(), ledger.open_orders()
            book = self._venue.book(ledger, now)
        return AccountSnapshot(
            account_id=self.account_id,
            as_of=now,
            cash=cash,
            net_liquidating_value=worth_of(cash, book),
            buying_power=left_of(cash, book, working),
            is_live=False,
            is_cash_account=self._settings.is_cash_account,
            shares=book.shares,
        )

    def holdings(self) -> Mapping[OptionContract, int]:
        """Return the contracts held, bought positive and sold negative."""
        with self._books.read() as ledger:
            return ledger.holdings()

    def shares(self) -> Mapping[str, int]:
        """Return the shares held, bought positive and sold negative."""
        with self._books.read() as ledger:
            return self._venue.shares(ledger)

    def settlements(self) -> Sequence[Settlement]:
        """Return what became of holdings that ended, by contract."""
        with self._books.read() as ledger:
            return ledger.settlements()

    def transactions(self, after: int) -> Sequence[Transaction]:
        """Return the transactions after a sequence, oldest first."""
        with self._books.read() as ledger:
            return ledger.transactions(after)

    def on_report(self, wake: Callable[[], None]) -> None:
        """Have ``wake`` called after there is a new report or a transaction."""
        self._wakes.append(wake)

    def tick(self) -> None:
        """Look at the market as it is now: expire what is over, settle what has ended, fill what fills."""
        now = self._clock.now()
        with self._books.read() as ledger:
            working, due = ledger.open_orders(), ledger.holdings(settling_by=now)
        quotes = self._venue.quotes((leg.contract for booked in working for leg in booked.legs), now)
        over = [booked for booked in working if now >= booked.ends_at]
        changes = [self._look(booked, quotes, now) for booked in over]
        settled = [self._settle(contract) for contract in due]
        changes += settled
        if all(settled):  # what came of them belongs to the night
            changes.append(self._pass_nights(now))
        changes += [self._look(booked, quotes, now) for booked in working if now < booked.ends_at]
        if any(changes):
            self._wake()

    def assign(self, contract: OptionContract, quantity: int | None = None) -> None:
        """Let sold contracts be exercised against the account now, by default all of them."""
        with self._from_outside() as (ledger, now):
            held = max(0, -ledger.holdings().get(contract, 0)) if quantity is None else quantity
            elsewhere.exercise_now(ledger, self._venue, contract, -held, now)

    def exercise(self, contract: OptionContract, quantity: int | None = None) -> None:
        """Exercise bought contracts now, by default all of them."""
        with self._from_outside() as (ledger, now):
            held = max(0, ledger.holdings().get(contract, 0)) if quantity is None else quantity
            elsewhere.exercise_now(ledger, self._venue, contract, held, now)

    def liquidate(self, contract: OptionContract, quantity: int | None = None, price: Price | None = None) -> None:
        """Let the broker close contracts by itself, by default all of them and at the natural price."""
        with self._from_outside() as (ledger, now):
            held = ledger.holdings().get(contract, 0)
            count = abs(held) if quantity is None else quantity
            if not 0 < count <= abs(held):
                raise InvalidInput(f"{held} {contract.notation} are held, of which {count} cannot be closed")
            leg = Leg(contract=contract, ratio=-1 if held > 0 else 1)
            net = None if price is None else price * -leg.ratio
            elsewhere.trade_now(ledger, self._venue, [leg], count, net, now)

    def trade_elsewhere(self, legs: Sequence[Leg], quantity: int = 1, price: Price | None = None) -> None:
        """Trade structures as another program would, by default at the natural price."""
        with self._from_outside() as (ledger, now):
            elsewhere.trade_now(ledger, self._venue, legs, quantity, price, now)

    def trade_shares_elsewhere(self, symbol: str, quantity: int, price: Price | None = None) -> None:
        """Buy shares as another program would, or sell them when negative, by default at the last price."""
        with self._from_outside() as (ledger, now):
            elsewhere.trade_shares_now(ledger, self._venue, symbol, quantity, price, now)

    def place_elsewhere(
        self, legs: Sequence[Leg], quantity: int, limit_price: Price, effect: Effect = Effect.OPEN
    ) -> BrokerOrderId:
        """Place an order as another program would; it works until it fills, and its contracts end."""
        with self._from_outside() as (ledger, now):
            booked = elsewhere.order_elsewhere(ledger, self._venue, legs, quantity, limit_price, effect, now)
        return booked.broker_order_id

    def cancel_orphan(self, broker_order_id: BrokerOrderId) -> None:
        """Cancel a working order that is not ours."""
        self.cancel_elsewhere(broker_order_id)

    def cancel_elsewhere(self, broker_order_id: BrokerOrderId) -> None:
        """Cancel a working order, whoever placed it, as another program would."""
        with self._from_outside() as (ledger, now):
            found = next((one for one in ledger.open_orders() if one.broker_order_id == broker_order_id), None)
            if found is None:
                raise NotFound(f"no order {broker_order_id} works")
            elsewhere.end(ledger, found, OrderStatus.CANCELED, ReportKind.CANCELED, now, "canceled elsewhere")

    @contextmanager
    def _from_outside(self) -> Iterator[tuple[Ledger, datetime]]:
        now = self._clock.now()
        self._pass_nights(now)
        with self._books.write() as ledger:
            yield ledger, now
        self._wake()

    def _told(self, order: Order) -> Instruction:
        for which, instruction in self._scripts:
            if which(order) if callable(which) else which == order.client_order_id:
                return instruction
        for instruction in self._settings.script:
            if instruction.client_order_id in (None, order.client_order_id):
                return instruction
        return Instruction()

    def _look(self, booked: BookedOrder, quotes: Mapping[OptionContract, Quote], now: datetime) -> bool:
        seen = look_at(booked, quotes, self._venue, now)
        if seen.order == booked:
            return False
        with self._books.write() as ledger:
            if ledger.order(booked.client_order_id) != booked:
                return False  # somebody changed it since it was read; the next tick sees it as it is
            if seen.order.status is OrderStatus.EXPIRED:
                elsewhere.end(ledger, booked, OrderStatus.EXPIRED, ReportKind.EXPIRED, now)
                return True
            ledger.update_order(seen.order)
            if seen.fill is None:
                return False  # only its place in the queue changed, of which nobody hears
            happened = trade_transactions(seen.fill, booked.broker_order_id)
            if booked.is_ours:
                ledger.record(happened)
                ledger.report(ReportKind.FILLED, booked.client_order_id, booked.broker_order_id, now, fill=seen.fill)
            else:
                ledger.record(elsewhere.without_order(happened))
                elsewhere.drop_closing_orders(ledger, now)
        return True

    def _settle(self, contract: OptionContract) -> bool:
        at = self._calendar.settles_at(contract)
        spot = self._venue.spot(contract.underlying, at)
        if spot is None:
            return False
        with self._books.write() as ledger:
            quantity = ledger.holdings(settling_by=at).get(contract, 0)
            if quantity:
                ledger.settle(*settle(contract, quantity, spot, at))
            return bool(quantity)

    def _pass_nights(self, now: datetime) -> bool:
        """Do what the nights since the last look did to the account."""
        since = self._nights_until
        if since is not None and self._calendar.next_close(since) > now:
            return False
        with self._books.read() as ledger:
            is_wanted = wants_nights(self._venue, ledger)
        if not is_wanted:
            self._nights_until = now
            return False
        try:
            with self._books.write() as ledger:
                pass_nights(self._venue, ledger, now, since=since)
                changed = ledger.changed
        except MarketDataUnavailable:
            return False  # what is owed is not known; the next tick asks again
        self._nights_until = now
        return changed

    def _wake(self) -> None:
        for wake in self._wakes:
            wake()
