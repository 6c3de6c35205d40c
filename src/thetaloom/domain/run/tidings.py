"""Which facts people are told of, and in which words."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from thetaloom.domain.book.orders import Effect, Order, OrderStatus
from thetaloom.domain.run.events import Event, EventKind
from thetaloom.domain.run.notifications import Message, Topic
from thetaloom.domain.run.proposals import Proposal, ProposalStatus
from thetaloom.domain.run.runs import Outcome
from thetaloom.domain.values.calendar import TradingCalendar
from thetaloom.domain.values.reasons import Reason

Facts = Mapping[str, str]
NOTHING: Facts = {}
URGENT = frozenset({"IMMEDIATE"})


def message_of(
    sequence: int, event: Event, proposal: Proposal | None = None, order: Order | None = None
) -> Message | None:
    """Return what a fact is told as; ``None`` for one that nobody is told of.

    ``proposal`` is the one that the fact names, as it stands now: what a rule approved by itself waits for nobody.
    ``order`` is the one that the fact names, or the newest of a run that ended.
    """
    key = f"event:{sequence}"
    if event.kind is EventKind.PROPOSAL_CREATED:
        return _approval(key, proposal)
    if event.kind is EventKind.ORDER_FILLED:
        return _filled(key, event, order)
    if event.kind in _DENIALS or is_denial(event):
        return _denied(key, event, order)
    teller = _TELLERS.get(event.kind)
    return None if teller is None else teller(key, event)


def is_denial(event: Event) -> bool:
    """Whether a run ended because it was denied."""
    return event.kind is EventKind.RUN_COMPLETED and event.facts.get("outcome") == Outcome.DENIED.value


def silence_message(worker: str, last_at: datetime, back_at: datetime | None = None) -> Message:
    """Return the word that a worker gives no sign of life, or that it gave none until ``back_at``; told once."""
    title, now = f"The {worker} is silent", "Positions may be watched by nobody but the broker. Run `thetaloom doctor`."
    if back_at is not None:
        title, now = (
            f"The {worker} was silent",
            f"It is back since {back_at:%F %T} UTC. Look at what happened meanwhile.",
        )
    return Message(
        key=f"silence:{worker}:{last_at.isoformat()}",
        topic=Topic.SILENCE,
        title=title,
        body=f"The {worker} gave its last sign of life at {last_at:%F %T} UTC. {now}",
        link="/alerts",
        subject=worker,
        is_urgent=True,
    )


def test_message(made_at: datetime) -> Message:
    """Return a message that tells nothing but that messages arrive."""
    return Message(
        key=f"test:{made_at.isoformat()}",
        topic=Topic.TEST,
        title="Thetaloom: a test",
        body="Messages of Thetaloom arrive here.",
        link="/notifications",
        is_urgent=True,
    )


def due_summaries(
    calendar: TradingCalendar, after: datetime, now: datetime, minutes: int
) -> list[tuple[str, datetime]]:
    """Return the daily summaries due after one instant up to another: so long after each open and each close.

    That is 10:00 and 16:30 in New York, and 13:30 on a day that closes at 13:00.
    """
    wait = timedelta(minutes=minutes)
    first, last = calendar.exchange_date(after), calendar.exchange_date(now)
    found = [
        (name, at + wait)
        for session in calendar.sessions_between(max(first, calendar.first_on), min(last, calendar.last_on))
        for name, at in (("morning", session.open_at), ("closing", session.close_at))
    ]
    return [(name, at) for name, at in found if after < at <= now]


def _approval(key: str, proposal: Proposal | None) -> Message | None:
    if proposal is None or proposal.status is not ProposalStatus.PENDING:
        return None
    loss = "unlimited" if proposal.max_loss is None else f"${proposal.max_loss:,.2f}"
    profit = "unlimited" if proposal.max_profit is None else f"${proposal.max_profit:,.2f}"
    pop = "" if proposal.pop is None else f", chance of profit {proposal.pop:.0%}"
    legs = "\n".join(f"  {leg.ratio:+d} {leg.contract.occ_symbol}" for leg in proposal.legs)
    mark = "\nSynthetic market data." if proposal.synthetic else ""
    return Message(
        key=key,
        topic=Topic.APPROVAL,
        title=f"Approval waits: {proposal.symbol} {proposal.structure_name} × {proposal.quantity}",
        body=f"{proposal.strategy_id}: mid {proposal.mid_price}, no worse than {proposal.limit_floor}.\n"
        f"Most to lose {loss}, to gain {profit}{pop}.\n{legs}\n"
        f"Expires at {proposal.expires_at:%F %H:%M} UTC.{mark}",
        link=f"/approvals/{proposal.id}",
        subject=proposal.id,
    )


def _line(
    event: Event, topic: Topic, title: str, *names: str, more: Facts = NOTHING, link: str = "", urgent: bool = False
) -> Callable[[str], Message]:
    facts = {**event.facts, **more}
    body = ", ".join(f"{name.replace('_', ' ')} {facts[name]}" for name in names if facts.get(name))
    path = link or ("" if event.run_id is None else f"/runs/{event.run_id}")

    def told(key: str) -> Message:
        at = f"{event.happened_at:%F %T} UTC"
        return Message(
            key=key,
            topic=topic,
            title=title,
            body=f"{body}\n{at}" if body else at,
            link=path,
            subject=str(event.run_id or ""),
            is_urgent=urgent,
        )

    return told


def _symbol(event: Event) -> str:
    return event.facts.get("symbol", "")


def _filled(key: str, event: Event, order: Order | None) -> Message:
    more, does = {}, ""
    if order is not None:
        does = " to open" if order.effect is Effect.OPEN else " to close"
        legs = ", ".join(f"{leg.ratio:+d} {leg.contract.notation}" for leg in order.legs)
        more = {"filled_so_far": f"{order.filled} of {order.quantity}", "legs": legs}
    names = ("strategy", "order", "price", "filled_so_far", "legs")
    return _line(event, Topic.FILL, f"Filled: {_symbol(event)}{does}", *names, more=more)(key)


def _exit(key: str, event: Event) -> Message:
    reason = event.facts.get("reason", "")
    return _line(event, Topic.EXIT, f"Exit: {_symbol(event)} {_word(reason)}", "strategy", "position", "reason")(key)


def _closed(key: str, event: Event) -> Message:
    result = event.facts.get("realized_pnl", "")
    return _line(event, Topic.EXIT, f"Closed: {_symbol(event)} {result}", "strategy", "position", "realized_pnl")(key)


def _alert(key: str, event: Event) -> Message:
    facts = event.facts
    names = ("details", "recommended_action", "urgency")
    title = f"Alert, {facts.get('priority', '')}: {_symbol(event)} {_word(facts.get('cause', ''))}"
    return _line(event, Topic.ALERT, title, *names, link="/alerts", urgent=facts.get("urgency") in URGENT)(key)


def _back(key: str, event: Event) -> Message:
    return _line(event, Topic.ALERT, "A connection is back", "connection", "since", "ended", "seconds")(key)


def _trouble(title: str, *names: str, once: bool = False) -> Callable[[str, Event], Message]:
    def told(key: str, event: Event) -> Message:
        if once:  # the fact is written again as long as it lasts
            key = ":".join((event.kind.value, str(event.run_id), *(event.facts.get(name, "") for name in names)))
        return _line(event, Topic.ALERT, f"{title} {_symbol(event)}".strip(), *names, urgent=True)(key)

    return told


def _denied(key: str, event: Event, order: Order | None) -> Message:
    more = {}
    about = event.facts.get("order", "")
    if order is not None and (about or order.status in _REFUSED):
        # A broker's no is three facts: of the order, of its reason, of the run's end. People are told once.
        about = order.client_order_id
        more = {"reason": order.reason}
        if order.refusal is not None:
            more |= {"refusal": order.refusal.value, "advice": order.refusal.text}
    more = {name: text for name, text in more.items() if text and not event.facts.get(name)}
    said = {**event.facts, **more}
    why = said.get("refusal") or said.get("reason") or said.get("message", "")
    names = ("strategy", "order", "reason", "message", "advice")
    title = f"Denied: {_symbol(event)} {_word(why)}"
    return _line(event, Topic.DENIED, title, *names, more=more)(f"denied:{event.run_id}:{about}" if about else key)


def _word(code: str) -> str:
    known = {reason.value for reason in Reason}
    return (Reason.of(code).text if code in known else code.replace("_", " "))[:120]


_DENIALS = frozenset({EventKind.ORDER_DENIED, EventKind.ORDER_REFUSED})
_REFUSED = frozenset({OrderStatus.DENIED, OrderStatus.REJECTED})
_TELLERS: Mapping[EventKind, Callable[[str, Event], Message | None]] = {
    EventKind.EXIT_TRIGGERED: _exit,
    EventKind.POSITION_CLOSED: _closed,
    EventKind.ALERT_RAISED: _alert,
    EventKind.TRADING_HALTED: _trouble("Trading is halted", "scope", "note", "by"),
    EventKind.CONNECTION_DROPPED: _trouble("A connection is lost", "connection", "since", "reason"),
    EventKind.CONNECTION_RESTORED: _back,
    EventKind.LIVE_ALLOWED: _trouble("Real money was allowed", "account", "broker"),
    EventKind.RUNAWAY_STOPPED: _trouble("A runaway was stopped", "order", "limits", "note"),
    EventKind.LEGS_UNBALANCED: _trouble("Legs stand alone", "order", "legs"),
    EventKind.EXIT_BARRED: _trouble("An exit may not be sent", "order", "text"),
    EventKind.ORDER_UNRESOLVED: _trouble("An order has no answer", "order"),
    EventKind.ORDER_CONTRADICTED: _trouble("The broker contradicts our books", "order", "contradiction"),
    EventKind.RUN_FAILED: _trouble("A run failed", "strategy", "step", "order", "reason", "message"),
    EventKind.FINDING_RAISED: _trouble("A difference with the broker", "finding", "what", "text"),
    EventKind.SCHEDULE_MISSED: _trouble("A schedule was missed", "schedule", "count", "newest"),
    EventKind.TRADE_BUSTED: _trouble("The exchange busted a trade", "position", "legs", "price", "realized_pnl"),
    EventKind.TRADE_CORRECTED: _trouble("The exchange corrected a trade", "position", "legs", "price", "realized_pnl"),
    EventKind.EARLY_ASSIGNED: _trouble("Assigned before expiration", "position", "contracts", "shares"),
    EventKind.SETTLEMENT_DIFFERED: _trouble("The broker settled otherwise", "position", "differences"),
    EventKind.SETTLEMENT_MISSED: _trouble("Nobody settled what expired", "position", "contracts", once=True),
    EventKind.ROLL_INTERRUPTED: _trouble("Closed to be rolled, and not opened again", "position", "cause"),
    EventKind.TARGET_ABANDONED: _trouble("A profit target is given up", "order", "part"),
}
TOLD = frozenset({EventKind.PROPOSAL_CREATED, EventKind.ORDER_FILLED, EventKind.RUN_COMPLETED, *_DENIALS, *_TELLERS})
