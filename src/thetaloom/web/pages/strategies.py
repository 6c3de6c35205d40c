"""Strategies: the list by what they suit, and one with its rules in words, its score table and what it would open."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from thetaloom.domain.strategy.fields import word_of
from thetaloom.domain.strategy.rule_words import TermWords, score_words
from thetaloom.domain.strategy.score_rules import ScoreRule
from thetaloom.domain.strategy.strategies import Bias, Strategy
from thetaloom.domain.strategy.toml_text import strategy_toml
from thetaloom.domain.values.ids import StrategyId
from thetaloom.domain.values.symbols import canonical_symbol
from thetaloom.errors import NotFound
from thetaloom.ports.store import StoredStrategy
from thetaloom.store.queries.shipped import shipped_ids
from thetaloom.web.front import FrontDoor
from thetaloom.web.pages.forms import Notice
from thetaloom.web.pages.frame import Frame, frame_of
from thetaloom.web.pages.looks import MarketLook, look_at, usual_symbol
from thetaloom.web.pages.render import page
from thetaloom.web.pages.words import Rules, in_words

router = APIRouter(prefix="/strategies")
OWN = "Your own"
BIASES = (
    (Bias.BULLISH,),
    (Bias.BULLISH, Bias.NEUTRAL),
    (Bias.NEUTRAL,),
    (Bias.BEARISH, Bias.NEUTRAL),
    (Bias.BEARISH,),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One strategy of the list."""

    stored: StoredStrategy
    legs: str
    dte: str
    notes: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Strategies that suit the same view of the market; limited loss comes first."""

    title: str
    anchor: str
    entries: Sequence[Entry]


@dataclass(frozen=True, slots=True, kw_only=True)
class StrategiesView:
    """All strategies."""

    frame: Frame
    total: int
    groups: Sequence[Group]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreTable:
    """How a market is scored: where the sum starts and ends, and its terms."""

    rule: ScoreRule
    terms: Sequence[TermWords]


@dataclass(frozen=True, slots=True, kw_only=True)
class StrategyView:
    """One strategy."""

    frame: Frame
    stored: StoredStrategy
    rules: Sequence[Rules]
    score: ScoreTable | None
    look: MarketLook | None
    toml: str
    symbols: Sequence[str]


@router.get("")
def strategies(front: FrontDoor, notice: Notice = "") -> Response:
    """List the strategies."""
    with front.platform.store.reading() as seen:
        every = seen.strategies.all_latest(front.user)
    view = StrategiesView(frame=frame_of(front, "strategies", notice), total=len(every), groups=groups_of(every))
    return page("strategies.html", view)


@router.get("/{strategy_id}")
def strategy(
    front: FrontDoor, strategy_id: str, symbol: Annotated[str, Query(max_length=12)] = "", notice: Notice = ""
) -> Response:
    """Show one strategy, with what it would open on a symbol now."""
    with front.platform.store.reading() as seen:
        stored = seen.strategies.latest(front.user, StrategyId(strategy_id))
    if stored is None:
        raise NotFound(f"there is no strategy {strategy_id!r}", advice="The list of strategies shows those there are.")
    found = stored.strategy
    wanted = canonical_symbol(symbol) or usual_symbol(front, found)
    view = StrategyView(
        frame=frame_of(front, "strategies", notice),
        stored=stored,
        rules=in_words(found),
        score=None if found.score is None else ScoreTable(rule=found.score, terms=[*score_words(found.score.terms)]),
        look=look_at(front, found, wanted) if wanted and front.has_account else None,
        toml=strategy_toml(found),
        symbols=tuple(front.platform.market.symbols())[:500],
    )
    return page("strategy.html", view)


def groups_of(every: Sequence[StoredStrategy]) -> list[Group]:
    """Return the strategies by what they suit, a person's own ones before those that ship."""
    shipped = shipped_ids()
    own = [stored for stored in every if stored.strategy.id not in shipped]
    groups = [_group(OWN, own)] if own else []
    rest = [stored for stored in every if stored.strategy.id in shipped]
    suits = {frozenset(stored.strategy.biases) for stored in rest}
    order = [frozenset(biases) for biases in BIASES]
    for biases in sorted(suits, key=lambda one: (order.index(one) if one in order else len(order), sorted(one))):
        title = " or ".join(sorted(biases, key=lambda bias: bias is Bias.NEUTRAL)).capitalize()
        groups.append(_group(title, [stored for stored in rest if frozenset(stored.strategy.biases) == biases]))
    return groups


def _group(title: str, members: Sequence[StoredStrategy]) -> Group:
    ordered = sorted(members, key=lambda stored: (stored.strategy.allow_undefined_risk, stored.strategy.name))
    anchor = title.lower().replace(" ", "-")
    return Group(title=title, anchor=anchor, entries=[_entry(stored) for stored in ordered])


def _entry(stored: StoredStrategy) -> Entry:
    found = stored.strategy
    legs = ", ".join(
        f"{leg.side.value} {f'{leg.ratio} ' if leg.ratio > 1 else ''}{word_of(leg.right)}" for leg in found.legs
    )
    dte = f"{found.expiration.dte_min}–{found.expiration.dte_max} DTE"
    if found.back is not None:
        dte = f"{dte} and {found.back.dte_min}–{found.back.dte_max}"
    return Entry(stored=stored, legs=legs, dte=dte, notes=_notes(stored, found))


def _notes(stored: StoredStrategy, found: Strategy) -> list[str]:
    notes = {
        "inactive": not found.active,
        f"revision {stored.revision}": stored.revision > 1,
        "approved by its own rule": found.approval.mode.value == "automatic",
        f"beside {found.shares} shares": bool(found.shares),
        "on " + ", ".join(found.symbols): bool(found.symbols),
        "scored by its bias": found.score is None,
    }
    return [note for note, holds in notes.items() if holds]
