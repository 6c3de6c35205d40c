"""A holding from elsewhere as a position of a strategy: what it holds, at which prices, and what that needs."""

from dataclasses import dataclass
from datetime import datetime

from thetaloom.domain.book.elsewhere import Finding, legs_in_words, units_in
from thetaloom.domain.book.fills import Fill
from thetaloom.domain.book.positions import Position
from thetaloom.domain.book.spreads import whole_spread
from thetaloom.domain.strategy.structures import Leg
from thetaloom.domain.values.ids import FillId, PositionId, RunId, StrategyId, make_client_order_id
from thetaloom.domain.values.money import Price
from thetaloom.domain.values.reasons import ALLOWED, Verdict
from thetaloom.errors import InvalidInput


@dataclass(frozen=True, slots=True, kw_only=True)
class AdoptionInputs:
    """A holding, the run that takes it, and at what it is booked."""

    finding: Finding
    run_id: RunId
    position_id: PositionId
    strategy_id: StrategyId
    price: Price | None  # net, a structure; needed where no transaction tells it
    by: str
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AdoptionOutput:
    """The position that the holding became."""

    verdict: Verdict
    position: Position
    fill: Fill


def decide_adoption(given: AdoptionInputs) -> AdoptionOutput:
    """Make a position of a holding. No order comes of it; the strategy's exits watch it from now on."""
    finding, held = given.finding, given.finding.contracts
    if not held:
        raise InvalidInput(f"{finding.id} holds nothing")
    if not finding.prices_known and given.price is None:
        raise InvalidInput(
            f"at which price {legs_in_words(held)} came is not known",
            advice="Say it: --price, net per structure, received positive.",
        )
    units = units_in(held)
    legs = tuple(Leg(contract=contract, ratio=number // units) for contract, number in held.items())
    told = sum((leg.price * -leg.quantity for leg in finding.legs), Price(0)) / units
    spread = whole_spread(legs)
    fill = Fill(
        fill_id=FillId(f"adopted-{finding.id}"),
        client_order_id=make_client_order_id(given.run_id, "adopted", 1),
        quantity=units,
        price=told if given.price is None else given.price,
        fees=finding.fees,
        filled_at=finding.found_at,
        legs=finding.legs if given.price is None else (),
    )
    empty = Position(
        id=given.position_id,
        run_id=given.run_id,
        user_id=finding.user_id,
        account_id=finding.account_id,
        strategy_id=given.strategy_id,
        symbol=legs[0].contract.underlying,
        legs=legs,
        spreads=(spread,),
        opened_at=finding.found_at,
    )
    return AdoptionOutput(verdict=ALLOWED, position=empty.with_open_fill(fill), fill=fill)
