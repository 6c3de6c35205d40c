"""Structures: sets of legs, how they are written, what they are called and how wide they are."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from math import gcd

from thetaloom.domain.values.instruments import OptionContract, Right, parse_option_symbol
from thetaloom.errors import InvalidInput

GOOD_LEG = "-1 SPY 2026-01-16 P 560"


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """One leg of a structure: ``ratio`` contracts per structure, positive bought, negative sold."""

    contract: OptionContract
    ratio: int

    def __post_init__(self) -> None:
        if type(self.ratio) is not int or self.ratio == 0:
            raise InvalidInput(
                f"leg {self.contract.occ_symbol}: ratio {self.ratio!r} is not a whole number other than zero"
            )

    @property
    def notation(self) -> str:
        """The leg as text, as in ``-1 SPY 2026-01-16 P 560``; a bought leg starts with a plus."""
        return f"{self.ratio:+d} {self.contract.notation}"

    @classmethod
    def parse(cls, text: str) -> "Leg":
        """Read a leg from its notation; the plus may be left out, and any form of symbol will do."""
        found = re.fullmatch(r"\s*([+-]?[0-9]{1,6})\s+(\S.*)", text, re.DOTALL)
        if found is None:
            raise InvalidInput(f'leg "{text[:64]}" is not a ratio and an option; a good one: "{GOOD_LEG}"')
        return cls(contract=parse_option_symbol(found[2]), ratio=int(found[1]))


# One row per structure. A word is one leg: ratio, right, rank of its strike from the lowest, and ' where it
# expires later than the others; S is one contract's worth of stock. Words stand by expiration, strike, calls
# first, stock last; ratios are divided by their greatest common divisor.
NAMES: dict[str, str] = {
    "+1C1": "long_call",
    "-1C1": "short_call",
    "+1P1": "long_put",
    "-1P1": "short_put",
    # verticals
    "+1C1 -1C2": "call_debit_spread",
    "-1C1 +1C2": "call_credit_spread",
    "+1P1 -1P2": "put_credit_spread",
    "-1P1 +1P2": "put_debit_spread",
    # both rights
    "+1C1 +1P1": "long_straddle",
    "-1C1 -1P1": "short_straddle",
    "+1P1 +1C2": "long_strangle",
    "-1P1 -1C2": "short_strangle",
    "+1C1 +1P2": "long_guts",
    "-1C1 -1P2": "short_guts",
    "+1C1 -1P1": "synthetic_long",
    "-1C1 +1P1": "synthetic_short",
    "-1P1 +1C2": "bullish_risk_reversal",
    "+1P1 -1C2": "bearish_risk_reversal",
    # three strikes
    "+1C1 -2C2 +1C3": "long_call_butterfly",
    "-1C1 +2C2 -1C3": "short_call_butterfly",
    "+1P1 -2P2 +1P3": "long_put_butterfly",
    "-1P1 +2P2 -1P3": "short_put_butterfly",
    "-1P1 -1C2 +1C3": "jade_lizard",
    "-1C1 -1P1 +1C2": "jade_lizard",  # the short strikes may meet
    "+1P1 -1P2 -1C3": "reverse_jade_lizard",
    "+1P1 -1C2 -1P2": "reverse_jade_lizard",
    # four legs
    "+1P1 -1P2 -1C3 +1C4": "iron_condor",
    "-1P1 +1P2 +1C3 -1C4": "reverse_iron_condor",
    "+1P1 -1C2 -1P2 +1C3": "iron_butterfly",
    "-1P1 +1C2 +1P2 -1C3": "reverse_iron_butterfly",
    "+1C1 -1C2 -1C3 +1C4": "long_call_condor",
    "-1C1 +1C2 +1C3 -1C4": "short_call_condor",
    "+1P1 -1P2 -1P3 +1P4": "long_put_condor",
    "-1P1 +1P2 +1P3 -1P4": "short_put_condor",
    "+1C1 -1P1 -1C2 +1P2": "long_box",
    "-1C1 +1P1 +1C2 -1P2": "short_box",
    # two expirations; long is to hold the later one
    "-1C1 +1C1'": "long_call_calendar",
    "+1C1 -1C1'": "short_call_calendar",
    "-1P1 +1P1'": "long_put_calendar",
    "+1P1 -1P1'": "short_put_calendar",
    "-1C2 +1C1'": "long_call_diagonal",
    "-1C1 +1C2'": "long_call_diagonal",
    "+1C2 -1C1'": "short_call_diagonal",
    "+1C1 -1C2'": "short_call_diagonal",
    "-1P2 +1P1'": "long_put_diagonal",
    "-1P1 +1P2'": "long_put_diagonal",
    "+1P2 -1P1'": "short_put_diagonal",
    "+1P1 -1P2'": "short_put_diagonal",
    "-1P1 -1C2 +1P1' +1C2'": "long_double_calendar",
    "+1P1 +1C2 -1P1' -1C2'": "short_double_calendar",
    "-1P2 -1C3 +1P1' +1C4'": "long_double_diagonal",
    "+1P2 +1C3 -1P1' -1C4'": "short_double_diagonal",
    # with stock
    "+1S": "long_stock",
    "-1S": "short_stock",
    "-1C1 +1S": "covered_call",
    "-1P1 -1S": "covered_put",
    "+1P1 +1S": "protective_put",
    "+1C1 -1S": "protective_call",
    "+1P1 -1C2 +1S": "collar",
    "-1P1 -1C2 +1S": "covered_strangle",
    "-1C1 -1P1 +1S": "covered_straddle",
    "-1C1 +1P1 +1S": "conversion",
    "+1C1 -1P1 -1S": "reversal",
}

# Structures that are opened for what they pay: without a credit there is no reason to open them.
CREDIT_NAMES = frozenset(
    {
        "short_call",
        "short_put",
        "call_credit_spread",
        "put_credit_spread",
        "short_straddle",
        "short_strangle",
        "short_guts",
        "jade_lizard",
        "reverse_jade_lizard",
        "iron_condor",
        "iron_butterfly",
        "short_call_butterfly",
        "short_put_butterfly",
        "short_call_condor",
        "short_put_condor",
        "short_box",
        "covered_call",
        "covered_put",
        "covered_strangle",
        "covered_straddle",
    }
)


def name_structure(legs: Sequence[Leg], shares: int = 0) -> str:
    """Name a set of legs, with ``shares`` of the underlying beside them, by what it is; ``custom`` if unknown.

    Order, splitting of a leg in two and a common factor of all ratios make no difference.
    """
    merged = merge_legs(legs)
    if len({leg.contract.underlying for leg in merged}) > 1 or len({leg.contract.multiplier for leg in merged}) > 1:
        return "custom"
    multiplier = merged[0].contract.multiplier if merged else 1
    units, odd_shares = divmod(shares, multiplier)
    if odd_shares:
        return "custom"
    common = gcd(units, *(leg.ratio for leg in merged))
    name = NAMES.get(_signature(merged, units, common)) or (None if units else _ratio_name(merged)) or "custom"
    if name.endswith("_butterfly") and "iron" not in name and _has_broken_wing(merged):
        return name.replace("_butterfly", "_broken_wing_butterfly")
    return name


def merge_legs(legs: Sequence[Leg]) -> tuple[Leg, ...]:
    """Return one leg per contract, by expiration, strike and right; what cancels out is gone."""
    ratios: dict[OptionContract, int] = {}
    for leg in legs:
        ratios[leg.contract] = ratios.get(leg.contract, 0) + leg.ratio
    merged = [Leg(contract=contract, ratio=ratio) for contract, ratio in ratios.items() if ratio]
    return tuple(sorted(merged, key=_order))


def is_single_expiration(legs: Sequence[Leg]) -> bool:
    """Tell whether all legs settle at the same moment; AM and PM settlement of one date are two moments."""
    return len({(leg.contract.expires_on, leg.contract.settlement) for leg in legs}) <= 1


def max_width(legs: Sequence[Leg]) -> Decimal | None:
    """Return the widest distance between the strikes of a vertical within the legs; ``None`` without one.

    Within each right and expiration bought and sold contracts are paired from the lowest strike up.
    """
    merged = merge_legs(legs)
    common = gcd(*(leg.ratio for leg in merged))
    widths: list[Decimal] = []
    for right, expires_on in {(leg.contract.right, leg.contract.expires_on) for leg in merged}:
        group = [leg for leg in merged if (leg.contract.right, leg.contract.expires_on) == (right, expires_on)]
        bought = [leg.contract.strike for leg in group for _ in range(leg.ratio // common)]
        sold = [leg.contract.strike for leg in group for _ in range(-leg.ratio // common)]
        widths += [abs(low - high) for low, high in zip(bought, sold, strict=False)]
    return max(widths, default=None)


def _order(leg: Leg) -> tuple[date, Decimal, Right, str]:
    contract = leg.contract
    return contract.expires_on, contract.strike, contract.right, contract.root


def _signature(merged: Sequence[Leg], units: int, common: int) -> str:
    strikes = sorted({leg.contract.strike for leg in merged})
    expirations = sorted({(leg.contract.expires_on, leg.contract.settlement) for leg in merged})
    words = [
        f"{leg.ratio // common:+d}{leg.contract.right}{strikes.index(leg.contract.strike) + 1}"
        + "'" * expirations.index((leg.contract.expires_on, leg.contract.settlement))
        for leg in merged
    ]
    return " ".join([*words, f"{units // common:+d}S"] if units else words)


def _ratio_name(merged: Sequence[Leg]) -> str | None:
    if len(merged) != 2 or len({leg.contract.right for leg in merged}) > 1 or not is_single_expiration(merged):
        return None
    right = merged[0].contract.right
    # The strike nearer to the money is the lower one of calls and the higher one of puts.
    near, far = merged if right is Right.CALL else reversed(merged)
    if near.ratio * far.ratio > 0 or abs(near.ratio) >= abs(far.ratio):
        return None
    word = "call" if right is Right.CALL else "put"
    return f"{word}_ratio_spread" if far.ratio < 0 else f"{word}_backspread"


def _has_broken_wing(merged: Sequence[Leg]) -> bool:
    low, body, high = (leg.contract.strike for leg in merged)
    return body - low != high - body
