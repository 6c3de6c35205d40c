"""Margin: what a whole book must secure, and what an order ties up on top of what is held.

The rules are those of Regulation T, Cboe Rule 10.3 and FINRA Rule 4210(f)(2) as Cboe's margin manual explains
them: strategy-based margin (see ``margin_rules``). Of all permitted pairings of what is held on one underlying the
one that needs least counts; underlyings do not offset each other.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from thetaloom.domain.risk.margin_pairing import pair
from thetaloom.domain.risk.margin_parts import structures_of
from thetaloom.domain.risk.margin_rules import (
    AccountKind,
    BookMargin,
    Holding,
    MarginLeg,
    PairedStructure,
    Underlying,
    kind_of,
    percentage_amount,
)
from thetaloom.domain.strategy.payoff import Payoff, exact_payoff, multiplier_of, payoff_legs
from thetaloom.domain.strategy.structures import Leg, is_single_expiration, merge_legs
from thetaloom.domain.values.instruments import OptionContract
from thetaloom.domain.values.money import Money, Price
from thetaloom.domain.values.reasons import Reason
from thetaloom.errors import NotAllowed

FREE = Price(0)
NOTHING = Money(0)


def book_margin(holdings: Sequence[Holding], account: AccountKind = AccountKind.MARGIN) -> BookMargin:
    """Return the least initial, then the least maintenance requirement of a book, one holding per underlying.

    It is before any premium. What the account may not hold at all raises ``NotAllowed``.
    """
    pairing: list[PairedStructure] = []
    for holding in holdings:
        paired = pair(holding, account)
        if paired is None:
            raise NotAllowed(
                Reason.NOT_PERMITTED,
                f"{holding.underlying.symbol}: a {account} account may not hold this",
                advice="A short call needs its stock there, and spreads are for European cash-settled indices alone.",
            )
        pairing += structures_of(holding, paired, account)
    return BookMargin(
        initial=sum((part.initial for part in pairing), NOTHING),
        maintenance=sum((part.maintenance for part in pairing), NOTHING),
        pairing=tuple(pairing),
    )
