"""What must hold in every world, whatever went wrong in it: each invariant by name, as a check of our books."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta

from thetaloom.domain.book.fills import Fill
from thetaloom.domain.book.orders import IN_FLIGHT, Effect, Order, OrderPurpose, OrderStatus
from thetaloom.domain.book.protection import is_at_broker
from thetaloom.domain.book.resting import REPLACEMENTS_MAX, target_orders_of
from thetaloom.domain.run.proposals import ProposalStatus
from thetaloom.domain.run.runs import HOLDS_RISK, RunStatus
from thetaloom.domain.values.ids import RunId
from thetaloom.domain.values.instruments import OptionContract
from thetaloom.domain.values.money import Money
from thetaloom.domain.values.reasons import Reason
from thetaloom.engine.care import UNPROTECTED
from thetaloom.engine.desk import Desk
from thetaloom.engine.engine import DECIDERS
from thetaloom.engine.lineage import replay_run, verify_run
from thetaloom.testing.simulation.books import Books, RunBooks
from thetaloom.testing.simulation.broker import LyingBroker
from thetaloom.testing.simulation.witness import BY_PART

EXIT_REST = timedelta(minutes=10)
LOOKED = timedelta(minutes=40)  # the broker's books are looked at every half hour, and again soon where they differ
ALERTED = timedelta(minutes=5)  # what nobody protects is told of within this
GAVE_UP = "attempts:"  # a run without risk is set aside when the market stays away for too long
UNSETTLED = IN_FLIGHT | {OrderStatus.STAGED}


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """Our books and the broker's at one moment."""

    desk: Desk
    books: Books
    broker: LyingBroker
    cash_at_first: Money
    watched: frozenset[OptionContract]
    failed: Mapping[RunId, str]  # what was told of the runs that were set aside

    @property
    def is_settled(self) -> bool:
        """Whether no order waits for an answer, and no look at the broker's books that finds what no report told."""
        if self.broker.lost_at is not None and self.desk.clock.now() - self.broker.lost_at < LOOKED:
            return False
        return not any(order.status in UNSETTLED for one in self.books.runs for order in one.orders)


Check = Callable[[View], Iterator[str]]


def check_always(view: View) -> list[tuple[str, str]]:
    """Return what is broken at a quiet moment, as (invariant, message)."""
    checks = {**ALWAYS, **WHEN_SETTLED} if view.is_settled else ALWAYS
    return [(name, message) for name, check in checks.items() for message in check(view)]


def check_before_close(view: View) -> list[tuple[str, str]]:
    """Return what is broken shortly before the last close, when all has been calm for a while."""
    return [(name, message) for name, check in BEFORE_CLOSE.items() for message in check(view)]


def check_at_end(view: View) -> list[tuple[str, str]]:
    """Return what is broken when all has calmed down and time has passed."""
    checks = {**ALWAYS, **WHEN_SETTLED, **AT_END}
    return [(name, message) for name, check in checks.items() for message in check(view)]


def _no_lost_intent(view: View) -> Iterator[str]:
    ours = {order.client_order_id: order for one in view.books.runs for order in one.orders}
    for known, sent in view.broker.sent.items():
        found, order = view.broker.truth.find(known), ours.get(known)
        if order is None:
            yield f"{known} was sent and is not in our books"
        elif found is not None and found.is_open and not order.is_open:
            yield f"{known} lives at the broker, {order.status.value} in our books"
        elif found is not None and not found.is_open and order.status is OrderStatus.WORKING:
            yield f"{known} has ended at the broker, WORKING in our books"
        elif found is None and order.status is OrderStatus.WORKING:
            yield f"{known} never arrived ({sent.arrivals} arrivals), WORKING in our books"


def _books_equal(view: View) -> Iterator[str]:
    ours: Counter[OptionContract] = Counter()
    for one in view.books.runs:
        if one.position is not None:
            ours.update(one.position.held)
    theirs = Counter(view.broker.truth.holdings())
    theirs.subtract(view.broker.exchange.elsewhere)
    for contract in sorted(set(ours) | set(theirs), key=lambda one: one.occ_symbol):
        if ours[contract] != theirs[contract]:
            yield f"{contract.notation}: ours {ours[contract]}, the broker's {theirs[contract]}"
    for one in view.books.runs:
        for order in one.orders:
            yield from _fills_equal(view, order, one.fills[order.client_order_id])


def _fills_equal(view: View, order: Order, fills: tuple[Fill, ...]) -> Iterator[str]:
    found, sent = view.broker.truth.find(order.client_order_id), view.broker.sent.get(order.client_order_id)
    truly = 0 if found is None else found.filled
    done: Counter[OptionContract] = Counter()
    for leg in (leg for fill in fills for leg in fill.legs):
        done[leg.contract] += leg.quantity
    if any(done[leg.contract] != leg.ratio * truly for leg in order.legs):
        yield f"{order.client_order_id}: the broker filled {truly}, we have {dict(done)}"
    # Legs that are told after their order ended are booked one by one, and make no structure of the order any more.
    by_legs = sent is not None and sent.tells_legs
    if order.filled != truly and not by_legs:
        yield f"{order.client_order_id}: order {order.filled}, the broker's {truly}"


def _profit_is_cash(view: View) -> Iterator[str]:
    by_fills, by_settlement, is_known = Money(0), Money(0), True
    for one in view.books.runs:
        by_fills += _cash(one)
        if one.position is None:
            continue
        more = one.position.realized_pnl - _cash(one)
        if one.position.endings:
            is_known &= not one.position.is_open
            by_settlement += more
        elif more and not one.position.is_open:
            yield f"{one.run.id}: profit and loss {one.position.realized_pnl}, its fills moved {_cash(one)}"
    cash = view.broker.truth.account().cash
    moved = None if cash is None else cash - view.cash_at_first - view.broker.exchange.elsewhere_cash
    if moved is not None and moved != by_fills + view.broker.exchange.settled_cash:
        yield f"cash moved by {moved}, our fills say {by_fills}"
    if is_known and by_settlement != view.broker.exchange.settled_cash:
        yield f"settlements brought {view.broker.exchange.settled_cash}, our books say {by_settlement}"


def _cash(one: RunBooks) -> Money:
    return sum((fill.cash + fill.fees for fills in one.fills.values() for fill in fills), Money(0))


def _positions_watched(view: View) -> Iterator[str]:
    for one in view.books.runs:
        run, position = one.run, one.position
        if position is None or not position.is_open or run.status in {RunStatus.ERROR, RunStatus.PAUSED}:
            continue
        if run.is_final:
            yield f"{run.id} is {run.status.value} and holds {one.notation}"
        elif run.due_at is None or run.next_step is None:
            yield f"{run.id} holds {one.notation} and sleeps for ever in {run.status.value}"
        elif run.status is RunStatus.MONITORING:
            blind = [leg.contract.notation for leg in position.legs if leg.contract not in view.watched]
            if blind:
                yield f"{run.id} is monitored without quotes of {', '.join(blind)}"


def _unprotected_alerted(view: View) -> Iterator[str]:
    # From the runs and orders themselves, not from what the platform wrote about their protection.
    now = view.desk.clock.now()
    alone = [
        one
        for one in view.books.runs
        if one.position is not None
        and one.position.holds_contracts
        and one.run.status in {RunStatus.PAUSED, RunStatus.ERROR}
        and now - one.run.updated_at > ALERTED
        and not is_at_broker(one.position, one.orders)
    ]
    if not alone:
        return
    with view.desk.store.reading() as uow:
        alerted = {alert.subject for alert in uow.alerts.standing(view.broker.account_id) if alert.cause == UNPROTECTED}
    for one in alone:
        if one.position is not None and one.position.id not in alerted:
            yield f"{one.run.id} is {one.run.status.value} since {one.run.updated_at}, holds {one.notation}: no alert"


def _no_run_sleeps(view: View) -> Iterator[str]:
    for one in view.books.runs:
        if one.run.status is RunStatus.ERROR:
            said = view.failed.get(one.run.id, "")
            if one.run.returns_to in HOLDS_RISK or GAVE_UP not in said:
                yield f"{one.run.id} ended in ERROR: {said}"
        elif not one.run.is_final and one.run.returns_to is None and one.run.due_at is None:
            yield f"{one.run.id} sleeps for ever in {one.run.status.value}"


def _ends_explained(view: View) -> Iterator[str]:
    for one in view.books.runs:
        run = one.run
        if run.is_final != (run.outcome is not None) or (run.is_final and not run.reason):
            yield f"{run.id} is {run.status.value} with outcome {run.outcome} and reason {run.reason!r}"
        for order in one.orders:
            if not order.is_open and order.remaining and not order.reason and order.status is not OrderStatus.EXPIRED:
                found = view.broker.truth.find(order.client_order_id)
                if found is None:
                    yield f"{order.client_order_id} is {order.status.value}, never arrived, and nobody says why"


def _approvals_once(view: View) -> Iterator[str]:
    for one in view.books.runs:
        decided = [made for made in one.proposals if made.decided_at is not None]
        approved = [made for made in decided if made.status in {ProposalStatus.APPROVED, ProposalStatus.SPENT}]
        entries = one.orders_to(Effect.OPEN)
        unspent = [made for made in approved if made.status is ProposalStatus.APPROVED]
        if len(entries) > len(unspent) or len(unspent) > 1:
            yield f"{one.run.id}: {len(entries)} entry orders on {len(unspent)} approvals"


def _one_open_order(view: View) -> Iterator[str]:
    for one in view.books.runs:
        standing: dict[tuple[OrderPurpose, str], list[str]] = {}
        for order in one.orders:
            if order.is_open:
                part = order.part if order.purpose in BY_PART else ""
                standing.setdefault((order.purpose, part), []).append(order.client_order_id)
        for (purpose, part), orders in standing.items():
            if len(orders) > 1:
                yield f"{one.run.id} has {len(orders)} orders for its {purpose.value} {part}: {', '.join(orders)}"


def _holds_what_filled(view: View) -> Iterator[str]:
    for one in view.books.runs:
        position = one.position
        if position is None:
            continue
        for spread in position.spreads:
            if not 0 <= spread.quantity <= spread.opened_quantity:
                yield f"{one.run.id}: {spread.quantity} of {spread.opened_quantity} {spread.name} are left"
        if position.endings:
            continue
        filled = _filled(one)
        held = Counter(position.held)
        for contract in sorted(set(filled) | set(held), key=lambda leg: leg.occ_symbol):
            if filled[contract] != held[contract]:
                yield f"{one.run.id}: {contract.notation} filled {filled[contract]:+d}, held {held[contract]:+d}"


def _filled(one: RunBooks) -> Counter[OptionContract]:
    filled: Counter[OptionContract] = Counter()
    for leg in (leg for fills in one.fills.values() for fill in fills for leg in fill.legs):
        filled[leg.contract] += leg.quantity
    return filled


def _closes_what_is_held(view: View) -> Iterator[str]:
    for one in view.books.runs:
        held = Counter({} if one.position is None else one.position.held)
        wanted: Counter[OptionContract] = Counter()
        for order in one.orders_to(Effect.CLOSE):
            if not order.is_open:
                continue
            spread = None if one.position is None else one.position.spread(order.part)
            if order.purpose is OrderPurpose.TARGET and (spread is None or order.remaining > spread.quantity):
                yield f"{order.client_order_id} closes {order.remaining} {order.part}, more than is left of it"
            for leg in order.legs:
                wanted[leg.contract] += leg.ratio * order.remaining
        for contract, number in wanted.items():
            if number * held[contract] > 0 or abs(number) > abs(held[contract]):
                yield f"{one.run.id}: orders close {number:+d} {contract.notation}, held {held[contract]:+d}"


def _capacity_reserved(view: View) -> Iterator[str]:
    ours = {order.client_order_id: order for one in view.books.runs for order in one.orders}
    for known, sent in view.broker.sent.items():
        found, order = view.broker.truth.find(known), ours.get(known)
        if sent.order.effect is Effect.CLOSE or found is None or not found.is_open or order is None:
            continue
        if order.remaining < found.quantity - found.filled or not order.is_open:
            yield f"{known} can still fill {found.quantity - found.filled}, {order.status.value} {order.remaining} here"


def _targets_rest(view: View) -> Iterator[str]:
    for one in view.books.runs:
        position = one.position
        if one.run.status is not RunStatus.MONITORING or position is None:
            continue
        for spread in position.spreads:
            mine = target_orders_of(one.orders, spread.name)
            resting = sum(order.remaining for order in mine if order.is_open)
            given_up = bool(mine) and (mine[-1].reason == Reason.ORDER_CANCELED.value or len(mine) > REPLACEMENTS_MAX)
            if spread.target_percent is not None and resting != spread.quantity and not given_up:
                yield f"{one.run.id}: {spread.quantity} {spread.name} are held, targets rest for {resting}"


def _cursor_equals_reports(view: View) -> Iterator[str]:
    if view.books.report_cursor != view.broker.reports_let_out:
        yield f"the cursor is {view.books.report_cursor}, {view.broker.reports_let_out} reports were let out"


def _books_hold_reports(view: View) -> Iterator[str]:
    for scope, note in view.books.halts.items():
        if "contradicts" in note:
            yield f"{scope}: {note}"


def _all_settled(view: View) -> Iterator[str]:
    for one in view.books.runs:
        for order in one.orders:
            if order.status in UNSETTLED:
                yield f"{order.client_order_id} ({order.effect.value}) is still {order.status.value}"


def _exits_worked(view: View) -> Iterator[str]:
    now = view.desk.clock.now()
    for one in view.books.runs:
        if one.run.status is not RunStatus.CLOSING or not one.is_held:
            continue
        orders = one.orders_to(Effect.CLOSE)
        if not any(order.is_open or order.staged_at > now - EXIT_REST for order in orders):
            yield f"{one.run.id} holds {one.notation}, is to be closed ({one.run.reason}), and no order works"


def _limits_agree(view: View) -> Iterator[str]:
    for one in view.books.runs:
        for order in one.orders:
            found = view.broker.truth.find(order.client_order_id)
            if order.status is OrderStatus.WORKING and found is not None and found.limit_price != order.limit_price:
                yield f"{order.client_order_id} stands at {found.limit_price}, in our books at {order.limit_price}"


def _lineage_holds(view: View) -> Iterator[str]:
    for one in view.books.runs:
        with view.desk.store.reading() as uow:
            yield from (fault.message for fault in verify_run(uow, one.run))
            replayed = replay_run(uow, one.run.id, DECIDERS, view.desk.codec)
        if not replayed.identical:
            yield f"{one.run.id}: {replayed.difference}"


ALWAYS: Mapping[str, Check] = {
    "every position is watched": _positions_watched,
    "runs end explained": _ends_explained,
    "approvals are used once": _approvals_once,
    "one open order an intent": _one_open_order,
    "what is held is what filled": _holds_what_filled,
    "capacity is reserved for what may fill": _capacity_reserved,
    "the unprotected have an alert": _unprotected_alerted,
    "the cursor equals the reports": _cursor_equals_reports,
    "our books hold every report": _books_hold_reports,
}
WHEN_SETTLED: Mapping[str, Check] = {
    "no lost intent": _no_lost_intent,
    "closing orders close what is held": _closes_what_is_held,
    "books equal the broker's": _books_equal,
    "profit and loss equal the transactions": _profit_is_cash,
}
BEFORE_CLOSE: Mapping[str, Check] = {
    "exits that are due are worked": _exits_worked,
    "targets rest at the broker": _targets_rest,
}
AT_END: Mapping[str, Check] = {
    "every order is settled": _all_settled,
    "no run sleeps for ever": _no_run_sleeps,
    "limits equal the broker's": _limits_agree,
    "lineage verifies and replays": _lineage_holds,
}
# Broken before the broker's own eyes, see ``LyingBroker``; and what must never leave the engine.
AT_THE_BROKER = (
    "no duplicate order",
    "one live order an intent",
    "no closing order beyond what is held",
    "no new risk while halted",
    "no runaway",
    "no entry against another's contracts",
)
SURVIVES = "the engine survives"
INVARIANTS: tuple[str, ...] = (*ALWAYS, *WHEN_SETTLED, *BEFORE_CLOSE, *AT_END, *AT_THE_BROKER, SURVIVES)
