"""Dates and times as people and their programs write them, month names of seven languages among them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

# The first letters of each month, as many as tell it from the others of all these languages.
MONTHS = {
    1: ("jan", "gen", "ene", "janv", "styc"),
    2: ("feb", "fev", "febb", "fevr", "luty"),
    3: ("mar", "mrz", "maerz", "mars", "mrt", "maart", "maa"),
    4: ("apr", "avr", "abr", "kwi"),
    5: ("may", "mai", "mei", "mag", "maj"),
    6: ("jun", "giu", "juin", "cze"),
    7: ("jul", "lug", "juil", "lip"),
    8: ("aug", "aou", "ago", "sie"),
    9: ("sep", "set", "sept", "wrz"),
    10: ("oct", "okt", "ott", "out", "paz"),
    11: ("nov", "lis"),
    12: ("dec", "dez", "dic", "des", "gru"),
}
ZONES = {"EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8, "PDT": -7, "UTC": 0, "GMT": 0}
ZONES |= {"Z": 0, "CET": 1, "CEST": 2, "BST": 1, "WET": 0, "WEST": 1, "EET": 2, "EEST": 3, "MSK": 3, "SGT": 8}
ZONES |= {"HKT": 8, "JST": 9, "KST": 9, "AEST": 10, "AEDT": 11, "NZST": 12, "NZDT": 13, "AKST": -9, "AKDT": -8}
ZONES |= {"MEZ": 1, "MESZ": 2, "BRT": -3}
EXCHANGE_WORDS = {"ET", "EASTERN", "NEWYORK", "NY"}
TIME = re.compile(
    r"(?<![\d.])(\d{1,2})\s*[:h.]\s*(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?\s*([ap])?\.?\s*(m)?\.?(?![\d])", re.I
)
POINTED = re.compile(r"(?<=\s)(\d{1,2})\.(\d{2})(?:\.(\d{2}))?\s*$")  # 14/09/2023 20.31, 14. september 2023 kl. 20.31
EASTERN_DAY = re.compile(r"(\d{4})\s*[年년]\s*(\d{1,2})\s*[月월]\s*(\d{1,2})\s*[日일]")
EASTERN_HALF = re.compile(r"(?:(上午|午前|오전)|(?:下午|午後|오후))\s*(\d{1,2}:\d{2}(?::\d{2})?)")
OFFSET = re.compile(r"\s*(?:UTC|GMT)?([+-])(\d{1,2}):?(\d{2})?\s*$")
CLOCK_BEFORE = re.compile(
    r"\d[:h.]\d{2}(?::\d{2}(?:[.,]\d{1,9})?)?\s*(?:[ap]\.?\s*m\.?)?$", re.I
)  # not a date's strokes
OFFSET_MINUTES_LIMIT = 15 * 60
NUMERIC = re.compile(r"^(\d{1,4})[-/.](\d{1,2})[-/.](\d{1,4})$")
COMPACT = re.compile(r"^(\d{4})(\d{2})(\d{2})(?:\.0+)?$")  # a number, too, as pandas writes it
EPOCH = re.compile(r"^(\d{10})((?:\d{3}){0,3}|\.\d+)$", re.ASCII)  # in seconds, or thousandths to billionths of them
ISO_DAY = re.compile(r"\d{4}-\d{2}-\d{2}$", re.ASCII)
SPELLINGS_KEPT = 65_536  # a file has few days, and names them in every row
WORDED = re.compile(r"[a-z]+|\d+")


def read_day(text: str, *, day_first: bool = False) -> date | None:
    """Return the date of a text, whatever time stands behind it."""
    found = read_moment(text, UTC, day_first=day_first)
    return found.date() if isinstance(found, datetime) else found


@lru_cache(maxsize=SPELLINGS_KEPT)
def read_moment(text: str, zone: tzinfo, *, day_first: bool = False) -> datetime | date | None:
    """Return the instant of a text, or its date where no time or only midnight is told; ``None`` for no date."""
    if ISO_DAY.match(text):
        return _day(int(text[:4]), int(text[5:7]), int(text[8:]))
    plain = _plain(text)
    if not plain:
        return None
    epoch = EPOCH.match(plain)
    if epoch:
        told = datetime.fromtimestamp(int(epoch[1]), UTC).replace(
            microsecond=int(epoch[2].strip(".").ljust(6, "0")[:6])
        )
        return told.date() if told.time() == time.min else told
    told_zone, rest = _zone(plain)
    # A date with points would be taken for a time.
    day_text, clock = _split_time(rest)
    if clock is not None and told_zone is None and _names_a_zone(rest):
        return None  # its hour would be another's
    day = _read_day(day_text, day_first)
    if day is None or clock is None or clock == (0, 0, 0, 0):
        return day
    hour, minute, second, micro = clock
    if hour > 23 or minute > 59 or second > 59:
        return None
    return datetime(day.year, day.month, day.day, hour, minute, second, micro, tzinfo=told_zone or zone)


def days_come_first(texts: Iterable[str]) -> bool | None:
    """Say whether days stand before months in dates such as 13/01/2020; ``None`` where each may be either."""
    order = None
    for text in texts:
        found = NUMERIC.match(text.strip(" \"'").split(" ")[0])
        if found is None or len(found[1]) > 2:
            continue
        if int(found[1]) > 12 and int(found[2]) <= 12:
            return True
        if int(found[2]) > 12:
            order = False
    return order


def _plain(text: str) -> str:
    text = _from_the_east(text) if EASTERN_DAY.search(text) else text
    text = unicodedata.normalize("NFKD", text)
    return "".join(letter for letter in text if not unicodedata.combining(letter)).strip(" \"'\r\t,")


def _from_the_east(text: str) -> str:
    # 2023年9月14日 GMT-4 下午2:31 becomes 2023-9-14 2:31pm GMT-4.
    text = EASTERN_HALF.sub(lambda found: f"{found[2]}{'am' if found[1] else 'pm'}", text)
    words = EASTERN_DAY.sub(r"\1-\2-\3 ", text).split()
    return " ".join([*words[:1], *sorted(words[1:], key=lambda word: ":" not in word)])


def _zone(text: str) -> tuple[tzinfo | None, str]:
    offset = OFFSET.search(text)
    if offset and CLOCK_BEFORE.search(text[: offset.start()]):
        minutes = int(offset[2]) * 60 + int(offset[3] or 0)
        sign = 1 if offset[1] == "+" else -1
        if minutes < OFFSET_MINUTES_LIMIT:
            return timezone(timedelta(minutes=sign * minutes)), text[: offset.start()]
    if text.endswith("Z") and text[-2:-1].isdigit():
        return UTC, text[:-1]
    head, _, last = text.rpartition(" ")
    word = last.strip("()[]").upper()
    if word in ZONES:
        return timezone(timedelta(hours=ZONES[word])), head
    if word in EXCHANGE_WORDS:
        return ZoneInfo("America/New_York"), head
    return None, text


def _names_a_zone(text: str) -> bool:
    last = re.search(r"(?<![A-Za-z])[A-Z]{3,5}$", text.strip("() "))
    return last is not None and month_number(last[0].lower()) is None


def _split_time(text: str) -> tuple[str, tuple[int, int, int, int] | None]:
    found = None
    for found in TIME.finditer(text):
        if ":" in found[0] or found[5] or "h" in found[0].lower():
            break
    else:
        found = POINTED.search(text)
        if found is None:
            return text, None
        return text[: found.start()], (int(found[1]), int(found[2]), int(found[3] or 0), 0)
    hour, minute, second = int(found[1]), int(found[2]), int(found[3] or 0)
    if found[5]:
        hour = hour % 12 + (12 if found[5].lower() == "p" else 0)
    micro = int((found[4] or "0").ljust(6, "0")[:6])
    rest = text[: found.start()] + " " + text[found.end() :]
    return rest, (hour, minute, second, micro)


def _read_day(text: str, day_first: bool) -> date | None:
    text = re.sub(r"(?i)(?<=\d)T\s*$", "", text.strip(" ,@\"'")).strip(" ,@")
    compact = COMPACT.match(text)
    if compact:
        return _day(int(compact[1]), int(compact[2]), int(compact[3]))
    numeric = NUMERIC.match(text)
    if numeric:
        return _numeric_day(numeric, "." in text, day_first)
    return _worded_day(text.lower())


def _numeric_day(found: re.Match[str], has_points: bool, day_first: bool) -> date | None:
    first, second, third = int(found[1]), int(found[2]), int(found[3])
    if len(found[1]) == 4:
        return _day(first, second, third)
    year = third + 2000 if len(found[3]) <= 2 else third
    if has_points or day_first or first > 12:
        return _day(year, second, first)
    return _day(year, first, second)


def _worded_day(text: str) -> date | None:
    month, figures = None, []
    for part in WORDED.findall(text):
        if part.isdigit():
            figures.append(part)
        else:
            month = month_number(part) or month  # the last one: French and Spanish Tuesdays are called mar, too
    if month is None or len(figures) < 2:
        return None
    years = [figure for figure in figures if len(figure) == 4]
    rest = [int(figure) for figure in figures if figure not in years[:1]]
    if not rest:
        return None
    if years:
        return _day(int(years[0]), month, rest[0])
    return _day(2000 + rest[1], month, rest[0])  # 28AUG26, 5-Jan-15


def month_number(word: str) -> int | None:
    """Return the month a word names in one of the languages, by as much of it as is written."""
    if len(word) < 3:
        return None
    for number, names in MONTHS.items():
        if any(word.startswith(name) for name in names):
            return number
    return None


def _day(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None
