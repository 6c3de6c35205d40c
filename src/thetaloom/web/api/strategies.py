"""Strategies: list, read, write, validate."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Body, Response
from pydantic import Field

from thetaloom.domain.strategy.documents import strategy_document
from thetaloom.domain.strategy.schema import strategy_schema
from thetaloom.domain.strategy.strategies import Strategy
from thetaloom.domain.strategy.toml_text import strategy_toml
from thetaloom.domain.values.ids import StrategyId
from thetaloom.engine.commands import DeleteStrategy, SaveStrategy
from thetaloom.errors import InvalidInput, NotAllowed, NotFound
from thetaloom.ports.store import StoredStrategy
from thetaloom.web.api.queries import Id, PageWindow
from thetaloom.web.api.records import Page, Record
from thetaloom.web.api.samples import DteQuery, Sample, SymbolQuery, Tried, try_on_market
from thetaloom.web.documents import read_strategy
from thetaloom.web.front import Front, FrontDoor
from thetaloom.web.problems import COMMANDED, documented

router = APIRouter(prefix="/strategies", tags=["strategies"])
EXAMPLE: dict[str, Any] = {
    "id": "put-credit-spread-30dte",
    "name": "Put Credit Spread 30 DTE",
    "expiration": {"dte_min": 21, "dte_max": 45, "dte_target": 30},
    "legs": [
        {
            "name": "short_put",
            "side": "sell",
            "right": "put",
            "select": {"by": "delta", "value": "-0.20", "unit": "delta"},
        },
        {
            "name": "long_put",
            "side": "buy",
            "right": "put",
            "select": {"by": "width", "of": "short_put", "value": 5, "unit": "dollars"},
        },
    ],
    "exits": [{"kind": "profit_target", "threshold": 50, "unit": "percent_of_premium"}],
}
Document = Annotated[
    dict[str, Any],
    Body(
        description='A strategy document (see /api/strategies/schema), or `{"toml": "…"}` with its TOML text.',
        openapi_examples={
            "JSON": {"value": EXAMPLE},
            "TOML": {"value": {"toml": 'id = "put-credit-spread-30dte"\nname = "Put Credit Spread 30 DTE"\n'}},
        },
    ),
]


class StrategySummary(Record):
    """A strategy in a list."""

    id: str
    name: str
    description: str
    active: bool
    symbols: list[str]
    legs: int
    approval: str
    revision: int
    saved_at: datetime


class SavedStrategy(StrategySummary):
    """A strategy in full: the document and the same as TOML."""

    strategy: dict[str, Any] = Field(description="The document; see /api/strategies/schema.")
    toml: str


class Validation(Record):
    """What is wrong with a document, field by field, or the strategy that it makes."""

    valid: bool
    errors: dict[str, str] = Field(description="Message by path, such as `legs[1].select.of`.")
    strategy: dict[str, Any] | None
    market: Tried | None = Field(default=None, description="Where the samples are from; only when they are asked for.")
    samples: list[Sample] = Field(default=[], description="One for each of the days wished; only when asked for.")


class Converted(Record):
    """One strategy in both of its forms."""

    strategy: dict[str, Any] = Field(description="The document; see /api/strategies/schema.")
    toml: str


@router.get("", responses=documented())
def list_strategies(front: FrontDoor, window: PageWindow) -> Page[StrategySummary]:
    """List the strategies, by id."""
    with front.platform.store.reading() as seen:
        every = seen.strategies.all_latest(front.user)
    part = every[window.offset : window.offset + window.limit]
    items = [StrategySummary(**_summary(stored)) for stored in part]
    return Page(items=items, total=len(every), limit=window.limit, offset=window.offset)


@router.post("", status_code=201, responses=COMMANDED)
async def create_strategy(front: FrontDoor, document: Document, response: Response) -> SavedStrategy:
    """Store a new strategy."""
    strategy = read_strategy(document)
    if await front.read(lambda: _latest(front, strategy.id)) is not None:
        raise NotAllowed(
            "strategy_exists",
            f"there is a strategy {strategy.id} already",
            advice=f"PUT /api/strategies/{strategy.id} changes it; or choose another id.",
        )
    response.headers["Location"] = f"/api/strategies/{strategy.id}"
    return await _saved(front, strategy)


@router.post("/validate", responses=documented(400, 404, 413), response_model_exclude_unset=True)
def validate_strategy(
    front: FrontDoor, document: Document, symbol: SymbolQuery = None, dte: DteQuery = None
) -> Validation:
    """Say whether a document is a strategy, and name every problem by its field. Nothing is stored.

    With `symbol` or `dte` it is also tried on the market of this moment: a sample trade for each of the days to
    expiration, with its own `valid`, errors and warnings. `valid` of the whole is about the document alone.
    """
    try:
        strategy = read_strategy(document)
    except InvalidInput as error:
        problems = {path: str(text) for path, text in error.details.items()} or {"": error.message}
        return Validation(valid=False, errors=problems, strategy=None)
    if symbol is None and not dte:
        return Validation(valid=True, errors={}, strategy=strategy_document(strategy))
    return _tried(front, strategy, symbol, dte)


@router.post("/convert", responses=documented(400, 413))
def convert_strategy(document: Document) -> Converted:
    """Return the same strategy as a document and as TOML; either may be sent. Nothing is stored."""
    strategy = read_strategy(document)
    return Converted(strategy=strategy_document(strategy), toml=strategy_toml(strategy))


@router.get("/schema", responses=documented())
def read_schema() -> dict[str, Any]:
    """Return the JSON Schema of strategy documents."""
    return strategy_schema()


@router.get("/{strategy_id}", responses=documented(404))
def read_one(front: FrontDoor, strategy_id: Id) -> SavedStrategy:
    """Return the newest revision of a strategy."""
    return _shown(_found(front, strategy_id))


@router.post("/{strategy_id}/test", responses=documented(404), response_model_exclude_unset=True)
def test_strategy(front: FrontDoor, strategy_id: Id, symbol: SymbolQuery = None, dte: DteQuery = None) -> Validation:
    """Try a stored strategy on the market of this moment, as `validate` does with a symbol. Nothing is stored."""
    return _tried(front, _found(front, strategy_id).strategy, symbol, dte)


@router.put("/{strategy_id}", responses=COMMANDED)
async def change_strategy(front: FrontDoor, strategy_id: Id, document: Document) -> SavedStrategy:
    """Store another revision; equal content adds none. Runs under way keep the revision they started with."""
    strategy = read_strategy(document, strategy_id)
    await front.read(lambda: _found(front, strategy_id))
    return await _saved(front, strategy)


@router.delete("/{strategy_id}", status_code=204, responses=COMMANDED)
async def delete_strategy(front: FrontDoor, strategy_id: Id) -> None:
    """Take a strategy out of the lists; runs that used it keep their revision."""
    await front.tell(DeleteStrategy(user_id=front.user, strategy_id=StrategyId(strategy_id)))


def _tried(front: Front, strategy: Strategy, symbol: str | None, wishes: list[int] | None) -> Validation:
    market, samples = try_on_market(front, strategy, symbol, wishes)
    document = strategy_document(strategy)
    return Validation(valid=True, errors={}, strategy=document, market=market, samples=samples)


async def _saved(front: Front, strategy: Strategy) -> SavedStrategy:
    return _shown(await front.ask(SaveStrategy(user_id=front.user, strategy=strategy), StoredStrategy))


def _latest(front: Front, strategy_id: str) -> StoredStrategy | None:
    with front.platform.store.reading() as seen:
        return seen.strategies.latest(front.user, StrategyId(strategy_id))


def _found(front: Front, strategy_id: str) -> StoredStrategy:
    stored = _latest(front, strategy_id)
    if stored is None:
        raise NotFound(f"there is no strategy {strategy_id!r}", advice="GET /api/strategies lists them.")
    return stored


def _summary(stored: StoredStrategy) -> dict[str, Any]:
    strategy = stored.strategy
    return {
        "id": strategy.id,
        "name": strategy.name,
        "description": strategy.description,
        "active": strategy.active,
        "symbols": list(strategy.symbols),
        "legs": len(strategy.legs),
        "approval": strategy.approval.mode.value,
        "revision": stored.revision,
        "saved_at": stored.saved_at,
    }


def _shown(stored: StoredStrategy) -> SavedStrategy:
    document, text = strategy_document(stored.strategy), strategy_toml(stored.strategy)
    return SavedStrategy(**_summary(stored), strategy=document, toml=text)
