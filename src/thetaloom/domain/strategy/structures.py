"""Structures: sets of legs, how they are written, what they are called and how wide they are."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from math import gcd

from thetaloom.domain.strategy.structure_names import CREDIT_NAMES as CREDIT_NAMES
from thetaloom.domain.strategy.structure_names import NAMES as NAMES
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
    for whole in ("_butterfly", "_condor"):
        if name.endswith(whole) and "iron" not in name and _has_broken_wing(merged):
            return name.replace(whole, f"_broken_wing{whole}")
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
    if near.ratio * far.ratio > 0 or abs(near.ratio) == abs(far.ratio):
        return None
    word = "call" if right is Right.CALL else "put"
    if abs(near.ratio) > abs(far.ratio):  # more of the strike near the money: a zero extrinsic backspread
        return f"{word}_zebra" if near.ratio > 0 else f"short_{word}_zebra"
    return f"{word}_ratio_spread" if far.ratio < 0 else f"{word}_backspread"


def _has_broken_wing(merged: Sequence[Leg]) -> bool:
    strikes = [leg.contract.strike for leg in merged]
    return strikes[1] - strikes[0] != strikes[-1] - strikes[-2]
