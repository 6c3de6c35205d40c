"""Suggestions: ask for one, look at them, execute or reject. The interface calls them proposals."""

from decimal import Decimal
from typing import Annotated

from fastapi import APIRouter, Body, Query
from pydantic import ConfigDict, Field, StringConstraints

from thetaloom.domain.run.proposals import ProposalStatus
from thetaloom.domain.values.ids import ProposalId, StrategyId
from thetaloom.domain.values.symbols import canonical_symbol
from thetaloom.store.queries.proposals import list_proposals, proposal_detail
from thetaloom.web import suggestions
from thetaloom.web.api.queries import NO_NUL, Id, PageWindow
from thetaloom.web.api.records import Page
from thetaloom.web.api.suggestion_records import Suggestion
from thetaloom.web.api.workflow import Asked, Note, Reason, Symbol
from thetaloom.web.front import FrontDoor
from thetaloom.web.problems import COMMANDED, documented

router = APIRouter(prefix="/suggestions", tags=["suggestions"])
Credit = Annotated[Decimal, Field(gt=-100_000, lt=100_000, max_digits=10, decimal_places=4)]
Quantity = Annotated[int, Field(ge=1, le=10_000)]
CREDIT_MEANS = "The net price per share at which the order rests, a debit negative; absent: it walks from mid."
Hash = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class Generate(Asked):
    """What to look for a trade on."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"symbol": "GOOG"}]})

    symbol: Symbol | None = Field(default=None, description="Absent: the strategy's own first symbol.")
    force: bool = Field(
        default=False, description="Waives the limit on open runs and the minimum score; strikes may miss by more."
    )


class Execute(Asked):
    """Approve what was shown."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"note": "looks right"}]})

    content_hash: Hash | None = Field(
        default=None, description="When given, the suggestion must still be the one with this hash."
    )
    custom_credit: Credit | None = Field(default=None, description=CREDIT_MEANS)
    quantity: Quantity | None = Field(default=None, description="Structures; absent: as it was suggested.")
    note: Note = ""


class Modify(Asked):
    """What is wanted otherwise; at least one of the two."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"custom_credit": "1.05"}]})

    custom_credit: Credit | None = Field(default=None, description=CREDIT_MEANS)
    quantity: Quantity | None = None
    content_hash: Hash | None = None


class RejectSuggestion(Asked):
    """Reject, with a reason in words."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"reason": "earnings next week"}]})

    reason: Reason


@router.get("", responses=documented())
def list_all(
    front: FrontDoor,
    window: PageWindow,
    status: ProposalStatus | None = None,
    symbol: Annotated[str | None, Query(max_length=12, pattern=NO_NUL)] = None,
    strategy: Annotated[str | None, Query(max_length=64, pattern=NO_NUL)] = None,
) -> Page[Suggestion]:
    """List the suggestions, newest first."""
    found = list_proposals(
        front.database,
        front.user,
        status=status,
        symbol=canonical_symbol(symbol) if symbol else None,
        strategy=StrategyId(strategy) if strategy else None,
        window=window,
    )
    items = suggestions.shown(front, found.rows)
    return Page(items=items, total=found.total, limit=found.limit, offset=found.offset)


@router.get("/{suggestion_id}", responses=documented(404))
def one(front: FrontDoor, suggestion_id: Id) -> Suggestion:
    """Return one suggestion, with the ages of this moment."""
    found = proposal_detail(front.database, front.user, ProposalId(suggestion_id))
    return suggestions.shown(front, [found])[0]


@router.post("/{strategy}/generate", responses=COMMANDED)
async def generate(front: FrontDoor, strategy: Id, asked: Annotated[Generate | None, Body()] = None) -> Suggestion:
    """Run the strategy on the symbol and wait for what it proposes. No trade is a 409 with its reason and numbers."""
    given = asked or Generate()
    return await suggestions.generate(front, given.symbol, strategy, force=given.force)


@router.post("/{suggestion_id}/execute", responses=COMMANDED)
async def execute(front: FrontDoor, suggestion_id: Id, asked: Annotated[Execute | None, Body()] = None) -> Suggestion:
    """Approve a suggestion, or a version of it with another limit or quantity; asked twice, the first answer stands."""
    given = asked or Execute()
    return await suggestions.execute(
        front,
        suggestion_id,
        custom_credit=given.custom_credit,
        quantity=given.quantity,
        content_hash=given.content_hash,
        note=given.note,
    )


@router.post("/{suggestion_id}/modify", responses=COMMANDED)
async def modify(front: FrontDoor, suggestion_id: Id, asked: Modify) -> Suggestion:
    """Have a new version made, priced and judged at this moment; the one before can't be executed any more."""
    return await suggestions.modify(
        front,
        suggestion_id,
        custom_credit=asked.custom_credit,
        quantity=asked.quantity,
        content_hash=asked.content_hash,
    )


@router.post("/{suggestion_id}/reject", responses=COMMANDED)
async def reject(front: FrontDoor, suggestion_id: Id, asked: RejectSuggestion) -> Suggestion:
    """Reject a suggestion by its id or by the id of its run."""
    return await suggestions.reject(front, suggestion_id, asked.reason)
