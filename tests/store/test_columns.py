"""What a column reads is what it wrote."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.dialects.sqlite import dialect

from thetaloom.domain.run.runs import RunStatus
from thetaloom.domain.values.money import Money, Price
from thetaloom.store.columns import Exact, Instant, Structured, Word

DIALECT = dialect()
ZONES = st.timedeltas(timedelta(hours=-14), timedelta(hours=14)).map(
    lambda away: timezone(timedelta(minutes=away // timedelta(minutes=1)))
)
INSTANTS = st.datetimes(timezones=ZONES)


@given(st.decimals(allow_nan=False, allow_infinity=False).filter(lambda number: abs(number.adjusted()) < 100))
@pytest.mark.parametrize("kind", [Decimal, Price, Money])
def test_a_decimal_comes_back_to_the_last_digit(kind: type[Decimal], number: Decimal) -> None:
    column = Exact(kind)

    read = column.process_result_value(column.process_bind_param(kind(number), DIALECT), DIALECT)

    assert type(read) is kind
    assert read == kind(number)
    assert format(read, "f") == format(number, "f")


@given(INSTANTS)
def test_an_instant_comes_back_to_the_microsecond_in_utc(instant: datetime) -> None:
    column = Instant()

    read = column.process_result_value(column.process_bind_param(instant, DIALECT), DIALECT)

    assert read == instant
    assert read is not None and read.tzinfo is UTC


@given(INSTANTS, INSTANTS)
def test_stored_instants_sort_like_instants(first: datetime, second: datetime) -> None:
    stored = [Instant().process_bind_param(instant, DIALECT) for instant in (first, second)]

    assert (first < second) == (stored[0] < stored[1])  # type: ignore[operator]  # neither is None


def test_an_instant_without_a_zone_is_refused() -> None:
    with pytest.raises(TypeError):
        Instant().process_bind_param(datetime(2026, 1, 2), DIALECT)  # noqa: DTZ001  # what is refused


@given(st.lists(st.tuples(st.text(), st.decimals(-999, 999, places=2)), max_size=4).map(tuple))
def test_structured_content_comes_back_equal(content: tuple[tuple[str, Decimal], ...]) -> None:
    column = Structured(tuple[tuple[str, Decimal], ...])

    assert column.process_result_value(column.process_bind_param(content, DIALECT), DIALECT) == content


@pytest.mark.parametrize("column", [Exact(Price), Instant(), Word(RunStatus), Structured(tuple[str, ...])])
def test_what_is_unknown_stays_unknown(column: Exact | Instant | Word | Structured) -> None:
    assert column.process_bind_param(None, DIALECT) is None
    assert column.process_result_value(None, DIALECT) is None
