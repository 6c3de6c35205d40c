"""A suggestion as JSON: a proposal with its legs as they were quoted, spread by spread, and the age of each number."""

from datetime import date, datetime
from typing import Any

from pydantic import ConfigDict, Field

from thetaloom.domain.run.proposals import ProposalStatus
from thetaloom.web.api import records
from thetaloom.web.api.records import Exact, Record

EXAMPLE: dict[str, Any] = {
    "id": "prop-inoajoosnq37n4fc",
    "run_id": "run-3edm2kncruz4hkwd",
    "strategy": "goog-demo-put-credit-spread",
    "status": "pending",
    "structure": "short_put_vertical",
    "underlying_symbol": "GOOG",
    "underlying_price": "748.80",
    "expiration_date": "2016-01-15",
    "quantity": 1,
    "total_credit": "0.90",
    "total_mid_credit": "1.10",
    "price_effect": "credit",
    "max_risk": "390.00",
    "max_profit": "110.00",
    "breakevens": ["711.40"],
    "content_hash": "0" * 64,
}


class SuggestionLeg(Record):
    """One leg as it was quoted; greeks are per share of a long contract."""

    name: str = Field(description="As the strategy names it.")
    occ_symbol: str
    right: str = Field(description="C or P.")
    strike: Exact
    expiration: date
    ratio: int = Field(description="Contracts per structure: bought positive, sold negative.")
    quantity: int = Field(description="Contracts of the whole suggestion, signed.")
    multiplier: int
    bid: Exact | None
    ask: Exact | None
    mid: Exact | None
    iv: float | None = Field(description="Implied by the mid; 0.20 is 20 %.")
    delta: float | None
    age_seconds: int | None = Field(description="Of its quote, now.")


class SuggestionSpread(Record):
    """A sold leg with the bought one that covers it; credits are per share of one spread."""

    name: str = Field(examples=["put_spread"])
    right: str
    expiration: date
    short_strike: Exact | None
    long_strike: Exact | None
    width: Exact | None
    quantity: int = Field(description="Of these in one structure: a Senex Trident has two put spreads and a call one.")
    natural_credit: Exact | None
    mid_credit: Exact | None


class SuggestionGreeks(Record):
    """Of the whole quantity; null is unknown."""

    delta: Exact | None = Field(description="Shares.")
    gamma: Exact | None = Field(description="Shares per dollar.")
    theta: Exact | None = Field(description="Dollars per calendar day.")
    vega: Exact | None = Field(description="Dollars per vol point.")


class SuggestionAges(Record):
    """How old each number is now, by the market's clock; null where it is not known."""

    suggestion_seconds: int
    quotes_seconds: int = Field(description="Since the legs' quotes were last known good.")
    underlying_seconds: int
    iv_rank_seconds: int | None
    greeks_seconds: int
    balance_seconds: int = Field(description="Since the account's balances were read for required_capital.")


class SuggestionChange(Record):
    """One number of the version before, and of this one."""

    name: str = Field(examples=["quantity"])
    before: str
    after: str


class Suggestion(Record):
    """What a person decides on. Prices are net per share, credit positive; money is of the whole quantity."""

    model_config = ConfigDict(from_attributes=True, frozen=True, json_schema_extra={"examples": [EXAMPLE]})

    id: str
    run_id: str
    strategy: str
    strategy_revision: int
    account_id: str
    status: ProposalStatus
    structure: str
    underlying_symbol: str
    underlying_price: Exact
    expiration_date: date = Field(description="Of the leg that ends first.")
    dte: int
    iv_rank: Exact | None
    quantity: int
    legs: list[SuggestionLeg]
    spreads: list[SuggestionSpread]
    total_credit: Exact = Field(description="Natural: what it brings if filled at once.")
    total_mid_credit: Exact
    price_effect: str = Field(description="credit or debit.")
    limit_floor: Exact = Field(description="The worst net price that an approval covers.")
    tick: Exact = Field(description="The step in which the net price moves.")
    max_risk: Exact | None = Field(description="Positive, before fees; null is unlimited.")
    max_profit: Exact | None = Field(description="Before fees; null is unlimited.")
    breakevens: list[Exact]
    pop: Exact | None = Field(description="Probability of profit, 0 to 1, by model.")
    greeks: SuggestionGreeks
    required_capital: Exact
    fees: Exact = Field(description="Of the entry, negative.")
    score: records.Score | None
    reasons: list[str]
    plain_risk: str = Field(description="What can be lost and made, in a sentence.")
    warnings: list[str]
    needs_confirmation: bool
    synthetic: bool = Field(description="Whether the prices are made up.")
    generated_at: datetime
    as_of: datetime = Field(description="Of the quotes.")
    expires_at: datetime
    ages: SuggestionAges
    content_hash: str = Field(description="Of what an approval binds to.")
    decided_by: str
    decided_at: datetime | None
    rejection_reason: str | None
    entry_credit: Exact | None = Field(description="A limit that a person chose; null: the order walks from mid.")
    supersedes: str | None = Field(description="The version whose place it took.")
    superseded_by: str | None = Field(description="The one that its run showed in its place.")
    changes: list[SuggestionChange] = Field(description="What differs from the version whose place it took.")
    order: records.Order | None = Field(description="The entry that its approval led to.")
