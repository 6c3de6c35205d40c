"""A small world of one order: our acts, what a broker may do, and the real decisions in between.

Everything that decides is the product's own: the order, ``apply_report`` through ``decide_report``, ``next_move``,
``after_look``. The world only carries requests to a broker and reports back, late, twice, or in another order.
Time is counted in ticks, and what is older than the quarantine is as old as it can be, so that worlds meet again.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache

from thetaloom.domain.book.doubt import AfterLook, after_look, may_resend
from thetaloom.domain.book.fills import Fill
from thetaloom.domain.book.orders import Effect, Order, OrderStatus
from thetaloom.domain.book.positions import Position
from thetaloom.domain.book.refusals import Refusal
from thetaloom.domain.book.reports import BrokerOrder, BrokerReport, ReportKind
from thetaloom.domain.run.runs import RunStatus
from thetaloom.domain.strategy.strategies import OrderRule
from thetaloom.domain.strategy.structures import Leg
from thetaloom.domain.values.ids import (
    AccountId,
    BrokerOrderId,
    ClientOrderId,
    FillId,
    PositionId,
    RunId,
    StrategyId,
    UserId,
)
from thetaloom.domain.values.money import Money, Price
from thetaloom.domain.values.reasons import Reason
from thetaloom.engine.order_reports import ReportInputs, ReportOutput, decide_report
from thetaloom.engine.order_work import LegQuote, OrderAction, OrderWork, next_move
from thetaloom.testing import builders

S, K = OrderStatus, ReportKind
NOW = datetime(2026, 1, 5, 15, 0, tzinfo=UTC)
TICK = timedelta(seconds=15)
QUARANTINE = 2 * TICK  # a request that is on its way longer than this never arrives
OLDEST = NOW - QUARANTINE - TICK
QUEUE_MAX = 2  # reports on their way at the same time
LEG = Leg.parse("-1 SPY 2026-01-16 P 560")
FIRST_LIMIT, SECOND_LIMIT = Price("1.03"), Price("0.97")
RULE = OrderRule(steps_max=1)
STAGED = Order(
    client_order_id=ClientOrderId("tl-1"),
    run_id=RunId("run-1"),
    account_id=AccountId("paper"),
    effect=Effect.OPEN,
    legs=(LEG,),
    quantity=2,
    limit_price=FIRST_LIMIT,
    floor=Price("0.90"),
    staged_at=NOW,
    expires_at=datetime(2026, 1, 5, 21, 0, tzinfo=UTC),
)
HELD = Position(
    id=PositionId("pos-1"),
    run_id=RunId("run-1"),
    user_id=UserId("anna"),
    account_id=AccountId("paper"),
    strategy_id=StrategyId("s"),
    symbol="SPY",
    legs=(LEG,),
    opened_at=NOW,
)
Report = tuple[ReportKind, int]  # what is said, and the number of the fill or of the limit


@dataclass(frozen=True, slots=True)
class Broker:
    """The broker's own books of the order."""

    status: OrderStatus | None = None  # None: it never arrived
    filled: int = 0
    revision: int = 0
    arrived: int = 0  # how often a new order reached it

    @property
    def may_fill(self) -> int:
        """Structures that it may still fill without a lie."""
        return STAGED.quantity - self.filled if self.status is S.WORKING else 0


@dataclass(frozen=True, slots=True)
class World:
    """All there is between us and the broker at one moment."""

    order: Order = STAGED
    broker: Broker = Broker()
    sending: tuple[int, ...] = ()  # new orders on their way, each with its age in ticks
    reports: tuple[Report, ...] = ()  # on their way to us
    booked: frozenset[int] = frozenset()  # the fills we know
    connected: bool = True
    halted: bool = False
    absence: timedelta = QUARANTINE  # how long we wait before absence is proven
    exact: bool = False  # the broker's books are: nothing is on its way, and nothing is taken twice
    resent_unproven: bool = False  # a send while the order was, or could still be, at the broker

    @property
    def reserved(self) -> int:
        """Structures that our books hold capacity for beside what has filled."""
        return self.order.remaining if self.order.is_open else 0

    @property
    def may_fill(self) -> int:
        """Structures that can still fill without a lie of the broker's."""
        return max(self.broker.may_fill, self.order.quantity if self.sending else 0)


def events(world: World) -> Iterator[tuple[str, World]]:
    """Yield everything that may happen next."""
    yield from _our_acts(world)
    yield from _broker_acts(world)
    if world.connected:
        yield "disconnect", replace(world, connected=False)
        yield from _deliveries(world)
    else:
        yield "reconnect", replace(world, connected=True)
    yield "time passes", _aged(world)


def fair(world: World) -> World:
    """Return the world after one round in which nothing goes wrong any more and the order's time is over."""
    world = replace(world, connected=True)
    while world.reports:
        world = _delivered(replace(world, reports=world.reports[1:]), world.reports[0])
    world = replace(world, sending=(), order=_over(world.order))
    for sent in (_sent(world, "fine"), _looked(world), _moved(world, "fine")):
        if sent is not None and sent != world:
            return _aged(sent)
    return _aged(world)


def _our_acts(world: World) -> Iterator[tuple[str, World]]:
    for how in ("fine", "late", "lost", "killed before", "unavailable"):
        if (sent := _sent(world, how)) is not None:
            yield f"send, {how}", sent
    for how in ("fine", "lost", "in word only"):
        if (moved := _moved(world, how)) is not None:
            yield f"move, {how}", moved
    if (looked := _looked(world)) is not None:
        yield "look", looked
    if world.order.is_open:
        if world.order.expires_at > NOW:
            yield "its time is over", replace(world, order=_over(world.order))
        yield from _asked_back(world)
    if not world.halted:
        yield "halt", replace(world, halted=True)


def _asked_back(world: World) -> Iterator[tuple[str, World]]:
    if world.order.status is S.STAGED:
        yield "a person withdraws it", _withdrawn(world, Reason.ORDER_CANCELED)
    elif world.order.status in {S.SUBMITTED, S.WORKING}:
        asked = replace(world, order=world.order.moved_to(S.PENDING_CANCEL, Reason.ORDER_CANCELED.value))
        yield "a person cancels it", _canceled_at_broker(asked, "fine") if asked.order.broker_order_id else asked


def _sent(world: World, how: str) -> World | None:
    if world.order.status is not S.STAGED:
        return None
    if (barred := _barred(world)) is not None:
        return _withdrawn(world, barred) if how == "fine" else None
    return _put_on_wire(replace(world, order=world.order.moved_to(S.SUBMITTED)), how)


def _put_on_wire(world: World, how: str) -> World:
    if how == "killed before":
        return world  # the promise stands in our books, and nothing was sent
    unproven = bool(world.sending) or world.broker.arrived > 0
    world = replace(world, resent_unproven=world.resent_unproven or unproven)
    if how == "fine" and world.connected:
        return _arrived(world)
    if how == "late" and world.connected and not world.exact:
        world = replace(world, sending=(*world.sending, 0))
    return replace(world, order=world.order.unresolved(NOW))


def _arrived(world: World, *, rejected: bool = False) -> World:
    broker = replace(world.broker, arrived=world.broker.arrived + 1)
    if broker.status is not None:
        return replace(world, broker=broker)
    status, kind = (S.REJECTED, K.REJECTED) if rejected else (S.WORKING, K.ACCEPTED)
    return _told(replace(world, broker=replace(broker, status=status)), (kind, 0))


def _moved(world: World, how: str) -> World | None:
    order = world.order
    if order.status is not S.WORKING:
        return None
    move = _next_move(order)
    if move is OrderAction.CANCEL:
        asked = replace(world, order=order.moved_to(S.PENDING_CANCEL, Reason.ORDER_TIMED_OUT.value))
        return None if how == "in word only" else _canceled_at_broker(asked, how)
    if move is not OrderAction.REPLACE:
        return None
    return _replaced_at_broker(replace(world, order=order.with_limit(SECOND_LIMIT)), how)


@cache
def _next_move(order: Order) -> OrderAction:
    quote = builders.quote("0.90", "1.10", at=NOW)
    work = OrderWork(
        legs=(LegQuote(leg=LEG, quote=quote),),
        order=order,
        rule=RULE,
        interval_seconds=60,
        floor=order.floor,
        quote_age_seconds_max=60,
        is_open=True,
        next_open_at=NOW,
        cancel_at=order.expires_at,
        now=NOW,
    )
    return next_move(work).action


def _replaced_at_broker(world: World, how: str) -> World:
    if how == "lost" or not world.connected:
        return replace(world, order=world.order.unresolved(NOW))
    if world.broker.status is not S.WORKING:
        return _told(world, (K.REPLACE_REFUSED, world.broker.revision))
    if how == "fine":
        world = replace(world, broker=replace(world.broker, revision=world.order.revision))
    return _told(world, (K.REPLACED, world.broker.revision))


def _canceled_at_broker(world: World, how: str) -> World:
    if how == "lost" or not world.connected:
        return replace(world, order=world.order.unresolved(NOW))
    if world.broker.status is not S.WORKING:
        return _told(world, (K.CANCEL_REFUSED, 0))
    return _told(replace(world, broker=replace(world.broker, status=S.CANCELED)), (K.CANCELED, 0))


def _looked(world: World) -> World | None:
    order = world.order
    if not order.is_open or order.status is S.STAGED or not (order.awaits_answer or order.unresolved_since):
        return None
    if not world.connected:
        return replace(world, order=order.unresolved(NOW))
    match after_look(order, _books(world.broker), NOW, world.absence, exact_books=world.exact):
        case AfterLook.BOOK_ACCEPTED:
            return _delivered(world, (K.ACCEPTED, 0))
        case AfterLook.BOOK_REPLACED:
            return _delivered(world, (K.REPLACED, world.broker.revision))
        case AfterLook.NOTE_FOUND:
            return replace(world, order=replace(order, broker_order_id=BrokerOrderId("b-1"), absent_since=None))
        case AfterLook.CANCEL:
            return _canceled_at_broker(world, "fine")
        case AfterLook.REPLACE:
            return _replaced_at_broker(world, "fine")
        case AfterLook.NOTE_MISSED:
            return replace(world, order=order.missed(NOW))
        case AfterLook.SETTLE_ABSENT:
            return _settled_absent(world)
    return world


def _settled_absent(world: World) -> World:
    order = world.order
    barred = Reason.of(order.reason) if order.status is S.PENDING_CANCEL else _barred(world)
    if barred is not None and order.absent_since is None:
        return replace(world, order=order.missed(NOW))
    if barred is not None:
        return _withdrawn(world, barred)
    assert may_resend(order)
    return _put_on_wire(world if world.exact else replace(world, order=order.unresolved(NOW)), "fine")


def _barred(world: World) -> Reason | None:
    if world.order.expires_at <= NOW:
        return Reason.ORDER_TIMED_OUT
    return Reason.HALTED if world.halted else None


def _broker_acts(world: World) -> Iterator[tuple[str, World]]:
    broker = world.broker
    for place in range(len(world.sending)):
        left = replace(world, sending=world.sending[:place] + world.sending[place + 1 :])
        yield "the late order arrives", _arrived(left)
        if broker.status is None:
            yield "the late order is rejected", _arrived(left, rejected=True)
    if broker.status is S.WORKING:
        yield "it fills in part", _filled(world, 1)
        yield "it expires", _told(replace(world, broker=replace(broker, status=S.EXPIRED)), (K.EXPIRED, 0))
        yield (
            "it is rejected after all",
            _told(replace(world, broker=replace(broker, status=S.REJECTED)), (K.REJECTED, 0)),
        )
    elif broker.status in {S.CANCELED, S.EXPIRED} and broker.filled < STAGED.quantity:
        yield "it fills after its end", _filled(world, 1)
    for report in world.reports:
        if report[0] in {K.ACCEPTED, K.REPLACED}:
            yield "a report is lost", replace(world, reports=_less(world.reports, report))


def _filled(world: World, quantity: int) -> World:
    filled = world.broker.filled + quantity
    status = S.FILLED if filled == STAGED.quantity else world.broker.status
    return _told(replace(world, broker=replace(world.broker, filled=filled, status=status)), (K.FILLED, filled))


def _told(world: World, report: Report) -> World:
    """Put a report on its way; where too many are, the oldest one arrives first."""
    reports = (*world.reports, report)
    if len(reports) > QUEUE_MAX:
        return _delivered(replace(world, reports=tuple(sorted(reports[1:]))), reports[0])
    return replace(world, reports=tuple(sorted(reports)))


def _deliveries(world: World) -> Iterator[tuple[str, World]]:
    for report in dict.fromkeys(world.reports):
        yield f"{report[0].value} arrives", _delivered(replace(world, reports=_less(world.reports, report)), report)
    for number in sorted(world.booked):
        yield "a fill is told twice", _delivered(world, (K.FILLED, number))
    if world.broker.arrived:
        yield "accepted is told twice", _delivered(world, (K.ACCEPTED, 0))


def _less(reports: tuple[Report, ...], report: Report) -> tuple[Report, ...]:
    place = reports.index(report)
    return reports[:place] + reports[place + 1 :]


def _delivered(world: World, report: Report) -> World:
    kind, number = report
    if kind in {K.REPLACED, K.REPLACE_REFUSED}:
        number = world.broker.revision  # the engine asks the broker's books which limit stands
    said = _decided(world.order, report_of(kind, number, world.broker.status is not None), number in world.booked)
    booked = world.booked | {number} if kind is K.FILLED else world.booked
    return replace(world, order=_clamped(said.order), booked=booked)


def report_of(kind: ReportKind, number: int, is_known: bool) -> BrokerReport:
    """Return the report that the broker would send."""
    return BrokerReport(
        sequence=1,
        kind=kind,
        client_order_id=STAGED.client_order_id,
        broker_order_id=BrokerOrderId("b-1") if is_known else None,
        reported_at=NOW,
        fill=_fill(number, 1) if kind is K.FILLED else None,
        limit_price=_limit(number) if kind in {K.REPLACED, K.REPLACE_REFUSED} else None,
        refusal=Refusal.NOT_PERMITTED if kind is K.REJECTED else None,
        message=kind.value,
    )


def _fill(number: int, quantity: int) -> Fill:
    return Fill(
        fill_id=FillId(f"f-{number}"),
        client_order_id=STAGED.client_order_id,
        quantity=quantity,
        price=FIRST_LIMIT,
        fees=Money(0),
        filled_at=NOW,
        legs=(),
    )


def _withdrawn(world: World, reason: Reason) -> World:
    said = _decided(world.order, replace(report_of(K.CANCELED, 0, False), message=reason.value), False, reason)
    return replace(world, order=_clamped(said.order))


@cache
def _decided(order: Order, report: BrokerReport, is_known: bool, withdrawn: Reason | None = None) -> ReportOutput:
    opened = order.filled if order.effect is Effect.OPEN else order.quantity
    held = HELD.with_open_fill(_fill(0, opened)) if opened else HELD
    if order.effect is Effect.CLOSE and order.filled:
        held = held.with_close_fill(_fill(0, order.filled))
    return decide_report(
        ReportInputs(
            report=report,
            order=order,
            position=held,
            fill_is_known=report.kind is K.FILLED and is_known,
            run_status=RunStatus.EXECUTING if order.is_open else RunStatus.MONITORING,
            exit_reason="",
            exit_index=None,
            withdrawn=withdrawn,
        )
    )


def _books(broker: Broker) -> BrokerOrder | None:
    if broker.status is None:
        return None
    return BrokerOrder(
        client_order_id=STAGED.client_order_id,
        broker_order_id=BrokerOrderId("b-1"),
        is_open=broker.status is S.WORKING,
        filled=broker.filled,
        limit_price=_limit(broker.revision),
        legs=STAGED.legs,
        quantity=STAGED.quantity,
        status=broker.status,
        placed_at=NOW,
    )


def _limit(revision: int) -> Price:
    return SECOND_LIMIT if revision else FIRST_LIMIT


def _over(order: Order) -> Order:
    return replace(order, expires_at=NOW) if order.is_open else order


def _aged(world: World) -> World:
    order = world.order
    older = replace(
        order,
        unresolved_since=None if order.unresolved_since is None else OLDEST,
        absent_since=None if order.absent_since is None else max(OLDEST, order.absent_since - TICK),
    )
    # What is on its way longer than the quarantine never arrives: that is what the broker promises by it.
    sending = tuple(age + 1 for age in world.sending if age + 1 <= QUARANTINE // TICK)
    return replace(world, order=older, sending=sending)


def _clamped(order: Order) -> Order:
    # How long ago a doubt began decides nothing; worlds that differ in nothing else are one.
    return order if order.unresolved_since is None else replace(order, unresolved_since=OLDEST)
