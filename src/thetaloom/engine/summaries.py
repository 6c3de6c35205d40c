"""Daily summaries: in the morning what could be traded, after the close what was."""

from collections.abc import Iterable, Sequence
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from thetaloom.domain.run.notifications import Message, Topic
from thetaloom.domain.run.scans import ScanPair
from thetaloom.domain.run.tidings import due_summaries
from thetaloom.domain.run.watchlists import digest_symbols
from thetaloom.domain.values.ids import UserId
from thetaloom.domain.values.money import Money
from thetaloom.domain.values.reasons import Reason
from thetaloom.engine.desk import Desk
from thetaloom.engine.scan_judging import judge_symbol, read_symbol
from thetaloom.errors import ThetaloomError
from thetaloom.ports.store import UnitOfWork

AFTER_MINUTES = 30  # the open and the close
LOOK_BACK = timedelta(days=4)  # what was missed longer ago is told by nobody
LATE = timedelta(hours=1)  # after this a morning's prices would be none of that morning
LINES_MAX = 20  # of positions, and of alerts
ALONE_SHOWN = 2  # of one symbol, the best two


def summaries_due(desk: Desk, user: UserId, after: datetime, now: datetime) -> list[Message]:
    """Return the summaries of a user that fell due since ``after``: the last of each kind."""
    due = dict(due_summaries(desk.calendar, max(after, now - LOOK_BACK), now, AFTER_MINUTES))
    messages = []
    if "morning" in due and now - due["morning"] <= LATE:
        messages.append(_morning(desk, user, due["morning"], now))
    if "closing" in due:
        messages.append(_closing(desk, user, due["closing"]))
    return messages


def _morning(desk: Desk, user: UserId, due_at: datetime, now: datetime) -> Message:
    with desk.store.reading() as uow:
        symbols = digest_symbols(uow.watchlists.of_user(user))
        strategies = [one.strategy for one in uow.strategies.all_latest(user)]
        standing = _standing(desk, uow, user)
    best, without = [], []
    for symbol in symbols:
        try:
            read = read_symbol(desk, user, symbol, now)
            pairs = [read] if isinstance(read, ScanPair) else judge_symbol(strategies, read).pairs
        except ThetaloomError as error:
            without.append(f"{symbol}: {error.message}")
            continue
        eligible = sorted((one for one in pairs if one.is_eligible), key=_score, reverse=True)
        best += eligible[: ALONE_SHOWN if len(symbols) == 1 else 1]
        if not eligible:
            without.append(f"{symbol}: {_why_none(pairs)}")
    lines = [_offered(one) for one in sorted(best, key=_score, reverse=True)] or ["Nothing can be entered now."]
    mark = ["Synthetic market data."] if desk.market.synthetic else []
    body = [*mark, *lines, *(["", "Without a trade:", *without] if without else []), "", *standing]
    return _summary(desk, "morning", due_at, "Suggestions", body)


def _closing(desk: Desk, user: UserId, due_at: datetime) -> Message:
    on = desk.calendar.exchange_date(due_at)
    zone = ZoneInfo(desk.calendar.zone_name)
    start = datetime.combine(on, time(0), zone).astimezone(due_at.tzinfo)
    account = desk.broker.account_id
    with desk.store.reading() as uow:
        closed = [one for one in uow.positions.closed_since(account, start) if one.user_id == user]
        closed = [one for one in closed if one.closed_at is not None and one.closed_at <= due_at]
        held = [one for one in uow.positions.open_positions(account) if one.user_id == user]
        standing = _standing(desk, uow, user)
    opened = [one for one in (*held, *closed) if start <= one.opened_at <= due_at]
    total = sum((one.realized_pnl for one in closed), Money(0))
    mark = ["Synthetic market data."] if desk.market.synthetic else []
    body = [
        *mark,
        f"Closed today: {len(closed)}, realized {total}; opened today: {len(opened)}.",
        *(f"  {one.symbol} {one.strategy_id}: {one.realized_pnl}" for one in closed),
        *standing,
    ]
    return _summary(desk, "closing", due_at, "The day", body)


def _standing(desk: Desk, uow: UnitOfWork, user: UserId) -> list[str]:
    account = desk.broker.account_id
    held = [one for one in uow.positions.open_positions(account) if one.user_id == user]
    alerts = [one for one in uow.alerts.standing(account) if one.user_id == user]
    halts = uow.accounts.halts()
    return [
        f"Open positions: {len(held)}; alerts: {len(alerts)}.",
        *(f"  {one.symbol} {one.strategy_id} since {one.opened_at:%F}" for one in held[:LINES_MAX]),
        *(f"  {one.priority.value}: {one.symbol} {one.details}" for one in alerts[:LINES_MAX]),
        *(f"HALTED {scope}: {reason}" for scope, reason in halts.items()),
    ]


def _summary(desk: Desk, name: str, due_at: datetime, title: str, lines: Iterable[str]) -> Message:
    there = due_at.astimezone(ZoneInfo(desk.calendar.zone_name))
    return Message(
        key=f"summary:{name}:{there:%F}",
        topic=Topic.SUMMARY,
        title=f"{title}, {there:%a %F %H:%M %Z}",
        body="\n".join(lines),
        link="/scans" if name == "morning" else "/journal",
    )


def _score(one: ScanPair) -> tuple[bool, float]:
    return one.score is not None, float(one.score or 0)


def _offered(one: ScanPair) -> str:
    loss = "unlimited" if one.max_loss is None else str(one.max_loss)
    return f"{one.symbol} {one.strategy_id} (score {one.score}): mid {one.mid_price}, most to lose {loss}"


def _why_none(pairs: Sequence[ScanPair]) -> str:
    if not pairs:
        return "no strategy"
    nearest = max(pairs, key=_score)
    known = {reason.value for reason in Reason}
    why = Reason.of(nearest.reason).text if nearest.reason in known else nearest.reason
    return f"{nearest.strategy_id or 'no strategy'}: {why}"
