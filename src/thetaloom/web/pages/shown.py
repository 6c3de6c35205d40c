"""The parts that views of a step are made of: facts as the evidence has them, tables, and reward against risk."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any

from thetaloom.domain.values.money import Money
from thetaloom.web.pages.filters import UNKNOWN, money, signed
from thetaloom.web.pages.numbers import percent, plain_number

Told = Mapping[str, Any]  # decoded evidence; JSON has no narrower type
BAR_WIDTH = 200  # of the drawing
TOKEN = re.compile(
    r'(?P<key>"(?:[^"\\]|\\.)*"(?=\s*:))|(?P<text>"(?:[^"\\]|\\.)*")|(?P<number>-?\d[\d.eE+-]*)|(?P<word>true|false|null)'
)


class Form(StrEnum):
    """How a fact is written."""

    PLAIN = "plain"
    WORD = "word"  # snake_case becomes words
    NUMBER = "number"
    DOLLARS = "dollars"
    SIGNED = "signed"  # a price per share
    PNL = "pnl"  # dollars with their sign
    PART = "part"  # of one, shown as percent
    TIME = "time"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One value exactly as the evidence has it, and how to write it."""

    name: str
    raw: Any
    form: Form = Form.PLAIN
    note: str = ""
    tone: str = ""  # profit, loss or nothing

    @property
    def text(self) -> str:
        """The value as a reader sees it."""
        return written(self.raw, self.form)

    @property
    def at(self) -> datetime | None:
        """The instant that it is, where it is one."""
        if self.form is not Form.TIME or not isinstance(self.raw, str):
            return None
        try:
            found = datetime.fromisoformat(self.raw)
        except ValueError:
            return None
        return found if found.tzinfo is not None else None

    @property
    def is_number(self) -> bool:
        """Whether it stands on the right of its column."""
        return self.form not in {Form.PLAIN, Form.WORD, Form.TIME}


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """A table of facts."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Fact]]
    folded: bool = False  # behind a summary, where it is long


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskReward:
    """What can be lost against what can be gained, and the two as parts of one bar."""

    risk: Decimal
    reward: Decimal
    ratio: Decimal
    risk_width: int
    reward_width: int

    @property
    def text(self) -> str:
        """The ratio in words."""
        return f"{plain_number(round(self.ratio, 2))} gained for each 1 at risk"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What one view shows of one step."""

    kind: str
    badge: str = ""  # the large one
    tone: str = ""
    lead: str = ""
    cards: Sequence[Fact] = ()
    facts: Sequence[Fact] = ()
    grids: Sequence[Grid] = ()
    lines: Sequence[str] = ()  # sentences of the evidence
    prompt: str = ""
    prompt_reference: str = ""
    risk_reward: RiskReward | None = None

    def every_fact(self) -> Iterator[Fact]:
        """Return all values that are shown."""
        yield from self.cards
        yield from self.facts
        for grid in self.grids:
            for row in grid.rows:
                yield from row


def risk_reward(risk: Decimal | None, reward: Decimal | None) -> RiskReward | None:
    """Return reward against risk; ``None`` where one of them is unknown, unlimited or nothing."""
    if risk is None or reward is None or risk <= 0 or reward <= 0:
        return None
    part = int((BAR_WIDTH * risk / (risk + reward)).to_integral_value())
    width = min(max(part, 1), BAR_WIDTH - 1)
    return RiskReward(risk=risk, reward=reward, ratio=reward / risk, risk_width=width, reward_width=BAR_WIDTH - width)


def decimal_of(raw: Any) -> Decimal | None:
    """Return a number of the evidence; ``None`` where it is no number."""
    if raw is None or isinstance(raw, bool):
        return None
    try:
        number = Decimal(str(raw))
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def tone_of(raw: Any) -> str:
    """Return whether an amount is a profit or a loss."""
    number = decimal_of(raw)
    return "" if not number else "profit" if number > 0 else "loss"


def written(raw: Any, form: Form) -> str:
    """Write a value of the evidence; what is null there is said to be unknown."""
    if raw is None:
        return UNKNOWN
    if isinstance(raw, bool):
        return "yes" if raw else "no"
    if isinstance(raw, list):
        return ", ".join(written(one, form) for one in raw) or "none"
    number = decimal_of(raw)
    if number is None or form in {Form.PLAIN, Form.WORD, Form.TIME}:
        return str(raw).replace("_", " ") if form is Form.WORD else str(raw)
    if form is Form.DOLLARS:
        return money(number)
    if form is Form.SIGNED:
        return signed(number)
    if form is Form.PNL:
        return signed(Money(number))
    return percent(number) if form is Form.PART else plain_number(number)


def contract_text(leg: Told) -> str:
    """Return a recorded leg as ``-1 GOOG 2016-01-15 P 712.5``."""
    contract = leg["contract"]
    where = f"{contract['root']} {contract['expires_on']} {contract['right']} {contract['strike']}"
    return f"{leg['ratio']:+d} {where}"


def json_tokens(text: str) -> list[tuple[str, str]]:
    """Cut JSON text into pieces with the class of each, so that a page can color them."""
    pieces: list[tuple[str, str]] = []
    at = 0
    for found in TOKEN.finditer(text):
        if found.start() > at:
            pieces.append(("", text[at : found.start()]))
        pieces.append((found.lastgroup or "", found.group()))
        at = found.end()
    if at < len(text):
        pieces.append(("", text[at:]))
    return pieces
