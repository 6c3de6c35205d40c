"""The report of one run: a document of its own that explains a trade to somebody who never saw the platform."""

import base64
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from thetaloom.bootstrap import Platform
from thetaloom.charts.payoff import draw_payoff
from thetaloom.domain.book.fills import Fill
from thetaloom.domain.book.orders import Order
from thetaloom.domain.run.lineage import LineageRecord, genesis_hash
from thetaloom.domain.run.opinion_records import OpinionRecord
from thetaloom.domain.run.runs import StepName, StepStatus
from thetaloom.domain.run.why import Why
from thetaloom.domain.strategy.payoff_curve import curves_of_case
from thetaloom.domain.strategy.structures import Leg
from thetaloom.domain.values.ids import RunId
from thetaloom.domain.values.instruments import Right
from thetaloom.domain.values.money import Money
from thetaloom.engine.lineage import PICTURE_MARK, verify_run
from thetaloom.errors import InvalidInput
from thetaloom.store.queries.lineage import StepRecord, evidence_content, step_record
from thetaloom.store.queries.runs import RunDetail, run_detail
from thetaloom.store.queries.story import tell_step
from thetaloom.store.queries.why import why_of
from thetaloom.web.pages.render import document
from thetaloom.web.pages.timeline import Entry, timeline_of
from thetaloom.web.report_words import STEP_WORDS, WORDS, headline_of

Said = Mapping[str, Any]  # decoded evidence; JSON has no narrower type


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureShown:
    """A picture that travels within the document."""

    title: str
    base64: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptShown:
    """What a language model was asked, and which templates made it."""

    reference: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FillShown:
    """A fill with what it moved in cash."""

    order: Order
    fill: Fill
    cash: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportView:
    """Everything the report says."""

    frame: None = None
    zone: str
    detail: RunDetail
    headline: str
    market: str  # what kind of prices and money it was
    timeline: Sequence[Entry]
    step_words: Mapping[str, tuple[str, str]]
    why: Why
    legs: Sequence[str]
    payoff: PictureShown | None
    charts: Sequence[PictureShown]
    opinions: Sequence[OpinionRecord]
    prompts: Sequence[PromptShown]
    fills: Sequence[FillShown]
    words: Sequence[tuple[str, str]]
    head: str
    faults: Sequence[str]


def report_of(platform: Platform, run: RunId) -> str:
    """Return the report as one HTML document that loads nothing. Raises ``NotFound``."""
    database, user = platform.database, platform.user_id
    detail = run_detail(database, user, run)
    steps = {
        record.seq: step_record(database, user, run, seq=record.seq)
        for record in detail.timeline
        if record.status is not StepStatus.SKIPPED
    }
    with platform.store.reading() as seen:
        opinions = tuple(seen.opinions.of_run(run))
        faults = [f"record {fault.seq}: {fault.message}" for fault in verify_run(seen, detail.run)]
    why = why_of(database, user, detail)
    orders = {order.client_order_id: order for order in detail.orders}
    view = ReportView(
        zone=platform.desk.calendar.zone_name,
        detail=detail,
        headline=headline_of(detail, why),
        market=_market_words(platform, detail),
        timeline=timeline_of(detail.timeline, lambda record: _told(steps, record)),
        step_words=STEP_WORDS,
        why=why,
        legs=_legs(detail),
        payoff=_payoff(platform, detail),
        charts=[
            PictureShown(title=title, base64=_encoded(evidence_content(database, user, run, digest)[1]))
            for title, digest in _drawn(steps)
        ],
        opinions=opinions,
        prompts=list(_prompts(steps)),
        fills=[_fill_shown(orders[fill.client_order_id], fill) for fill in detail.fills],
        words=WORDS,
        head=detail.timeline[-1].hash if detail.timeline else genesis_hash(run),
        faults=faults,
    )
    return document("report.html", view)


def _market_words(platform: Platform, detail: RunDetail) -> str:
    synthetic = platform.market.synthetic or any(proposal.synthetic for proposal in detail.proposals)
    prices = (
        "an invented market, not real prices" if synthetic else f"real prices, by the source {platform.market.name}"
    )
    money = "no real money was at stake" if platform.settings.mode.value == "paper" else "real money"
    return f"{platform.settings.mode.value.capitalize()} trading on {prices}; {money}."


def _told(steps: Mapping[int, StepRecord], record: LineageRecord) -> str:
    found = steps.get(record.seq)
    return "" if found is None or record.status is StepStatus.FAILED else tell_step(found)


def _legs(detail: RunDetail) -> list[str]:
    legs = detail.position.legs if detail.position is not None else ()
    if not legs and detail.proposals:
        legs = detail.proposals[-1].legs
    return [_leg_text(leg) for leg in legs]


def _leg_text(leg: Leg) -> str:
    side, right = "Sell" if leg.ratio < 0 else "Buy", "put" if leg.contract.right is Right.PUT else "call"
    strike, on = f"{leg.contract.strike.normalize():f}", f"{leg.contract.expires_on:%d %B %Y}"
    return f"{side} {abs(leg.ratio)} {right}, strike {strike}, expiring {on}"


def _payoff(platform: Platform, detail: RunDetail) -> PictureShown | None:
    opening = [fill for fill in detail.fills if _order_of(detail, fill).effect.value == "open"]
    if not opening or not detail.proposals:
        return None
    first = opening[0]
    case = {
        "legs": [
            {
                "right": leg.contract.right.value,
                "strike": leg.contract.strike,
                "expiration": leg.contract.expires_on,
                "quantity": leg.quantity,
                "price": leg.price,
                "multiplier": leg.contract.multiplier,
            }
            for leg in first.legs
        ],
        "spot": Decimal(detail.proposals[0].spot),
        "at": first.filled_at,
    }
    try:
        picture = draw_payoff(curves_of_case(case, platform.desk.calendar))
    except InvalidInput:  # prices of an opening that have no curve, such as a leg without one
        return None
    return PictureShown(
        title="Profit and loss of the first fill by the price of the underlying", base64=_encoded(picture)
    )


def _order_of(detail: RunDetail, fill: Fill) -> Order:
    return next(order for order in detail.orders if order.client_order_id == fill.client_order_id)


def _fill_shown(order: Order, fill: Fill) -> FillShown:
    multiplier = next((leg.contract.multiplier for leg in fill.legs), 100)
    return FillShown(order=order, fill=fill, cash=Money(Decimal(fill.price) * fill.quantity * multiplier))


def _drawn(steps: Mapping[int, StepRecord]) -> Iterator[tuple[str, str]]:
    for said in _outputs(steps, StepName.DRAW_CHART):
        for chart in said.get("charts") or ():
            yield f"The {chart['timeframe']} chart that was read", chart["picture"][PICTURE_MARK]


def _prompts(steps: Mapping[int, StepRecord]) -> Iterator[PromptShown]:
    for found in steps.values():
        if found.record.step is StepName.ANALYZE and found.input is not None:
            request = found.input.content["given"].get("request") or {}
            if request.get("prompt"):
                yield PromptShown(reference=request.get("prompt_reference", ""), text=request["prompt"])


def _outputs(steps: Mapping[int, StepRecord], step: StepName) -> Iterator[Said]:
    for found in steps.values():
        if found.record.step is step and found.output is not None and isinstance(found.output.content, dict):
            yield found.output.content


def _encoded(content: bytes) -> str:
    return base64.b64encode(content).decode()
