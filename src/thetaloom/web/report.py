"""The report of one run: a document of its own that explains a trade to somebody who never saw the platform."""

import base64
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from starlette.responses import Response

from thetaloom.bootstrap import Platform
from thetaloom.charts.payoff import draw_payoff
from thetaloom.config import Mode
from thetaloom.domain.book.fills import Fill
from thetaloom.domain.book.orders import Effect, Order
from thetaloom.domain.market.view import MarketView
from thetaloom.domain.run.lineage import LineageRecord, genesis_hash
from thetaloom.domain.run.opinion_records import OpinionRecord
from thetaloom.domain.run.proposals import Proposal
from thetaloom.domain.run.runs import StepName, StepStatus
from thetaloom.domain.run.why import Why, explain_run
from thetaloom.domain.strategy.payoff_curve import curves_of_case
from thetaloom.domain.strategy.structures import Leg
from thetaloom.domain.values.calendar import TradingCalendar
from thetaloom.domain.values.canonical import from_plain
from thetaloom.domain.values.ids import RunId, UserId
from thetaloom.domain.values.instruments import Right
from thetaloom.domain.values.money import Money
from thetaloom.engine.lineage import PICTURE_MARK, verify_run
from thetaloom.errors import InvalidInput
from thetaloom.store.queries.market_view import RecordedView
from thetaloom.store.queries.people import names_of
from thetaloom.store.queries.run_evidence import RunEvidence, run_evidence
from thetaloom.store.queries.runs import RunDetail, run_detail
from thetaloom.store.queries.story import tell_step
from thetaloom.web.pages.market_rows import MarketRows, market_rows
from thetaloom.web.pages.render import document
from thetaloom.web.pages.timeline import Entry, timeline_of
from thetaloom.web.report_words import STEP_WORDS, WORDS, headline_of

ALTERED = "What it decided is gone or was altered, and cannot be shown; see the end of this report."
Said = Mapping[str, Any]  # decoded evidence; JSON has no narrower type


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureShown:
    """A picture that travels within the document."""

    title: str
    base64: str  # empty where the picture is gone or was altered
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptShown:
    """What a language model was asked, and which templates made it."""

    reference: str
    text: str
    seq: int  # of the record that holds it


@dataclass(frozen=True, slots=True, kw_only=True)
class FillShown:
    """A fill with what it moved in cash, and the number of the record that booked it; 0 where none says so."""

    order: Order
    fill: Fill
    cash: Money
    seq: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportView:
    """Everything the report says."""

    frame: None = None
    zone: str
    names: Mapping[str, str]  # of everybody by id
    detail: RunDetail
    proposal: Proposal | None  # that was traded on, else the last one
    headline: str
    market: str  # what kind of prices and money it was
    timeline: Sequence[Entry]
    step_words: Mapping[str, tuple[str, str]]
    why: Why
    legs: Sequence[str]
    payoff: PictureShown | None
    reading: MarketRows | None
    charts: Sequence[PictureShown]
    opinions: Sequence[OpinionRecord]
    prompts: Sequence[PromptShown]
    fills: Sequence[FillShown]
    words: Sequence[tuple[str, str]]
    sources: Mapping[str, int]  # the last record of each step that ran
    head: str
    faults: Sequence[str]


def report_of(platform: Platform, user: UserId, run: RunId) -> str:
    """Return the report as one HTML document that loads nothing. Raises ``NotFound``."""
    database = platform.database
    detail, evidence = run_detail(database, user, run), run_evidence(database, user, run)
    with platform.store.reading() as seen:
        opinions = tuple(seen.opinions.of_run(run))
        faults = [f"record {fault.seq}: {fault.message}" for fault in verify_run(seen, detail.run)]
    why = explain_run(detail.run, detail.timeline, evidence.output)
    proposal = _proposal(detail)
    view = ReportView(
        zone=platform.desk.calendar.zone_name,
        names=names_of(platform.database),
        detail=detail,
        proposal=proposal,
        headline=headline_of(detail, why),
        market=_market_words(platform.settings.mode, detail, evidence),
        timeline=timeline_of(detail.timeline, lambda record: _told(evidence, record)),
        step_words=STEP_WORDS,
        why=why,
        legs=_legs(detail, proposal),
        payoff=_payoff(platform.desk.calendar, detail, proposal),
        reading=_reading(detail, evidence),
        charts=list(_charts(detail, evidence)),
        opinions=opinions,
        prompts=list(_prompts(evidence)),
        fills=_fills(detail, evidence),
        words=WORDS,
        sources={record.step: record.seq for record in detail.timeline if record.status is not StepStatus.SKIPPED},
        head=detail.timeline[-1].hash if detail.timeline else genesis_hash(run),
        faults=faults,
    )
    return document("report.html", view)


def report_answer(platform: Platform, user: UserId, run: RunId) -> Response:
    """Return the report as a file: its pictures and its look are within it, so no page of ours may show it."""
    text = report_of(platform, user, run)
    name = "".join(letter for letter in run if letter.isascii() and (letter.isalnum() or letter in "-_"))
    headers = {"Content-Disposition": f'attachment; filename="{name}.html"'}
    return Response(text, media_type="text/html; charset=utf-8", headers=headers)


def _proposal(detail: RunDetail) -> Proposal | None:
    # A later one may be of a roll; the trade that is explained is the one that was approved first.
    approved = [one for one in detail.proposals if one.approved_hash]
    return next(iter([*approved, *reversed(detail.proposals)]), None)


def _market_words(mode: Mode, detail: RunDetail, evidence: RunEvidence) -> str:
    read = [said for _, said in _outputs(detail, evidence, StepName.FETCH_MARKET)]
    source = read[-1].get("source") if read else ""
    money = "no real money was at stake" if mode is Mode.PAPER else "real money"
    if any(proposal.synthetic for proposal in detail.proposals) or any(said.get("synthetic") for said in read):
        prices = "on an invented market, not on real prices"
    elif source:
        prices = f"on real prices, by the source {source}"
    else:
        prices = "and no prices were read"
    return f"{mode.value.capitalize()} trading {prices}; {money}."


def _told(evidence: RunEvidence, record: LineageRecord) -> str:
    found = evidence.steps.get(record.seq)
    if found is None or record.status is StepStatus.FAILED:
        return ""
    return tell_step(found) if found.output is not None else ALTERED


def _legs(detail: RunDetail, proposal: Proposal | None) -> list[str]:
    legs = detail.position.legs if detail.position is not None else ()
    if not legs and proposal is not None:
        legs = proposal.legs
    return [_leg_text(leg) for leg in legs]


def _leg_text(leg: Leg) -> str:
    side, right = "Sell" if leg.ratio < 0 else "Buy", "put" if leg.contract.right is Right.PUT else "call"
    strike, on = f"{leg.contract.strike.normalize():f}", f"{leg.contract.expires_on:%d %B %Y}"
    return f"{side} {abs(leg.ratio)} {right}, strike {strike}, expiring {on}"


def _payoff(calendar: TradingCalendar, detail: RunDetail, proposal: Proposal | None) -> PictureShown | None:
    placed = {order.client_order_id: order for order in detail.orders}
    first = next((fill for fill in detail.fills if placed[fill.client_order_id].effect is Effect.OPEN), None)
    if first is None or proposal is None:
        return None
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
        "spot": Decimal(proposal.spot),
        "at": first.filled_at,
    }
    try:
        picture = draw_payoff(curves_of_case(case, calendar))
    except InvalidInput:  # prices of an opening that have no curve, such as a leg without one
        return None
    return PictureShown(
        title="Profit and loss of the first fill by the price of the underlying",
        base64=_encoded(picture),
        source="drawn for this report from the prices of that fill",
    )


def _reading(detail: RunDetail, evidence: RunEvidence) -> MarketRows | None:
    for record, said in reversed(_outputs(detail, evidence, StepName.COMPUTE_INDICATORS)):
        if "view" in said and record.status is StepStatus.DONE:
            view = from_plain(said["view"], MarketView)
            return market_rows(RecordedView(view=view, read_at=record.started_at, seq=record.seq))
    return None


def _charts(detail: RunDetail, evidence: RunEvidence) -> Iterator[PictureShown]:
    for record, said in _outputs(detail, evidence, StepName.DRAW_CHART):
        for chart in said.get("charts") or ():
            digest = chart["picture"][PICTURE_MARK]
            yield PictureShown(
                title=f"The {chart['timeframe']} chart that was read",
                base64=_encoded(evidence.pictures.get(digest, b"")),
                source=f"record {record.seq}, digest {digest}",
            )


def _prompts(evidence: RunEvidence) -> Iterator[PromptShown]:
    for seq, found in evidence.steps.items():
        if found.record.step is StepName.ANALYZE and found.input is not None:
            request = found.input.content["given"].get("request") or {}
            if request.get("prompt"):
                yield PromptShown(reference=request.get("prompt_reference", ""), text=request["prompt"], seq=seq)


def _fills(detail: RunDetail, evidence: RunEvidence) -> list[FillShown]:
    orders, booked = {order.client_order_id: order for order in detail.orders}, _booked(evidence)
    return [_fill_shown(orders[fill.client_order_id], fill, booked.get(fill.fill_id, 0)) for fill in detail.fills]


def _fill_shown(order: Order, fill: Fill, seq: int) -> FillShown:
    multiplier = next((leg.contract.multiplier for leg in fill.legs), 100)
    return FillShown(order=order, fill=fill, cash=Money(Decimal(fill.price) * fill.quantity * multiplier), seq=seq)


def _booked(evidence: RunEvidence) -> dict[str, int]:
    found = {}
    for seq, one in evidence.steps.items():
        given = one.input.content.get("given", {}) if one.input is not None else {}
        report = given.get("report") if isinstance(given, dict) else None
        fill = report.get("fill") if isinstance(report, dict) else None
        if fill:
            found[str(fill["fill_id"])] = seq
    return found


def _outputs(detail: RunDetail, evidence: RunEvidence, step: StepName) -> list[tuple[LineageRecord, Said]]:
    return [(record, evidence.output(record)) for record in detail.timeline if record.step is step]


def _encoded(content: bytes) -> str:
    return base64.b64encode(content).decode()
