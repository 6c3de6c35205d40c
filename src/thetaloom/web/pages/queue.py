"""The queue of proposals: what each would bring now, whether it would still fill, and how long it stands."""

from collections.abc import Sequence
from dataclasses import dataclass

from thetaloom.domain.run.proposal_changes import ProposalChange
from thetaloom.domain.run.proposals import Proposal
from thetaloom.domain.values.money import Price
from thetaloom.engine.order_work import LegQuote, judge_legs, net_prices
from thetaloom.errors import Unavailable
from thetaloom.store.queries.proposal_evidence import evidence_of_proposals
from thetaloom.web.front import Front
from thetaloom.web.pages.numbers import age, percent

# What people most often say; the number is the key that says it.
REASONS = (
    "the price has moved",
    "too much risk now",
    "earnings or news ahead",
    "not this symbol now",
    "not these strikes",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """One proposal that waits, with what has changed since it was made."""

    proposal: Proposal
    seconds_left: int
    left_text: str
    pop_percent: str
    mid_now: Price | None
    natural_now: Price | None
    moved: Price | None  # of the mid, since it was proposed; positive is better for us
    word: str  # a badge
    change: str  # in words
    version: Sequence[ProposalChange]  # what it changed of the one whose place it took


def waiting_of(front: Front, proposals: Sequence[Proposal]) -> list[Waiting]:
    """Return the proposals that wait, the one with the nearest deadline first."""
    changed = evidence_of_proposals(front.database, [one for one in proposals if one.supersedes])
    versions = {one.proposal.id: one.changes for one in changed}
    ordered = sorted(proposals, key=lambda one: (one.expires_at, one.id))
    return [_waiting(front, one, versions.get(one.id, ())) for one in ordered]


def _waiting(front: Front, one: Proposal, version: Sequence[ProposalChange]) -> Waiting:
    seconds = max(0, int((one.expires_at - front.now).total_seconds()))
    mid, natural, problem = _prices(front, one)
    word, change = _judged(one, mid, natural, problem, is_over=seconds == 0)
    return Waiting(
        proposal=one,
        seconds_left=seconds,
        left_text=age(seconds),
        pop_percent=percent(one.pop),
        mid_now=mid,
        natural_now=natural,
        moved=None if mid is None else Price(mid - one.mid_price),
        word=word,
        change=change,
        version=version,
    )


def _prices(front: Front, one: Proposal) -> tuple[Price | None, Price | None, str]:
    desk = front.platform.desk
    try:
        quotes = desk.market.quotes([leg.contract for leg in one.legs], front.now)
    except Unavailable as error:
        return None, None, error.message
    legs = tuple(LegQuote(leg=leg, quote=quotes.get(leg.contract)) for leg in one.legs)
    verdict = judge_legs(legs, front.now, desk.settings.data_age_seconds_max)
    if not verdict.is_allowed:
        return None, None, "a leg has no quote now that can be believed"
    return *net_prices(legs), ""


def _judged(one: Proposal, mid: Price | None, natural: Price | None, problem: str, *, is_over: bool) -> tuple[str, str]:
    if is_over:
        return "expired", "its time is over"
    if mid is None or natural is None:
        return "unknown", f"nobody knows whether it would fill: {problem or 'a leg has no price now'}"
    if natural >= one.limit_floor:
        return "would_fill", "would still fill, even at once"
    if mid >= one.limit_floor:
        return "would_fill", "would still fill within its band"
    return "left_the_band", "left the band: nobody pays what you would approve"
