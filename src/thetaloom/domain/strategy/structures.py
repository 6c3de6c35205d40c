"""Structures: sets of legs, how they are written, what they are called and how wide they are."""

import re
from dataclasses import dataclass

from thetaloom.domain.values.instruments import OptionContract, parse_option_symbol
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
