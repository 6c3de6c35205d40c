"""The steps in which option prices move, class by class, and the rounding that never gives anything away.

An option under 3.00 moves in a finer step than one from 3.00 on, and the net price of several legs in a step of its
own. Where the published rules leave room, the coarser step is taken: every venue takes its multiples.

Sources (read in November 2026):

* nickel classes 0.05 and 0.10, penny program 0.01 and 0.05, SPY, QQQ and IWM always 0.01, several legs 0.01 also
  outside of the program: support.tastyworks.com article 43000435374; titanregulation.com "Options Penny Program";
* SPX and SPXW 0.05 and 0.10, several legs 0.05: support.tastyworks.com article 43000435264; Federal Register 02-5143
  (there the box spread is excepted; the nickel holds for it, too);
* OEX and XEO, several legs 0.05: as SPX in Cboe's rule 5.4, from memory and conservative;
* XSP 0.01 for all series: cboe.com XSP specification, and LEAN#9717, which rounded them as SPX;
* VIX 0.01 and 0.05 since November 2022, VIXW 0.01, several legs of either 0.01: Cboe's notice of 2022-11-29;
* DJX 0.01 and 0.05: cboe.com DJX specification;
* RUT, RUTW, NDX and NDXP 0.05 and 0.10: marketswiki.com, nasdaqtrader.com "PHLX Broad Based Index Options"; several
  legs: 0.05 was what a broker let through on index options (Lean.Brokerages.InteractiveBrokers#215), not verified at
  the exchanges, where one cent may be allowed;
* MRUT 0.01: cboe.com MRUT specification; XND: it traded in pennies (eqderivatives.com 2021-06-05), 0.05 from 3.00 on
  is the conservative reading, as of MNX before it.

Chains do not say whether a class is in the penny program. Unknown counts as nickel, unless the settings name the class
or its own quotes prove it: no exchange shows a quote between the steps.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Protocol

from thetaloom.domain.values.instruments import OptionContract
from thetaloom.domain.values.money import CENT, Price

NICKEL, DIME = Decimal("0.05"), Decimal("0.10")
CHANGES_AT = Decimal(3)


class OnContract(Protocol):
    """A leg, or anything else of one contract."""

    @property
    def contract(self) -> OptionContract: ...


@dataclass(frozen=True, slots=True)
class TickRule:
    """The step of a price, ``low`` under 3.00 and ``high`` from 3.00 on; for a net price its size counts.

    3.00 is a multiple of every step, so rounding never lands where the other step holds.
    """

    low: Decimal
    high: Decimal

    def tick(self, price: Price) -> Decimal:
        """Return the step at ``price``."""
        return self.low if abs(price) < CHANGES_AT else self.high

    def up(self, price: Price) -> Price:
        """Round toward more for us: a credit to the larger, a debit to the smaller."""
        return self._rounded(price, ROUND_CEILING)

    def down(self, price: Price) -> Price:
        """Round toward less for us."""
        return self._rounded(price, ROUND_FLOOR)

    def holds(self, price: Price) -> bool:
        """Tell whether an order may stand at ``price``."""
        return Decimal(price) % self.tick(price) == 0

    def below(self, price: Price, steps: int = 1) -> Price:
        """Return the price ``steps`` steps under ``price``; from between two steps the first leads to the lower."""
        for _ in range(steps):
            lower = self.down(price)
            if lower == price:  # from 3.00 down the fine step holds, from -3.00 down the coarse one
                tick = self.low if -CHANGES_AT < price <= CHANGES_AT else self.high
                lower = price - Price(tick)
            price = lower
        return price

    def _rounded(self, price: Price, rounding: str) -> Price:
        tick = self.tick(price)
        return Price((Decimal(price) / tick).to_integral_value(rounding) * tick)


PENNIES = TickRule(CENT, CENT)
PENNY_PROGRAM = TickRule(CENT, NICKEL)
NICKELS = TickRule(NICKEL, DIME)
NICKELS_ONLY = TickRule(NICKEL, NICKEL)


@dataclass(frozen=True, slots=True)
class ClassTicks:
    """One class of options: the step of one leg, and that of a net price of several."""

    alone: TickRule
    together: TickRule = PENNIES


BROAD_INDEX = ClassTicks(NICKELS, NICKELS_ONLY)
CLASSES: dict[str, ClassTicks] = {
    **dict.fromkeys(("SPX", "SPXW", "NDX", "NDXP", "RUT", "RUTW", "OEX", "XEO"), BROAD_INDEX),
    **dict.fromkeys(("VIX", "XND", "DJX"), ClassTicks(PENNY_PROGRAM)),
    **dict.fromkeys(("VIXW", "XSP", "MRUT", "SPY", "QQQ", "IWM"), ClassTicks(PENNIES)),
}
IN_PENNY_PROGRAM = ClassTicks(PENNY_PROGRAM)
UNKNOWN_CLASS = ClassTicks(NICKELS)


CLASS_NAMES: dict[str, ClassTicks] = {
    "broad_index": BROAD_INDEX,
    "penny_program": IN_PENNY_PROGRAM,
    "pennies": ClassTicks(PENNIES),
}


def class_name(root: str) -> str | None:
    """Return the name of the tick class of a root; ``None`` where only its quotes or the settings can tell."""
    known = CLASSES.get(root)
    return next((name for name, ticks in CLASS_NAMES.items() if ticks == known), None)


def tick_rule(legs: Sequence[OnContract], penny_classes: Collection[str] = ()) -> TickRule:
    """Return the steps of the net price of ``legs``; ``penny_classes`` are roots known to be in the penny program."""
    return _coarsest(legs, [_class_of(leg.contract.root, penny_classes) for leg in legs])


def finest_tick_rule(legs: Sequence[OnContract]) -> TickRule:
    """Return the finest steps the legs could move in: what lies between them is wrong whatever the program holds."""
    return tick_rule(legs, penny_classes=[leg.contract.root for leg in legs])


def tick_of(legs: Sequence[OnContract], price: Price, penny_classes: Collection[str] = ()) -> Decimal:
    """Return the step in which the net price of ``legs`` moves at ``price``."""
    return tick_rule(legs, penny_classes).tick(price)


def to_tick(legs: Sequence[OnContract], price: Price, penny_classes: Collection[str] = ()) -> Price:
    """Round a net price to one that an order may stand at, toward more for us; so it is never worse than ``price``."""
    return tick_rule(legs, penny_classes).up(price)


def quoted_in_pennies(prices: Iterable[Price | None]) -> bool:
    """Tell whether bids and asks of one class prove that it moves finer than in nickels and dimes."""
    return any(price is not None and not NICKELS.holds(price) for price in prices)


def _class_of(root: str, penny_classes: Collection[str]) -> ClassTicks:
    known = CLASSES.get(root)
    if known is not None:
        return known
    return IN_PENNY_PROGRAM if root in penny_classes else UNKNOWN_CLASS


def _coarsest(legs: Sequence[OnContract], classes: Sequence[ClassTicks]) -> TickRule:
    rules = [one.together if len(legs) > 1 else one.alone for one in classes]
    return TickRule(max(rule.low for rule in rules), max(rule.high for rule in rules))
