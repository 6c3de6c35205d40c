"""What a version of a proposal changed of the one before it, number by number."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from thetaloom.domain.run.proposals import Proposal

UNLIMITED, WALKS, NONE = "unlimited", "walks", "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposalChange:
    """One number as it was and as it is."""

    name: str
    before: str
    after: str


def changes_between(before: Proposal, after: Proposal) -> tuple[ProposalChange, ...]:
    """Return what differs, what a person asked for first."""
    return tuple(
        ProposalChange(name=name, before=said(before), after=said(after))
        for name, said in _SHOWN.items()
        if said(before) != said(after)
    )


def _number(amount: Decimal | None, absent: str = "unknown") -> str:
    return absent if amount is None else f"{amount:f}"


_SHOWN: Mapping[str, Callable[[Proposal], str]] = {
    "quantity": lambda one: str(one.quantity),
    "entry_price": lambda one: _number(one.entry_price, WALKS),
    "limit_floor": lambda one: _number(one.limit_floor),
    "mid_price": lambda one: _number(one.mid_price),
    "natural_price": lambda one: _number(one.natural_price),
    "max_profit": lambda one: _number(one.max_profit, UNLIMITED),
    "max_loss": lambda one: _number(one.max_loss, UNLIMITED),
    "breakevens": lambda one: ", ".join(f"{level:f}" for level in one.breakevens) or NONE,
    "pop": lambda one: _number(one.pop),
    "net_delta": lambda one: _number(one.net_delta),
    "net_theta": lambda one: _number(one.net_theta),
    "net_vega": lambda one: _number(one.net_vega),
    "buying_power_effect": lambda one: _number(one.buying_power_effect),
    "fees": lambda one: _number(one.fees),
    "spot": lambda one: _number(one.spot),
    "warnings": lambda one: "; ".join(one.warnings) or NONE,
    "as_of": lambda one: one.as_of.isoformat(),
    "expires_at": lambda one: one.expires_at.isoformat(),
}
