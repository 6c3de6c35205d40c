"""The paper broker: takes orders into its books and fills them from quotes when told that the market moved."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from thetaloom.brokers.paper.admission import Standing, beyond_buying_power, refusal, wrong_limit
from thetaloom.brokers.paper.books import Books, Ledger, Phase
from thetaloom.brokers.paper.buying_power import Marks, requirement, reserve
from thetaloom.brokers.paper.fill_model import Priced, draw_quantity, judge_fill
from thetaloom.brokers.paper.hours import last_trading_at, marks_judged_at, order_ends_at, trades_at
from thetaloom.brokers.paper.settings import Instruction, PaperSettings
from thetaloom.brokers.paper.settlement import settle
from thetaloom.brokers.paper.tables import BookedOrder, Settlement
from thetaloom.domain.book.fills import Fill, LegFill
from thetaloom.domain.book.orders import Effect, Order, OrderStatus
from thetaloom.domain.book.reports import AccountSnapshot, BrokerOrder, BrokerReport, ReportKind
from thetaloom.domain.book.transactions import Transaction, trade_transactions
from thetaloom.domain.market.quotes import Quote, judge_quote
from thetaloom.domain.strategy.structures import Leg
from thetaloom.domain.values.calendar import TradingCalendar
from thetaloom.domain.values.ids import ClientOrderId, FillId
from thetaloom.domain.values.instruments import OptionContract
from thetaloom.domain.values.money import NOTHING, Money, Price
from thetaloom.errors import InvalidInput, MarketDataUnavailable
from thetaloom.ports.broker import BrokerCapabilities
from thetaloom.ports.clock import Clock
from thetaloom.ports.market_data import MarketData

CAPABILITIES = BrokerCapabilities(
    legs_max=8, gtc=True, replace=True, native_oco=False, absence_seconds=0, orders_per_second=1_000
)
Which = ClientOrderId | Callable[[Order], bool]


class PaperBroker:
    """Implements ``ports.broker.SimulatedBroker``: same settings, quotes and calls give the same books, byte for byte.

    An order that arrives is accepted or rejected at once and fills at the first ``tick`` that allows it, at most
    one fill at each instant. Sizes of quotes are not looked at: a fill takes all that remains unless told otherwise.
    """

    name = "paper"
    simulated = True

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
        self._market = market
        self._clock = clock
        self._calendar = calendar
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

    @property
    def capabilities(self) -> BrokerCapabilities:
        """What this broker can do: all its answers are final at once."""
        return CAPABILITIES

    def close(self) -> None:
        """Let go of the database."""
        self._books.close()

    def script(self, which: Which, *, reject: str = "", fills: Sequence[int] = ()) -> None:
        """Tell what to do to orders that arrive from now on; what comes first counts, the settings come last."""
        self._scripts.append((which, Instruction(reject=reject, fills=tuple(fills))))

    def submit(self, order: Order) -> None:
        """Take a new order, or refuse it; an id seen before changes nothing."""
        now = self._clock.now()
        with self._books.write() as ledger:
            if ledger.order(order.client_order_id) is not None:
                return
            booked, message = self._admit(ledger, order, now)
            kind = ReportKind.REJECTED if message else ReportKind.ACCEPTED
            ledger.insert_order(booked)
            ledger.report(kind, order.client_order_id, booked.broker_order_id, now, message=message)
        self._wake()

    def replace(self, client_order_id: ClientOrderId, limit_price: Price, revision: int) -> None:
        """Move the limit of a working order; a revision not newer than the last one changes nothing."""
        now = self._clock.now()
        with self._books.write() as ledger:
            booked = ledger.order(client_order_id)
            if booked is not None and booked.is_open and revision <= booked.revision:
                return
            moved, message = self._replaced(ledger, booked, limit_price, revision, now)
            if moved is not None:
                ledger.update_order(moved)
            kind = ReportKind.REPLACE_REFUSED if message else ReportKind.REPLACED
            limit = None if message else limit_price
            their_id = None if booked is None else booked.broker_order_id
            ledger.report(kind, client_order_id, their_id, now, limit_price=limit, message=message)
        self._wake()

    def cancel(self, client_order_id: ClientOrderId) -> None:
        """Cancel a working order; what is over already is refused."""
        now = self._clock.now()
        with self._books.write() as ledger:
            booked = ledger.order(client_order_id)
            message = _not_working(booked)
            their_id = None if booked is None else booked.broker_order_id
            if booked is not None and not message:
                ledger.update_order(replace(booked, status=OrderStatus.CANCELED))
            kind = ReportKind.CANCEL_REFUSED if message else ReportKind.CANCELED
            ledger.report(kind, client_order_id, their_id, now, message=message)
        self._wake()

    def find(self, client_order_id: ClientOrderId) -> BrokerOrder | None:
        """Look the order up; ``None`` proves that it never arrived."""
        with self._books.read() as ledger:
            booked = ledger.order(client_order_id)
        return None if booked is None else booked.told

    def open_orders(self) -> Sequence[BrokerOrder]:
        """Return all orders that work, oldest first."""
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
            cash, held, working = ledger.cash(), ledger.holdings(), ledger.open_orders()
            shares = self._shares(ledger)
        marks = self._marks(held, now)
        worth: Money | None = None
        if all(contract in marks.mids for contract in held):
            marked = (marks.mids[one].times(one.multiplier, quantity) for one, quantity in held.items())
            worth = self._with_shares(sum(marked, cash), shares, now)
        return AccountSnapshot(
            account_id=self.account_id,
            as_of=now,
            cash=cash,
            net_liquidating_value=worth,
            buying_power=self._buying_power(cash, held, working, marks),
            is_live=False,
            is_cash_account=self._settings.is_cash_account,
            shares=shares,
        )

    def _shares(self, ledger: Ledger) -> dict[str, int]:
        held = dict(self._settings.shares)
        for symbol, quantity in ledger.shares().items():
            held[symbol] = held.get(symbol, 0) + quantity
        return {symbol: quantity for symbol, quantity in held.items() if quantity}

    def _with_shares(self, worth: Money, shares: Mapping[str, int], now: datetime) -> Money | None:
        for symbol, quantity in shares.items():
            spot = self._spot(symbol, now)
            if spot is None:
                return None
            worth += spot.times(quantity)
        return worth.to_cents()

    def holdings(self) -> Mapping[OptionContract, int]:
        """Return the contracts held, bought positive and sold negative."""
        with self._books.read() as ledger:
            return ledger.holdings()

    def settlements(self) -> Sequence[Settlement]:
        """Return what became of holdings at expiration, by contract."""
        with self._books.read() as ledger:
            return ledger.settlements()

    def transactions(self, after: int) -> Sequence[Transaction]:
        """Return the transactions after a sequence, oldest first."""
        with self._books.read() as ledger:
            return ledger.transactions(after)

    def on_report(self, wake: Callable[[], None]) -> None:
        """Have ``wake`` called after there is a new report or a holding has settled."""
        self._wakes.append(wake)

    def tick(self) -> None:
        """Look at the market as it is now: expire what is over, fill what fills, settle what has settled."""
        now = self._clock.now()
        with self._books.read() as ledger:
            working, due = ledger.open_orders(), ledger.holdings(settling_by=now)
        quotes = self._quotes((leg.contract for booked in working for leg in booked.legs), now)
        changes = [self._examine(booked, quotes, now) for booked in working]
        changes += [self._settle(contract) for contract in due]
        if any(changes):
            self._wake()

    def _admit(self, ledger: Ledger, order: Order, now: datetime) -> tuple[BookedOrder, str]:
        """Return the order as it goes into the books, and the message it is rejected with, if it is."""
        contracts = [leg.contract for leg in order.legs]
        told = self._told(order)
        each, ends_at, message = NOTHING, now, told.reject
        if not message:
            held, working = ledger.holdings(), ledger.open_orders()
            marks = self._marks([*contracts, *held], now)
            opens = order.effect is Effect.OPEN
            needed = self._reserve(order.legs, order.limit_price, marks) if opens else NOTHING
            try:
                ends_at = order_ends_at(self._calendar, contracts, now, order.time_in_force)
                standing = Standing(
                    account_id=self.account_id,
                    now=now,
                    last_trading_at=last_trading_at(self._calendar, contracts),
                    held=held,
                    working=working,
                    buying_power=self._buying_power(ledger.cash(), held, working, marks),
                    reserve=needed,
                )
                message = refusal(order, standing)
            except InvalidInput as error:  # a date that the calendar does not cover
                message = error.message
            each = needed or NOTHING
        booked = BookedOrder(
            client_order_id=order.client_order_id,
            broker_order_id=ledger.next_broker_order_id(),
            effect=order.effect,
            legs=order.legs,
            quantity=order.quantity,
            limit_price=order.limit_price,
            status=OrderStatus.REJECTED if message else OrderStatus.WORKING,
            placed_at=now,
            ends_at=ends_at,
            reserve=each,
            revision=order.revision,
            scripted_fills=told.fills,
        )
        return booked, message

    def _told(self, order: Order) -> Instruction:
        for which, instruction in self._scripts:
            if which(order) if callable(which) else which == order.client_order_id:
                return instruction
        for instruction in self._settings.script:
            if instruction.client_order_id in (None, order.client_order_id):
                return instruction
        return Instruction()

    def _replaced(
        self, ledger: Ledger, booked: BookedOrder | None, limit: Price, revision: int, now: datetime
    ) -> tuple[BookedOrder | None, str]:
        message = _not_working(booked)
        if booked is None or message:
            return None, message
        moved = replace(booked, limit_price=limit, revision=revision)
        message = wrong_limit(booked.legs, limit)
        if booked.effect is Effect.OPEN and not message:
            held = ledger.holdings()
            others = [one for one in ledger.open_orders() if one.client_order_id != booked.client_order_id]
            marks = self._marks([*held, *(leg.contract for leg in booked.legs)], now)
            each = self._reserve(booked.legs, limit, marks)
            left = self._buying_power(ledger.cash(), held, others, marks)
            message = beyond_buying_power(each, booked.remaining, left)
            moved = replace(moved, reserve=each or NOTHING)
        return (None, message) if message else (moved, "")

    def _examine(self, booked: BookedOrder, quotes: Mapping[OptionContract, Quote], now: datetime) -> bool:
        if now >= booked.ends_at:
            return self._expire(booked, now)
        if booked.filled_at is not None and booked.filled_at >= now:
            return False
        if not trades_at(self._calendar, (leg.contract for leg in booked.legs), now):
            return False
        priced = judge_fill(
            booked.legs,
            booked.limit_price,
            quotes,
            now=now,
            fill_at=self._settings.fill_at,
            age_max=self._settings.quote_age_max,
            closes=booked.effect is Effect.CLOSE,
        )
        return priced is not None and self._fill(booked, priced, now)

    def _expire(self, booked: BookedOrder, now: datetime) -> bool:
        with self._books.write() as ledger:
            if ledger.order(booked.client_order_id) != booked:
                return False  # somebody changed it since it was read; the next tick sees it as it is
            ledger.update_order(replace(booked, status=OrderStatus.EXPIRED))
            ledger.report(ReportKind.EXPIRED, booked.client_order_id, booked.broker_order_id, now)
        return True

    def _fill(self, booked: BookedOrder, priced: Priced, now: datetime) -> bool:
        fill = self._make_fill(booked, priced, now)
        with self._books.write() as ledger:
            if ledger.order(booked.client_order_id) != booked:
                return False
            filled = booked.filled + fill.quantity
            status = OrderStatus.FILLED if filled == booked.quantity else booked.status
            ledger.update_order(replace(booked, filled=filled, fills=booked.fills + 1, filled_at=now, status=status))
            ledger.record(trade_transactions(fill, booked.broker_order_id))
            ledger.report(ReportKind.FILLED, booked.client_order_id, booked.broker_order_id, now, fill=fill)
        return True

    def _make_fill(self, booked: BookedOrder, priced: Priced, now: datetime) -> Fill:
        if booked.fills < len(booked.scripted_fills):
            quantity = min(booked.scripted_fills[booked.fills], booked.remaining)
        else:
            chance = self._settings.partial_fill_probability
            seeds = (self._settings.seed, booked.client_order_id, booked.fills)
            quantity = draw_quantity(booked.remaining, chance, *seeds)
        contracts = quantity * sum(abs(leg.ratio) for leg in booked.legs)
        return Fill(
            fill_id=FillId(f"{booked.broker_order_id}-{booked.fills + 1}"),
            client_order_id=booked.client_order_id,
            quantity=quantity,
            price=booked.limit_price,
            fees=-(self._settings.fee_per_contract * contracts).to_cents(),
            filled_at=now,
            legs=tuple(
                LegFill(contract=leg.contract, quantity=leg.ratio * quantity, price=price)
                for leg, price in zip(booked.legs, priced.leg_prices, strict=True)
            ),
            model=priced.model,
        )

    def _settle(self, contract: OptionContract) -> bool:
        at = self._calendar.settles_at(contract)
        spot = self._spot(contract.underlying, at)
        if spot is None:
            return False
        with self._books.write() as ledger:
            quantity = ledger.holdings(settling_by=at).get(contract, 0)
            if quantity:
                ledger.settle(*settle(contract, quantity, spot, at))
            return bool(quantity)

    def _reserve(self, legs: Iterable[Leg], limit: Price, marks: Marks) -> Money | None:
        fee, is_cash = self._settings.fee_per_contract, self._settings.is_cash_account
        return reserve(legs, limit, fee, marks, is_cash_account=is_cash)

    def _buying_power(
        self, cash: Money, held: Mapping[OptionContract, int], working: Iterable[BookedOrder], marks: Marks
    ) -> Money | None:
        need = requirement(held, marks, is_cash_account=self._settings.is_cash_account)
        if need is None:
            return None
        return cash - need - sum((booked.reserve * booked.remaining for booked in working), NOTHING)

    def _marks(self, contracts: Iterable[OptionContract], now: datetime) -> Marks:
        wanted = set(contracts)
        judged_at = marks_judged_at(self._calendar, now)
        mids = {
            contract: quote.mid
            for contract, quote in self._quotes(wanted, now).items()
            if judge_quote(quote, judged_at, self._settings.quote_age_max, to_sell=False).is_allowed
        }
        spots = {symbol: self._spot(symbol, now) for symbol in {contract.underlying for contract in wanted}}
        return Marks(
            spots={symbol: spot for symbol, spot in spots.items() if spot is not None},
            mids={contract: mid for contract, mid in mids.items() if mid is not None},
        )

    def _quotes(self, contracts: Iterable[OptionContract], now: datetime) -> Mapping[OptionContract, Quote]:
        wanted = sorted(set(contracts))
        try:
            return self._market.quotes(wanted, now) if wanted else {}
        except MarketDataUnavailable:
            return {}  # unknown: nothing fills and nothing is valued

    def _spot(self, underlying: str, at: datetime) -> Price | None:
        try:
            return self._market.spot(underlying, at)
        except MarketDataUnavailable:
            return None

    def _wake(self) -> None:
        for wake in self._wakes:
            wake()


def _not_working(booked: BookedOrder | None) -> str:
    if booked is None:
        return "no such order"
    return "" if booked.is_open else f"the order is {booked.status}, {booked.filled} of {booked.quantity} filled"
