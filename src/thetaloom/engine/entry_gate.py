"""The gate of an entry: all that was checked before it was approved, checked again before its order is staged."""

import math
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from thetaloom.domain.book.imbalance import Conflict
from thetaloom.domain.risk.limits import LimitCheck, Portfolio, RiskLimits, Trade, check_limits
from thetaloom.domain.run.proposals import Proposal, ProposalStatus
from thetaloom.domain.run.runs import WorkflowRun
from thetaloom.domain.values.reasons import Reason, Verdict, denied
from thetaloom.engine.desk import Desk
from thetaloom.engine.findings import RiskFinding
from thetaloom.engine.imbalance import conflict_of, conflict_verdict
from thetaloom.engine.last_gate import halts_now
from thetaloom.engine.live_gates import shut_for_entry
from thetaloom.engine.order_work import (
    QUOTE_RETRY,
    LegQuote,
    OrderMove,
)
from thetaloom.engine.portfolio import portfolio_of
from thetaloom.engine.rolls import (
    RollWork,
    after_close,
)
from thetaloom.engine.step import halted_scope
from thetaloom.errors import InvariantError


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """What must still hold before the first order of an entry may be staged."""

    approved_hash: str
    halts: dict[str, str]
    portfolio: Portfolio
    limits: RiskLimits
    trade: Trade
    give_up_at: datetime  # after this the approval is too old to act on
    decided_at: datetime
    session_opened_at: datetime | None  # of the session that is on; None while the market is closed
    conflict: Conflict | None = None  # with what others hold or are opening
    shut: Reason | None = None  # the first of the live gates that is


def read_gate(
    desk: Desk,
    run: WorkflowRun,
    proposal: Proposal,
    approved: RiskFinding,
    legs: tuple[LegQuote, ...],
    now: datetime,
    roll: RollWork | None = None,
) -> Gate:
    """Gather what must still hold of an approved entry, at this moment."""
    snapshot = desk.broker.account()
    with desk.store.reading() as uow:
        limits = RiskLimits.from_settings(uow.accounts.limits(run.user_id))
        instead = None if roll is None or roll.is_closed else after_close(roll.position, roll.roll)
        portfolio = portfolio_of(desk, uow, snapshot, limits, now, without=run.id, instead=instead)
        halts = halts_now(desk, uow)
        conflict = conflict_of(desk, uow, run.id, proposal.legs, instead=instead)
        stored = uow.proposals.get(proposal.id)
        shut = shut_for_entry(desk, uow, run.id, session=snapshot.is_live)
    if stored is None or proposal.decided_at is None or approved.trade is None:
        raise InvariantError(f"{run.id}: executing without a decided proposal")
    # Once the old side of a roll is off, what was approved is under way: its age counts from there.
    decided_at = proposal.decided_at
    if roll is not None and roll.closed_at is not None:
        decided_at = max(decided_at, roll.closed_at)
    elif roll is not None and proposal.closing is not None and proposal.closing.releases is not None:
        power = portfolio.buying_power
        portfolio = replace(portfolio, buying_power=None if power is None else power + proposal.closing.releases)
    return Gate(
        approved_hash=stored.approved_hash,
        halts=halts,
        portfolio=portfolio,
        limits=limits,
        trade=_trade_now(approved.trade, decided_at, legs, now),
        give_up_at=decided_at + timedelta(seconds=desk.settings.approved_age_seconds_max),
        decided_at=decided_at,
        session_opened_at=_session_opened_at(desk, now),
        conflict=conflict,
        shut=shut,
    )


def _session_opened_at(desk: Desk, now: datetime) -> datetime | None:
    session = desk.calendar.session_on(desk.calendar.exchange_date(now))
    return None if session is None or now < session.open_at else session.open_at


def _trade_now(judged: Trade, decided_at: datetime, legs: tuple[LegQuote, ...], now: datetime) -> Trade:
    # The trade is the one that was approved; its quotes and its approval have the age of this moment.
    ages = [math.ceil(entry.quote.age(now).total_seconds()) for entry in legs if entry.quote is not None]
    oldest = max(ages) if len(ages) == len(legs) else None
    return replace(
        judged,
        legs=replace(judged.legs, quote_age_seconds=oldest),
        is_entry=True,
        approval_age_seconds=math.ceil((now - decided_at).total_seconds()),
    )


def pass_gate(gate: Gate, proposal: Proposal, now: datetime) -> tuple[Verdict, tuple[LimitCheck, ...]]:
    """Say whether an approved entry may still be staged, and how each limit stands."""
    scope = halted_scope(gate.halts, proposal.account_id, proposal.strategy_id)
    if scope is not None:
        return denied(Reason.HALTED, scope=scope, note=gate.halts[scope]), ()
    if proposal.status is not ProposalStatus.APPROVED or gate.approved_hash != proposal.content_hash:
        changed = denied(
            Reason.APPROVAL_CONTENT_CHANGED,
            status=proposal.status.value,
            approved=gate.approved_hash[:12],
            stored=proposal.content_hash[:12],
        )
        return changed, ()
    if gate.shut is not None:  # looked at here as well, so that a roll closes nothing that it may not open again
        return denied(gate.shut), ()
    if now > gate.give_up_at:
        return denied(Reason.APPROVAL_EXPIRED, approved_until=gate.give_up_at.isoformat()), ()
    if gate.conflict is not None:
        return conflict_verdict(gate.conflict), ()
    return check_limits(gate.limits, gate.portfolio, gate.trade)


def may_wait(move: OrderMove, gate: Gate, now: datetime) -> bool:
    """Say whether an entry that may not be staged now may wait for another look."""
    # Quotes that can't be believed for a moment are waited out; a closed market and a moved price are answers.
    answers = {Reason.MARKET_CLOSED, Reason.PRICE_MOVED}
    return move.verdict.reason not in answers and now + QUOTE_RETRY <= gate.give_up_at
