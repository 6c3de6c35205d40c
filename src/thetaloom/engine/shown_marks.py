"""What a position is worth for the eye: at the mid, or marked as a model's where a quote can't be believed.

A model's worth is no market's. Orders and exit rules never ask here: they hold to quotes, or do nothing. Hence the
worths are plain decimals and no ``Price``, which is what an order takes.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

import numpy as np

from thetaloom.domain.book.positions import Position
from thetaloom.domain.market.chain import OptionChain, from_date
from thetaloom.domain.market.expirations import list_expirations
from thetaloom.domain.market.quotes import judge_quote
from thetaloom.domain.market.surface import Smile, fit_smile, model_mark
from thetaloom.domain.strategy.structures import Leg
from thetaloom.domain.values.instruments import ExerciseStyle, OptionContract, Right
from thetaloom.domain.values.reasons import Verdict
from thetaloom.engine.desk import Desk

MID = "mid"
WORTH_STEP = Decimal("0.0001")
MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class LegMark:
    """One leg, long and per share; ``worth`` is ``None`` where neither quotes nor a smile tell."""

    leg: Leg
    worth: Decimal | None
    source: str  # ``mid``, or the model; "" without a worth
    verdict: Verdict  # on the quote


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownMarks:
    """A position's worth: per share of one structure, positive when closing at it would bring money."""

    legs: tuple[LegMark, ...]

    @property
    def worth(self) -> Decimal | None:
        """The net of all legs; unknown when one of them is."""
        total = Decimal(0)
        for mark in self.legs:
            if mark.worth is None:
                return None
            total += mark.worth * mark.leg.ratio
        return total

    @property
    def source(self) -> str:
        """``mid`` if every leg is marked at it, else the models that had to stand in; "" without a worth."""
        if self.worth is None:
            return ""
        models = sorted({mark.source for mark in self.legs if mark.source != MID})
        return ", ".join(models) or MID


def shown_marks(desk: Desk, position: Position, now: datetime) -> ShownMarks:
    """Mark each leg; a smile is fitted only to the expiration of a leg whose quote can't be believed."""
    legs = position.held_legs or position.legs
    quotes = desk.market.quotes([leg.contract for leg in legs], now)
    age_max = timedelta(seconds=desk.settings.data_age_seconds_max)
    smiles = _Smiles(desk, position.symbol, now, age_max)
    marks = []
    for leg in legs:
        quote = quotes.get(leg.contract)
        verdict = judge_quote(quote, now, age_max, to_sell=True)  # a bid of zero is no market to mark at
        if verdict.is_allowed and quote is not None and quote.mid is not None:
            marks.append(LegMark(leg=leg, worth=Decimal(quote.mid), source=MID, verdict=verdict))
            continue
        found = smiles.mark(leg.contract)
        worth, source = found if found is not None else (None, "")
        marks.append(LegMark(leg=leg, worth=worth, source=source, verdict=verdict))
    return ShownMarks(legs=tuple(marks))


class _Smiles:
    """The smiles of one symbol, each fitted when first asked for."""

    def __init__(self, desk: Desk, symbol: str, now: datetime, age_max: timedelta) -> None:
        self._desk, self._symbol, self._now, self._age_max = desk, symbol, now, age_max
        self._chain: OptionChain | None = None
        self._fitted: dict[tuple[str, object], Smile | None] = {}

    def mark(self, contract: OptionContract) -> tuple[Decimal, str] | None:
        key = (contract.root, contract.expires_on)
        if key not in self._fitted:
            self._fitted[key] = self._fit(contract)
        smile, chain = self._fitted[key], self._chain
        if smile is None or chain is None or chain.spot is None or contract.is_adjusted:
            return None
        found = model_mark(
            smile,
            is_call=contract.right is Right.CALL,
            strike=float(contract.strike),
            rate=self._desk.settings.rates.at(smile.years),
            american_spot=float(chain.spot) if contract.exercise_style is ExerciseStyle.AMERICAN else None,
        )
        if not np.isfinite(found.price):
            return None
        return Decimal(repr(round(found.price, 10))).quantize(WORTH_STEP), found.source

    def _fit(self, contract: OptionContract) -> Smile | None:
        from thetaloom.domain.market.smile_points import smile_points

        if self._chain is None:
            self._chain = self._desk.market.chain(self._symbol, self._now)
        chain = self._chain
        if chain is None or chain.spot is None:
            return None
        age = self._now.timestamp() * 1_000_000 - chain.quoted_at
        fresh = age <= self._age_max / MICROSECOND
        listed = (chain.expires_on == from_date(contract.expires_on)) & (chain.root == contract.root)
        part = chain.select(fresh & listed)
        for expiration in list_expirations(part, self._desk.calendar, self._now):
            points, forward = smile_points(part, expiration, self._desk.settings.rates.at(expiration.years))
            return fit_smile(points, forward=forward, years=expiration.years) if points else None
        return None
