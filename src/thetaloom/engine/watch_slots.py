"""What goes into the table of watched positions, and what a look at it says."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from thetaloom.domain.strategy.structures import Leg
from thetaloom.domain.values.ids import RunId
from thetaloom.domain.values.instruments import OptionContract
from thetaloom.domain.values.money import Price
from thetaloom.engine.exit_rows import ExitRow

EPOCH, MICROSECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """What one look needs to know of the time."""

    at: int  # microseconds since 1970
    today: int  # ordinal of the exchange's date
    minute: float  # since midnight on the exchange's wall; NaN while it is closed
    to_close: float  # minutes; NaN while it is closed
    close_minute: float  # when the session under way ends; NaN while the exchange is closed
    early_minutes: float  # before an end by then in which clock rules act


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """What the table is told of a position."""

    run: RunId
    symbol: str
    legs: tuple[Leg, ...]  # as held
    premium: float
    scale: float  # multiplier times quantity
    realized: float
    opened_on: int  # ordinal
    age_max: int  # of a quote that may be believed, in microseconds
    high_close: Price | None  # of these legs
    high_water: float | None
    rows: tuple[ExitRow, ...]
    is_careful: bool = False  # its marks are raised by an exact look only, a few positions at a time


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What one pass found."""

    met: tuple[RunId, ...]  # a rule may be met: decide exactly
    risen: tuple[RunId, ...]  # whose marks rose, and are remembered by the table
    stale: tuple[OptionContract, ...]  # whose quotes must be read again to tell whether marks rose


def microseconds(at: datetime) -> int:
    """Return an instant as whole microseconds since 1970."""
    return (at - EPOCH) // MICROSECOND


def instant_of(at: int) -> datetime:
    """Return the instant of whole microseconds since 1970."""
    return EPOCH + timedelta(microseconds=at)
