"""A proposal for somebody who has read nothing else: what is traded, what it brings or costs, and what comes next."""

from dataclasses import dataclass

from thetaloom.domain.run.proposals import Proposal
from thetaloom.domain.strategy.structures import Leg
from thetaloom.domain.values.instruments import Right
from thetaloom.domain.values.money import Price


@dataclass(frozen=True, slots=True, kw_only=True)
class Deal:
    """The answers to a newcomer's questions."""

    trade: str
    cash_word: str  # whether it brings or costs
    cash: str
    after_approval: str


def deal_of(proposal: Proposal, *, where: str, undo_seconds: int) -> Deal:
    """Return the answers of a proposal, all of its whole quantity; ``where`` its order goes."""
    price = proposal.mid_price if proposal.entry_price is None else proposal.entry_price
    return Deal(
        trade=_trade(proposal),
        cash_word="You get" if price > 0 else "You pay",
        cash=_cash(proposal, price),
        after_approval=_next(proposal, where, undo_seconds),
    )


def _trade(proposal: Proposal) -> str:
    ends = sorted({leg.contract.expires_on for leg in proposal.legs})
    when = " and ".join(f"{end} (in {(end - proposal.as_of.date()).days} days)" for end in ends)
    legs = ", ".join(_leg(leg, proposal.quantity, is_dated=len(ends) > 1) for leg in proposal.legs)
    return f"{legs} on {proposal.symbol}, which expire{'s' if len(proposal.legs) == 1 else ''} {when}"


def _leg(leg: Leg, quantity: int, *, is_dated: bool) -> str:
    contract, count = leg.contract, abs(leg.ratio) * quantity
    word = "call" if contract.right is Right.CALL else "put"
    named = f"{word}s" if count > 1 else word
    dated = f" of {contract.expires_on}" if is_dated else ""
    return f"{'buy' if leg.ratio > 0 else 'sell'} {count} {named} {contract.strike.normalize():f}{dated}"


def _cash(proposal: Proposal, price: Price) -> str:
    amount = abs(price) * proposal.quantity * proposal.legs[0].contract.multiplier
    where = "at mid" if proposal.entry_price is None else "at your limit"
    fees = f"${abs(proposal.fees):,.2f} of fees"
    beside = f", {'less' if price > 0 else 'and'} {fees}" if proposal.fees else ""
    return f"${amount:,.2f} if the order fills {where}{beside}"


def _next(proposal: Proposal, where: str, undo_seconds: int) -> str:
    worst = proposal.limit_floor if proposal.entry_price is None else proposal.entry_price
    side = "for less than" if worst > 0 else "for more than"
    return (
        f"you have {undo_seconds} seconds to undo; then a limit order goes to {where} and never fills"
        f" {side} {abs(worst):f} per share; once filled, the position is watched by the strategy's exits"
    )
