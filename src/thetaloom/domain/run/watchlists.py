"""Watchlists: symbols under a name, of any size for scans, together at most twenty for the daily mail."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from thetaloom.domain.values.ids import UserId
from thetaloom.domain.values.symbols import canonical_symbol
from thetaloom.errors import InvalidInput

DIGEST_SYMBOLS_MAX = 20  # of a user, over all lists that go into the mail
SYMBOLS_MAX = 5000
WRONG_SHOWN = 10  # of what is no symbol, in one message
FALLBACK = ("SPY",)  # what the mail is about where nothing is watched
LIQUID = "liquid"  # a list that ships; a user's own list of this name takes its place
LIQUID_SYMBOLS = (
    *("SPY", "QQQ", "IWM", "SPX", "GLD", "TLT", "XLE", "XLF", "AAPL", "MSFT", "NVDA", "AMZN", "GOOGL", "META", "TSLA"),
)
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
SYMBOL = re.compile(r"\^?[A-Z0-9][A-Z0-9.]{0,10}")
HEADINGS = frozenset({"SYMBOL", "TICKER", "UNDERLYING"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Watchlist:
    """Symbols that somebody watches, in the order given."""

    user_id: UserId
    name: str
    symbols: tuple[str, ...]
    in_digest: bool = False
    changed_at: datetime

    def __post_init__(self) -> None:
        if not NAME.fullmatch(self.name):
            raise _invalid("name", f"{self.name[:60]!r} is no name of a watchlist; a good one: tech-stocks")
        wrong = [symbol for symbol in self.symbols if not SYMBOL.fullmatch(symbol)]
        if wrong:
            raise _invalid("symbols", f"{wrong[0][:20]!r} is no symbol; a good one: SPY")
        if len(set(self.symbols)) != len(self.symbols):
            raise _invalid("symbols", f"watchlist {self.name} names a symbol twice")
        if len(self.symbols) > SYMBOLS_MAX:
            raise _invalid("symbols", f"{len(self.symbols)} symbols; {SYMBOLS_MAX} at most")


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedLine:
    """A line of a file that names no symbol."""

    line: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedSymbols:
    """What a file of symbols held."""

    symbols: tuple[str, ...]
    repeated: int
    refused: tuple[RefusedLine, ...]


def clean_symbols(wanted: Iterable[str]) -> tuple[str, ...]:
    """Return symbols in capitals, each once, in their order. Raises ``InvalidInput`` for what is none."""
    cleaned = tuple(dict.fromkeys(canonical_symbol(text) for text in wanted if text.strip()))
    wrong = [repr(symbol[:20]) for symbol in cleaned if not SYMBOL.fullmatch(symbol)]
    if wrong:
        more = f" and {len(wrong) - WRONG_SHOWN} more" if len(wrong) > WRONG_SHOWN else ""
        listed = ", ".join(wrong[:WRONG_SHOWN]) + more
        raise _invalid(
            "symbols", f"{listed} {'is no symbol' if len(wrong) == 1 else 'are no symbols'}; a good one: SPY"
        )
    return cleaned


def read_symbols(text: str) -> ImportedSymbols:
    """Read a file of symbols: one a line, or the first column of a CSV; ``#`` begins a remark."""
    symbols: dict[str, None] = {}
    refused: list[RefusedLine] = []
    repeated = 0
    for number, line in enumerate(text.lstrip("\ufeff").splitlines(), start=1):
        first = re.split(r"[,;\t]", line.split("#", 1)[0], maxsplit=1)[0].strip().strip("\"'")
        first = canonical_symbol(first)
        if not first or first in HEADINGS:
            continue
        if not SYMBOL.fullmatch(first):
            refused.append(RefusedLine(line=number, text=line.strip()[:40]))
        elif first in symbols:
            repeated += 1
        else:
            symbols[first] = None
    return ImportedSymbols(symbols=tuple(symbols), repeated=repeated, refused=tuple(refused))


def check_digest(lists: Sequence[Watchlist]) -> None:
    """Refuse more symbols in the mail than a user may have."""
    together = digest_symbols(lists, fallback=())
    if len(together) > DIGEST_SYMBOLS_MAX:
        raise _invalid("symbols", f"{len(together)} symbols would go into the daily mail; {DIGEST_SYMBOLS_MAX} at most")


def digest_symbols(lists: Iterable[Watchlist], fallback: tuple[str, ...] = FALLBACK) -> tuple[str, ...]:
    """Return what the daily mail of a user is about; SPY where nothing is watched."""
    chosen = dict.fromkeys(symbol for one in lists if one.in_digest for symbol in one.symbols)
    return tuple(chosen) or fallback


def _invalid(part: str, problem: str) -> InvalidInput:
    return InvalidInput(problem, details={"part": part, "problem": problem})
