"""What the API answers with: the domain's records as JSON.

Every exact number (money, prices, and what is computed from them) is a string such as "1.20"; counts are numbers;
instants are ISO 8601 in UTC; what is unknown is ``null``, never zero.
"""

from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Generic, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, WithJsonSchema, computed_field

from thetaloom.domain.book.orders import Effect, OrderPurpose, OrderStatus, TimeInForce
from thetaloom.domain.run.proposals import ProposalStatus
from thetaloom.domain.run.runs import Outcome, RunStatus, StepName, StepStatus, TriggerKind
from thetaloom.domain.strategy.structures import Leg as DomainLeg
from thetaloom.domain.values.reasons import Reason, Verdict
from thetaloom.store.queries.paging import Page as StoredPage

T = TypeVar("T")

PLACES_MAX = 10  # a quotient may have no end


def exact_text(number: Decimal) -> str:
    """Write an exact number as the API does."""
    exponent = number.as_tuple().exponent
    if isinstance(exponent, int) and -exponent > PLACES_MAX:
        number = round(Decimal(number), PLACES_MAX).normalize() + 0
    return format(number, "f")


Exact = Annotated[
    Decimal,
    PlainSerializer(exact_text, return_type=str),
    WithJsonSchema({"type": "string", "pattern": r"^-?[0-9]+(\.[0-9]+)?$", "examples": ["1.20"]}),
]


def reason_text(code: str) -> str:
    """Return what a reason code means; empty for none, and for codes of another version."""
    return Reason.of(code).text if code in Reason._value2member_map_ else ""


class Record(BaseModel):
    """Read off a domain record, field by field."""

    model_config = ConfigDict(from_attributes=True, frozen=True)


class Page(Record, Generic[T]):
    """Some of many, newest first."""

    items: list[T]
    total: int = Field(description="How many there are in all.")
    limit: int
    offset: int


def paged(page: StoredPage[Any], model: type[T]) -> Page[T]:
    """Return a page of stored rows as records of the API."""
    rows = [model.model_validate(row) for row in page.rows]  # type: ignore[attr-defined]  # T is a Record
    return Page(items=rows, total=page.total, limit=page.limit, offset=page.offset)


class Leg(Record):
    """One leg: ``ratio`` contracts per structure, positive bought, negative sold."""

    ratio: int
    occ_symbol: str
    notation: str = Field(examples=["-1 GOOG 2016-01-15 P 712.5"])
    root: str
    expires_on: date
    right: str = Field(description="C or P.")
    strike: Exact
    multiplier: int


def _flat_leg(leg: DomainLeg) -> Leg:
    contract = leg.contract
    return Leg(
        ratio=leg.ratio,
        occ_symbol=contract.occ_symbol,
        notation=leg.notation,
        root=contract.root,
        expires_on=contract.expires_on,
        right=contract.right.value,
        strike=contract.strike,
        multiplier=contract.multiplier,
    )


def _flat_legs(legs: Iterable[Any]) -> list[Any]:
    return [_flat_leg(leg) if isinstance(leg, DomainLeg) else leg for leg in legs]


Legs = Annotated[list[Leg], BeforeValidator(_flat_legs)]


class Answer(Record):
    """What a check said: allow, deny or unknown, and why."""

    answer: str = Field(examples=["deny"])
    reason: str | None = Field(examples=["bid_ask_too_wide"])
    text: str = Field(description="What the reason code means.")
    facts: dict[str, str]


def _flat_verdict(verdict: Any) -> Any:
    if not isinstance(verdict, Verdict):
        return verdict
    reason = verdict.reason
    return Answer(
        answer=verdict.answer.value,
        reason=reason.value if reason else None,
        text=reason.text if reason else "",
        facts=dict(verdict.facts),
    )


Said = Annotated[Answer, BeforeValidator(_flat_verdict)]


class Run(Record):
    """One journey of one strategy revision on one symbol."""

    id: str
    symbol: str
    strategy_id: str
    strategy_revision: int
    account_id: str
    trigger: TriggerKind
    forced: bool
    status: RunStatus
    next_step: StepName | None
    outcome: Outcome | None
    reason: str = Field(description="Reason code of the last no or of the end; empty while there is none.")
    due_at: datetime | None
    signal_id: str | None = Field(description="The signal that started it.")
    schedule_id: str | None = Field(description="The schedule that started it, or that asked for the scan that did.")
    schedule_due_at: datetime | None = Field(description="Which firing of the schedule.")
    scan_id: str | None = Field(description="The scan that found it.")
    created_at: datetime
    updated_at: datetime

    @computed_field  # type: ignore[prop-decorator]  # pydantic's own way
    @property
    def reason_text(self) -> str:
        """What the reason code means."""
        return reason_text(self.reason)


class Step(Record):
    """The record of one executed step, sealed into the chain of its run."""

    run_id: str
    seq: int
    step: StepName
    status: StepStatus
    started_at: datetime
    duration_us: int
    reason: str
    error: str
    strategy_id: str
    strategy_revision: int
    code_version: str
    parent: int | None
    input_digest: str
    output_digest: str
    previous_hash: str
    hash: str


class ClosingSide(Record):
    """Of a roll: what is closed first, under the same approval."""

    position_id: str
    part: str = Field(description="The spread that is closed; empty: whole structures.")
    legs: Legs = Field(description="As closing trades them.")
    quantity: int
    mid_price: Exact
    natural_price: Exact
    limit_floor: Exact = Field(description="The worst net price that the approval covers.")
    fees: Exact
    releases: Exact | None = Field(description="Buying power that closing frees; null is unknown.")
    net_floor: Exact = Field(description="The least that both sides together may bring, before fees.")


class Proposal(Record):
    """What a person or a rule decides on, bound by ``content_hash`` to what was shown."""

    id: str
    run_id: str
    strategy_id: str
    strategy_revision: int
    account_id: str
    symbol: str
    spot: Exact
    structure_name: str
    legs: Legs
    quantity: int
    mid_price: Exact = Field(description="Net per share at mid; credit positive, debit negative.")
    natural_price: Exact
    limit_floor: Exact = Field(description="The worst net price that the approval covers.")
    max_profit: Exact | None = Field(description="At expiration, whole quantity, before fees; null is unlimited.")
    max_loss: Exact | None = Field(description="Positive; null is unlimited.")
    breakevens: list[Exact]
    pop: Exact | None = Field(description="Probability of profit, 0 to 1, lognormal at the legs' own volatility.")
    net_delta: Exact | None = Field(description="Shares.")
    net_theta: Exact | None = Field(description="Dollars per calendar day.")
    net_vega: Exact | None = Field(description="Dollars per vol point.")
    buying_power_effect: Exact
    fees: Exact
    reasons: list[str]
    needs_confirmation: bool = Field(
        description="So much of the risk budget would be in use that no rule approves; a person decides."
    )
    warnings: list[str]
    synthetic: bool
    as_of: datetime = Field(description="When the quotes were last known good.")
    created_at: datetime
    expires_at: datetime
    status: ProposalStatus
    decided_by: str
    decided_at: datetime | None
    decision_note: str
    closing: ClosingSide | None = Field(description="Of a roll; null: nothing is closed.")
    entry_price: Exact | None = Field(description="A limit that a person chose, at which the order rests; null: walks.")
    supersedes: str | None = Field(description="The version whose place it took.")
    content_hash: str


class Order(Record):
    """A request to trade and how far it got."""

    client_order_id: str
    broker_order_id: str | None
    run_id: str
    account_id: str
    effect: Effect
    purpose: OrderPurpose = Field(description="What it is for.")
    part: str = Field(description="The spread it closes; empty: whatever is held.")
    legs: Legs
    quantity: int
    filled: int
    remaining: int
    limit_price: Exact
    time_in_force: TimeInForce
    status: OrderStatus
    is_open: bool
    revision: int = Field(description="How often the limit was moved.")
    staged_at: datetime
    expires_at: datetime
    reason: str


class Fill(Record):
    """One execution report."""

    fill_id: str
    client_order_id: str
    quantity: int
    price: Exact
    fees: Exact
    filled_at: datetime
    model: str = Field(description="How a simulated fill was judged; empty for a real one.")


class OrderWithFills(Record):
    """One order with its fills, oldest first."""

    order: Order
    fills: list[Fill]


class OrderQuality(Record):
    """How well one order was filled. Costs are what was given up: positive is worse, null unknown."""

    client_order_id: str
    quantity: int
    fill_price: Exact
    first_limit_at: datetime
    last_filled_at: datetime
    arrival_mid: Exact
    arrival_half_spread: Exact
    arrival_cost: Exact = Field(description="Dollars given up against mid on arrival.")
    arrival_half_spreads: Exact | None = Field(description="The same in half-spreads on arrival: 0 at mid, 1 natural.")
    fill_mid: Exact | None
    fill_cost: Exact | None = Field(description="Dollars given up against mid at the fill.")
    fill_place: Exact | None = Field(description="Between mid (0) and natural (1) at the fill.")
    hindsight_price: Exact | None = Field(description="The best price that a recorded moment would have given.")
    hindsight_cost: Exact | None
    limits: int
    seconds: int


class QualitySummary(Record):
    """Many orders at a glance."""

    orders: int
    arrival_cost: Exact
    hindsight_cost: Exact
    arrival_half_spreads_mean: Exact | None
    fill_place_mean: Exact | None
    limits_mean: Exact | None
    seconds_mean: Exact | None


class QualityReport(Record):
    """Filled orders, newest first, and all of them together."""

    summary: QualitySummary
    orders: list[OrderQuality]


class Marks(Record):
    """What is known of a position at one moment; null is unknown."""

    now: datetime
    close_price: Exact | None = Field(description="What closing one structure at mid would bring, per share.")
    natural_close: Exact | None
    spot: Exact | None
    dte: int
    days_held: int
    minutes_to_close: int | None
    quotes: Said = Field(validation_alias="quotes_verdict")


class RuleCheck(Record):
    """One exit rule against its number."""

    kind: str
    unit: str
    priority: int
    quantity_percent: int
    met: bool | None = Field(description="null: the number is unknown.")
    value: Exact | None
    threshold: Exact
    distance: Exact | None = Field(description="How far the number is from the threshold; 0 or less when met.")


class Check(Record):
    """One rule that a candidate or a trade was held against."""

    step: str = Field(examples=["evaluate"])
    name: str
    verdict: Said
    value: str | None
    limit: str | None
    distance: str | None = None
    unit: str | None = None


class Blocking(Record):
    """One reason for a no: how far it is from a yes, and what would change it."""

    name: str
    reason: str
    text: str
    value: str | None
    limit: str | None
    distance: str | None
    change: str = Field(examples=["IV rank 18.2 must rise by 6.8 to 25"])


class Score(Record):
    """How well the market suited the strategy: the sum, its label, and each part with its signed points."""

    total: str
    label: str
    minimum: str
    reasons: list[str]
    unknown: list[str] = Field(description="Readings that were not known.")
