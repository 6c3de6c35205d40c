"""The one mechanism of tables: sorted, searched, filtered, paged and saved as CSV; the address is the whole state."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Generic, Protocol, TypeVar
from urllib.parse import urlencode

from fastapi import Depends, Request
from starlette.datastructures import QueryParams

from thetaloom.errors import InvalidInput
from thetaloom.store.queries.listing import Wish, answer_of, sort_of
from thetaloom.store.queries.paging import Page, Window

T = TypeVar("T")
ROWS = 25
PAGES_MAX = 1_000_000
WORD_MAX = 128
CSV = "csv"


class Askable(Protocol):
    """What says which columns sort a list and which answers filter it."""

    @property
    def sorts(self) -> Mapping[str, Any]: ...
    @property
    def choices(self) -> Mapping[str, Mapping[str, Any]]: ...
    @property
    def words(self) -> Collection[str]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The head of a column; its sort is a column of the list, or empty where it can't be sorted by."""

    title: str
    sort: str = ""
    is_number: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TableRules(Generic[T]):
    """What a table shows, and what may be asked of it."""

    path: str
    noun: str  # in the plural: "runs"
    listing: Askable
    heads: Sequence[Head]
    cells: Mapping[str, Callable[[T], object]]  # the columns of its CSV
    searches: str = ""  # what a search looks in, in words; empty = it has none
    labels: Mapping[str, str] = field(default_factory=dict)  # of filters; without one: the filter's name
    answers: Mapping[str, str] = field(default_factory=dict)  # words for answers that don't speak for themselves
    anyhow: Mapping[str, str] = field(default_factory=dict)  # words for "no filter"; without one: any
    prefix: str = ""  # of its names in the address, where a page has several tables

    @property
    def key(self) -> str:
        """What its parts are called in the page."""
        return self.noun.replace(" ", "-")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What was asked of a table."""

    wish: Wish
    number: int  # of the page, from 1
    is_csv: bool
    others: Mapping[str, str]  # what the address says to the rest of the page

    @property
    def window(self) -> Window:
        """Which rows to show."""
        return Window(limit=ROWS, offset=(self.number - 1) * ROWS)

    def says(self, name: str) -> str:
        """Return the answer to a filter; empty where it is not set."""
        return self.wish.filters.get(name, "")


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadShown:
    """The head of a column with the address that sorts by it."""

    id: str
    title: str
    href: str  # empty where it can't be sorted by
    order: str  # ascending, descending, none
    is_number: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FilterShown:
    """One filter; without answers it takes any word."""

    name: str
    label: str
    chosen: str
    anyhow: str
    answers: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class TableShown:
    """Everything around the rows of a table."""

    key: str
    noun: str
    path: str
    heads: Sequence[HeadShown]
    searches: str
    search_name: str
    search: str
    filters: Sequence[FilterShown]
    kept: Sequence[tuple[str, str]]  # what its form sends along unseen
    is_filtered: bool
    first: int
    last: int
    total: int
    newer: str
    older: str
    csv: str
    every: str  # the address without filters


def _query(request: Request) -> QueryParams:
    return request.query_params


Asking = Annotated[QueryParams, Depends(_query)]


def read_asked(rules: TableRules[T], query: QueryParams) -> Asked:
    """Read what an address asks of a table. Raises ``InvalidInput`` for what it does not know."""
    names = {
        rules.prefix + name: name
        for name in ("q", "sort", "page", "format", *rules.listing.choices, *rules.listing.words)
    }
    said = {names[name]: _word(name, answer) for name, answer in query.multi_items() if name in names}
    filters = {name: said[name] for name in (*rules.listing.choices, *rules.listing.words) if said.get(name)}
    for name, answer in filters.items():
        if name in rules.listing.choices:
            answer_of(rules.listing.choices, name, answer)
    sort = said.get("sort", "")
    if sort:
        sort_of(rules.listing.sorts, sort)
    if said.get("format", "") not in {"", CSV}:
        raise InvalidInput(f"{said['format'][:40]!r} is no format; a good one: {CSV}", details={"field": "format"})
    return Asked(
        wish=Wish(sort=sort, search=said.get("q", "") if rules.searches else "", filters=filters),
        number=_number(said.get("page", "")),
        is_csv=said.get("format") == CSV,
        others={name: answer for name, answer in query.items() if name not in names and name != "notice"},
    )


def table_of(rules: TableRules[T], asked: Asked, page: Page[Any]) -> TableShown:
    """Return what stands around the rows of ``page``."""
    wish, last = asked.wish, page.offset + len(page.rows)
    # The sort stands behind the filters, the page last, as a person would write them.
    state = {**wish.filters, "q": wish.search, "sort": wish.sort}

    def address(**changed: str) -> str:
        said = {**state, **changed}
        own = {rules.prefix + name: answer for name, answer in said.items() if answer}
        query = urlencode({**asked.others, **own})
        return f"{rules.path}?{query}" if query else rules.path

    nothing = {name: "" for name in state if name != "sort"}
    kept = [*asked.others.items(), *([(f"{rules.prefix}sort", wish.sort)] if wish.sort else [])]
    return TableShown(
        key=rules.key,
        noun=rules.noun,
        path=rules.path,
        heads=[_head(rules, wish.sort, head, address) for head in rules.heads],
        searches=rules.searches,
        search_name=f"{rules.prefix}q",
        search=wish.search,
        filters=[*_filters(rules, wish)],
        kept=kept,
        is_filtered=bool(wish.filters or wish.search),
        first=min(page.offset + 1, last),
        last=last,
        total=page.total,
        newer=address(page=str(asked.number - 1)) if asked.number > 1 else "",
        older=address(page=str(asked.number + 1)) if last < page.total else "",
        csv=address(format=CSV),
        every=address(**nothing),
    )


def _head(rules: TableRules[T], sort: str, head: Head, address: Callable[..., str]) -> HeadShown:
    order, turned = "none", head.sort
    if head.sort and sort.removeprefix("-") == head.sort:
        order = "descending" if sort.startswith("-") else "ascending"
        turned = head.sort if sort.startswith("-") else f"-{head.sort}"
    return HeadShown(
        id=f"sort-{rules.key}-{head.sort}",
        title=head.title,
        href=address(sort=turned) if head.sort else "",
        order=order,
        is_number=head.is_number,
    )


def _filters(rules: TableRules[T], wish: Wish) -> Iterable[FilterShown]:
    for name, answers in rules.listing.choices.items():
        yield FilterShown(
            name=rules.prefix + name,
            label=rules.labels.get(name, name.replace("_", " ")),
            chosen=wish.filters.get(name, ""),
            anyhow=rules.anyhow.get(name, "any"),
            answers=[(answer, rules.answers.get(answer, answer.replace("_", " ").lower())) for answer in answers],
        )
    for name in rules.listing.words:
        if name in wish.filters:  # they come by links; a search finds the same
            yield FilterShown(
                name=rules.prefix + name,
                label=rules.labels.get(name, name.replace("_", " ")),
                chosen=wish.filters[name],
                anyhow="",
                answers=(),
            )


def _word(name: str, answer: str) -> str:
    word = answer.strip()
    if len(word) > WORD_MAX or "\x00" in word:
        raise InvalidInput(
            f"{name} has at most {WORD_MAX} characters, and none of them is a NUL", details={"field": name}
        )
    return word.upper() if name.endswith("symbol") else word


def _number(text: str) -> int:
    if not text:
        return 1
    if not (text.isascii() and text.isdecimal() and 0 < int(text[:9]) <= PAGES_MAX and len(text) < 8):
        raise InvalidInput(f"{text[:40]!r} is no page; a good one: 1", details={"field": "page"})
    return int(text)
