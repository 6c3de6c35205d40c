"""Suggestions: what programs and pages call a proposal, from the wish for one to its approval or rejection."""

import asyncio
from collections.abc import Sequence
from decimal import Decimal

from starlette.concurrency import run_in_threadpool

from thetaloom.domain.run.proposals import Proposal
from thetaloom.domain.run.runs import RunStatus, WorkflowRun
from thetaloom.domain.run.why import Why
from thetaloom.domain.strategy.strategies import Strategy
from thetaloom.domain.values.ids import RunId, StrategyId
from thetaloom.domain.values.money import Price
from thetaloom.engine import commands
from thetaloom.errors import InvalidInput, NotAllowed, NotFound, OutcomeUnknown
from thetaloom.store.queries.proposal_evidence import evidence_of_proposals
from thetaloom.store.queries.runs import RunDetail, run_detail
from thetaloom.store.queries.why import why_of
from thetaloom.web.api.suggestion_records import Suggestion
from thetaloom.web.approving import proposal_meant
from thetaloom.web.front import ANSWER_SECONDS_MAX, Front
from thetaloom.web.suggestion_view import suggestion_of

NO_STRATEGY = "`thetaloom strategy list` shows the strategies."


async def generate(
    front: Front, symbol: str | None, strategy: str, *, force: bool = False, seconds: float = ANSWER_SECONDS_MAX
) -> Suggestion:
    """Start a run and wait until it proposes something.

    Raises ``NotAllowed`` with the reason, and with what would change it, where it ends without a proposal, and
    ``OutcomeUnknown`` with the run's id where it has come to neither within the seconds.
    """
    chosen = await front.read(lambda: strategy_meant(front, strategy))
    command = commands.StartRun(
        user_id=front.user, symbol=symbol or _own_symbol(chosen), strategy_id=StrategyId(chosen.id), forced=force
    )
    run = await front.ask(command, WorkflowRun)
    detail = await _settled(front, run.id, seconds)
    if not detail.proposals:
        raise await front.read(lambda: _refusal(front, detail))
    return await front.read(lambda: shown(front, [detail.proposals[-1]])[0])


async def execute(
    front: Front,
    given: str,
    *,
    custom_credit: Decimal | None = None,
    quantity: int | None = None,
    content_hash: str | None = None,
    note: str = "",
) -> Suggestion:
    """Approve a suggestion by its id or by that of its run; with another limit or quantity, a new version of it."""
    meant = await front.read(lambda: proposal_meant(front, given))
    if custom_credit is not None or quantity is not None:
        changed = commands.ExecuteProposal(
            user_id=front.user,
            by=front.person.id,
            proposal_id=meant.id,
            credit=None if custom_credit is None else Price(custom_credit),
            quantity=quantity,
            content_hash=content_hash,
            note=note,
        )
        return await _decided(front, changed)
    command = commands.ApproveProposal(
        user_id=front.user, by=front.person.id, proposal_id=meant.id, content_hash=content_hash, note=note
    )
    return await _decided(front, command)


async def modify(
    front: Front,
    given: str,
    *,
    custom_credit: Decimal | None,
    quantity: int | None,
    content_hash: str | None = None,
) -> Suggestion:
    """Have a new version made with another limit or quantity; it waits for a decision as the first one did."""
    meant = await front.read(lambda: proposal_meant(front, given))
    credit = None if custom_credit is None else Price(custom_credit)
    command = commands.ModifyProposal(
        user_id=front.user,
        by=front.person.id,
        proposal_id=meant.id,
        credit=credit,
        quantity=quantity,
        content_hash=content_hash,
    )
    return await _decided(front, command)


async def reject(front: Front, given: str, reason: str) -> Suggestion:
    """Reject a suggestion, with a reason in words."""
    meant = await front.read(lambda: proposal_meant(front, given))
    return await _decided(
        front, commands.RejectProposal(user_id=front.user, by=front.person.id, proposal_id=meant.id, note=reason)
    )


def shown(front: Front, proposals: Sequence[Proposal]) -> list[Suggestion]:
    """Return proposals as suggestions, with the ages of this moment."""
    penny_classes, now = front.platform.desk.settings.penny_classes, front.now
    return [suggestion_of(one, now, penny_classes) for one in evidence_of_proposals(front.database, proposals)]


def strategy_meant(front: Front, given: str) -> Strategy:
    """Return the strategy of an id; earlier systems wrote ``senex_trident`` for ``senex-trident``."""
    with front.platform.store.reading() as seen:
        for name in (given, given.replace("_", "-")):
            stored = seen.strategies.latest(front.user, StrategyId(name))
            if stored is not None:
                return stored.strategy
    raise NotFound(f"no strategy has the id {given!r}", advice=NO_STRATEGY)


async def _decided(front: Front, command: commands.Command) -> Suggestion:
    decided = await front.ask(command, Proposal)
    return await front.read(lambda: shown(front, [decided])[0])


def _own_symbol(strategy: Strategy) -> str:
    if not strategy.symbols:
        raise InvalidInput("symbol is missing, and the strategy names none of its own", details={"symbol": "missing"})
    return strategy.symbols[0]


async def _settled(front: Front, run: RunId, seconds: float) -> RunDetail:
    """Wait for the run's proposal or end; the engine says when it has done something, so that nobody polls."""
    loop, deadline = front.loop, asyncio.get_running_loop().time() + seconds
    if loop is None:
        await run_in_threadpool(front.platform.engine.settle)
    while True:
        # Asked for before the look, so that a turn that ends during it is not missed.
        turned = None if loop is None else asyncio.wrap_future(loop.after_turn())
        detail = await front.read(lambda: run_detail(front.database, front.user, run))
        if detail.proposals or detail.run.is_final or detail.run.status is RunStatus.ERROR:
            return detail
        left = deadline - asyncio.get_running_loop().time()
        if turned is None or left <= 0:
            raise OutcomeUnknown(
                f"{run} has not come to a proposal within {seconds:.0f} s",
                advice=f"It goes on; GET /api/workflow/status/{run} tells how far it is.",
                details={"run_id": run},
            )
        await asyncio.wait({turned}, timeout=left)


def _refusal(front: Front, detail: RunDetail) -> NotAllowed:
    why = why_of(front.database, front.user, detail)
    facts = ", ".join(f"{name.replace('_', ' ')} {fact}" for name, fact in why.facts.items())
    said = why.error or why.text
    return NotAllowed(
        why.reason or "no_trade",
        f"{detail.run.symbol}: {said}" + (f" ({facts})" if facts else ""),
        advice=_advice(why),
        details={
            "run_id": detail.run.id,
            "step": None if why.step is None else why.step.value,
            "facts": dict(why.facts),
            "blocking": [
                {
                    "name": one.name,
                    "reason": one.reason,
                    "text": one.text,
                    "value": one.value,
                    "limit": one.limit,
                    "distance": one.distance,
                    "change": one.change,
                }
                for one in why.blocking
            ],
        },
    )


def _advice(why: Why) -> str:
    return "; ".join(one.change for one in why.blocking) or "Look at the run for all that was checked."
