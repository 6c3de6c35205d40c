"""What a roll means for limits and margin: what makes way counts no more, and frees what it had tied up."""

from dataclasses import dataclass, replace
from datetime import datetime

from thetaloom.domain.book.positions import Position
from thetaloom.domain.risk.margin import buying_power_effect
from thetaloom.domain.risk.margin_rules import MarginLeg
from thetaloom.domain.run.runs import WorkflowRun
from thetaloom.domain.strategy.structures import Leg
from thetaloom.domain.values.money import NOTHING, Money, Price
from thetaloom.domain.values.reasons import Reason, denied
from thetaloom.engine.desk import Desk
from thetaloom.engine.findings import RiskFinding
from thetaloom.engine.held import held_legs
from thetaloom.engine.order_work import LegQuote, net_prices
from thetaloom.engine.risk_check import RiskBasis
from thetaloom.engine.rolls import after_close, closing_quotes, roll_of
from thetaloom.ports.store import UnitOfWork


@dataclass(frozen=True, slots=True, kw_only=True)
class RollSide:
    """The side of a roll that is closed, as limits look at it; without ``legs`` nothing is closed."""

    quantity: int  # structures to open
    legs: tuple[LegQuote, ...]  # as closing trades them
    held: tuple[MarginLeg, ...] | None  # on the underlying, with what makes way; None = a price is not known
    after: Position | None  # the position as closing leaves it


def roll_side(desk: Desk, uow: UnitOfWork, run: WorkflowRun, now: datetime) -> RollSide | None:
    """Gather what a roll closes; ``None`` for a run that is no roll."""
    found = roll_of(uow, run.id)
    if found is None:
        return None
    roll, position = found
    if not roll.closes:
        return RollSide(quantity=roll.quantity, legs=(), held=(), after=None)
    return RollSide(
        quantity=roll.quantity,
        legs=closing_quotes(desk, roll, now),
        held=held_legs(desk, uow, run.symbol, now, without=run.id),
        after=after_close(position, roll),
    )


def released(side: RollSide, *, spot: Price, is_cash_account: bool, shares: int) -> Money | None:
    """Return the buying power that closing frees, what it costs already taken off; ``None`` = not known."""
    mid, _ = net_prices(side.legs)
    prices = {one.leg.contract: one.quote.mid for one in side.legs if one.quote is not None and one.quote.mid}
    if not side.legs or mid is None or side.held is None:
        return None
    legs: tuple[Leg, ...] = tuple(one.leg for one in side.legs)
    effect = buying_power_effect(
        legs,
        mid,
        spot=spot,
        is_cash_account=is_cash_account,
        quantity=side.quantity,
        prices={contract: price for contract, price in prices.items() if price is not None},
        held=side.held,
        held_shares=shares,
    )
    return None if effect is None else NOTHING - effect


def freed(basis: RiskBasis, releases: Money | None) -> RiskBasis:
    """Return the basis with the buying power that closing frees; where it is not known, none."""
    power = basis.portfolio.buying_power
    if power is None or releases is None:
        return basis
    return replace(basis, portfolio=replace(basis.portfolio, buying_power=power + releases))


def sized_for_roll(finding: RiskFinding, side: RollSide, releases: Money | None) -> RiskFinding:
    """Refuse a roll that would open fewer than it closes; a person can ask for fewer."""
    finding = replace(finding, releases=releases)
    if finding.verdict.is_allowed and finding.quantity < side.quantity:
        short = denied(Reason.ROLL_SIZE, wanted=side.quantity, allowed=finding.quantity)
        return replace(finding, verdict=short)
    return finding
