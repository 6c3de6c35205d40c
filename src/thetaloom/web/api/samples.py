"""Strategies tried on the platform's market: a sample trade for each of the days to expiration wished."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated

from fastapi import Query
from pydantic import BeforeValidator, Field

from thetaloom.domain.strategy.strategies import Strategy
from thetaloom.domain.values.symbols import canonical_symbol
from thetaloom.engine.trial import WISH_MAX, WISHES, WISHES_MAX, read_desk, trial_record, try_wishes
from thetaloom.errors import InvalidInput, NotFound
from thetaloom.web.api import records
from thetaloom.web.api.records import Exact, Record
from thetaloom.web.front import Front


def _each(given: object) -> object:
    # ?dte=30,45 says the same as ?dte=30&dte=45
    if not isinstance(given, list):
        return given
    return [part for entry in given for part in (entry.split(",") if isinstance(entry, str) else [entry])]


SymbolQuery = Annotated[
    str | None,
    Query(min_length=1, max_length=10, pattern=r"^[A-Za-z0-9.^]+$", description="Try it on the chain of this symbol."),
]
DteQuery = Annotated[
    list[Annotated[int, Field(ge=0, le=WISH_MAX)]] | None,
    BeforeValidator(_each),
    Query(
        max_length=WISHES_MAX,
        description=f"Days to expiration to try it for, as `dte=30&dte=45` or `dte=30,45`; "
        f"{', '.join(map(str, WISHES))} if none are given with a symbol.",
    ),
]


class SampleLeg(Record):
    """One leg of a sample trade, with its quote; what is not known is null, never zero."""

    name: str = Field(description="As the strategy names it.")
    side: str = Field(description="buy or sell.")
    ratio: int = Field(description="Contracts per structure; sold is negative.")
    notation: str = Field(examples=["-1 GOOG 2016-01-15 P 712.5"])
    occ_symbol: str
    root: str
    expires_on: date
    right: str = Field(description="C or P.")
    strike: Exact
    bid: Exact | None
    ask: Exact | None
    mid: Exact | None
    iv: float | None = Field(description="Implied by the mid, 0.20 = 20 %.")
    delta: float | None = Field(description="Per share of a long contract, whichever side the leg is on.")
    open_interest: int | None
    volume: int | None
    quote_age_seconds: int | None


class Touch(Record):
    """The chance that a short strike is reached before it expires."""

    right: str
    strike: Exact
    probability: Exact


class SampleTarget(Record):
    """One independent profit target, as it would be placed."""

    name: str
    legs: list[str]
    quantity: int
    percent: Exact
    entry_credit: Exact
    limit_price: Exact


class SampleScore(Record):
    """How well the market suits the strategy."""

    total: Exact
    label: str


class SampleCheck(Record):
    """One rule that the sample trade was held against."""

    name: str
    verdict: records.Said
    value: str
    limit: str
    distance: str


class Sample(Record):
    """What the strategy would open for one of the days to expiration wished, and what stands against it."""

    dte_wanted: int | None
    valid: bool = Field(description="No rule of the strategy failed, and none is unknown.")
    expiration: date | None = Field(description="null: no expiration within 15 days would do.")
    root: str | None
    dte: int | None
    is_monthly: bool | None
    structure: str | None
    legs: list[SampleLeg]
    price_effect: str | None = Field(description="credit, debit or even.")
    mid_price: Exact | None = Field(description="Net per share at mid; credit positive, debit negative.")
    natural_price: Exact | None
    max_profit: Exact | None = Field(description="Dollars of one structure; null is unlimited or unknown.")
    max_profit_unlimited: bool | None
    max_loss: Exact | None = Field(description="Dollars of one structure, positive; null is unlimited or unknown.")
    max_loss_unlimited: bool | None
    breakevens: list[Exact]
    pop: Exact | None = Field(description="Probability of profit, 0 to 1.")
    p50: Exact | None
    expected_value: Exact | None
    touches: list[Touch]
    net_delta: Exact | None = Field(description="Shares.")
    net_gamma: Exact | None
    net_theta: Exact | None = Field(description="Dollars per calendar day.")
    net_vega: Exact | None = Field(description="Dollars per vol point.")
    score: SampleScore | None
    targets: list[SampleTarget]
    verdict: records.Answer
    errors: list[str] = Field(description="Every rule that failed or is unknown, each beginning with its reason code.")
    warnings: list[str]
    reasons: list[str] = Field(description="Why this expiration and each strike.")
    checks: list[SampleCheck]


class Tried(Record):
    """On which market a strategy was tried."""

    symbol: str
    as_of: datetime
    spot: Exact | None
    source: str
    synthetic: bool


def try_on_market(
    front: Front, strategy: Strategy, symbol: str | None, wishes: Sequence[int] | None
) -> tuple[Tried, list[Sample]]:
    """Try a strategy on the platform's market of this moment; nothing is stored or started."""
    front.need_account()
    market = front.platform.market
    name = canonical_symbol(symbol) if symbol else next(iter(strategy.symbols), None)
    if name is None:
        raise InvalidInput("symbol: is missing, and the strategy names none", details={"symbol": "is missing"})
    if market.underlying(name) is None:
        raise NotFound(f"{market.name} does not know {name}", advice="Check the spelling.")
    state = read_desk(front.platform.desk, front.user, name)
    chain = state.chain
    tried = Tried(symbol=name, as_of=chain.as_of, spot=chain.spot, source=chain.source, synthetic=chain.synthetic)
    return tried, [Sample.model_validate(trial_record(each)) for each in try_wishes(strategy, state, wishes or WISHES)]
