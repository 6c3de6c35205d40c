from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thetaloom.domain.values.canonical import canonical_json, digest_of, from_json, from_plain
from thetaloom.domain.values.ids import RunId
from thetaloom.domain.values.instruments import OptionContract, Right, parse_option_symbol
from thetaloom.domain.values.money import Money, Price
from thetaloom.domain.values.reasons import Reason, Verdict, denied
from thetaloom.errors import InvalidInput


class Color(Enum):
    RED = 1
    BLUE = 2


class Rank(IntEnum):
    FIRST = 1


class Tick(Enum):
    CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One part of the whole."""

    name: RunId
    price: Price | None
    right: Right = Right.CALL


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """Every kind of field that the domain has."""

    number: Decimal
    price: Price
    money: Money
    count: int
    chance: float
    is_true: bool
    text: str
    on: date
    at: datetime
    color: Color
    reason: Reason | None
    parts: tuple[Part, ...]
    pair: tuple[str, Price | None]
    facts: Mapping[str, str]
    prices: Mapping[str, Price]
    by_number: dict[int, Right]
    chosen: frozenset[str]
    numbers: frozenset[int]
    contract: OptionContract


DECIMALS = st.decimals(allow_nan=False, allow_infinity=False, places=4)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
INSTANTS = st.datetimes(
    min_value=datetime(2000, 1, 1),  # noqa: DTZ001  # hypothesis takes naive bounds and adds the zone
    max_value=datetime(2099, 1, 1),  # noqa: DTZ001  # as above
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=-5))]),
)
PARTS = st.builds(Part, name=TEXTS.map(RunId), price=st.none() | DECIMALS.map(Price), right=st.sampled_from(Right))
WHOLES = st.builds(
    Whole,
    number=DECIMALS,
    price=DECIMALS.map(Price),
    money=DECIMALS.map(Money),
    count=st.integers(),
    chance=st.floats(allow_nan=False, allow_infinity=False),
    is_true=st.booleans(),
    text=TEXTS,
    on=st.dates(),
    at=INSTANTS,
    color=st.sampled_from(Color),
    reason=st.none() | st.sampled_from(Reason),
    parts=st.lists(PARTS, max_size=3).map(tuple),
    pair=st.tuples(TEXTS, st.none() | DECIMALS.map(Price)),
    facts=st.dictionaries(TEXTS, TEXTS, max_size=3),
    prices=st.dictionaries(TEXTS, DECIMALS.map(Price), max_size=3),
    by_number=st.dictionaries(st.integers(-9, 9), st.sampled_from(Right), max_size=3),
    chosen=st.frozensets(TEXTS, max_size=3),
    numbers=st.frozensets(st.integers(-20, 20), max_size=4),
    contract=st.just(parse_option_symbol("SPY 2026-01-16 P 560.5")),
)


@given(WHOLES)
def test_what_is_written_reads_back_as_the_same_value_of_the_same_types(whole: Whole) -> None:
    text = canonical_json(whole)

    back = from_json(text, Whole)

    assert back == whole
    assert (type(back.price), type(back.money), type(back.number)) == (Price, Money, Decimal)
    assert all(part.price is None or type(part.price) is Price for part in back.parts)
    assert all(type(price) is Price for price in back.prices.values())
    assert canonical_json(back) == text
    assert digest_of(canonical_json(back)) == digest_of(text)


@given(st.dictionaries(TEXTS, st.integers(), max_size=6))
def test_the_order_in_which_keys_were_added_makes_no_difference(facts: dict[str, int]) -> None:
    backwards = dict(reversed(facts.items()))

    assert canonical_json(facts) == canonical_json(backwards) == canonical_json(MappingProxyType(facts))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"b": 1, "a": [True, None]}, b'{"a":[true,null],"b":1}'),
        (Decimal("1.20"), b'"1.20"'),
        (Decimal("1E+3"), b'"1000"'),
        (Price("-0.50"), b'"-0.50"'),
        (1.5, b"1.5"),
        (2**70, b"1180591620717411303424"),
        ("é", '"é"'.encode()),
        (date(2026, 1, 16), b'"2026-01-16"'),
        (datetime(2026, 1, 5, 10, tzinfo=timezone(timedelta(hours=-5))), b'"2026-01-05T15:00:00.000000+00:00"'),
        (Right.PUT, b'"P"'),
        (Color.BLUE, b"2"),
        (Rank.FIRST, b"1"),
        (Tick.CENT, b'"0.01"'),
        ({Right.PUT: 1, Right.CALL: 2}, b'{"C":2,"P":1}'),
        ({date(2026, 1, 16): 1, 3: 2}, b'{"2026-01-16":1,"3":2}'),
        ({3, 1, 2}, b"[1,2,3]"),
        (frozenset({("b", 1), ("a", 2)}), b'[["a",2],["b",1]]'),
        ((), b"[]"),
        (Part(name=RunId("x"), price=None), b'{"name":"x","price":null,"right":"C"}'),
        (denied(Reason.NO_SPOT, n=1), b'{"answer":"deny","facts":{"n":"1"},"reason":"no_spot"}'),
    ],
)
def test_each_kind_of_value_has_one_text(value: object, text: bytes) -> None:
    assert canonical_json(value) == text


def test_a_set_of_records_is_written_in_one_order() -> None:
    parts = [Part(name=RunId(name), price=None) for name in "cab"]

    assert canonical_json(frozenset(parts)) == canonical_json(sorted(parts, key=lambda part: part.name))


def test_a_field_can_be_left_out_of_the_canonical_form() -> None:
    @dataclass(frozen=True)
    class Cached:
        kept: int
        derived: int = field(default=0, metadata={"canonical": False})

    assert canonical_json(Cached(1, 2)) == b'{"kept":1}'


@pytest.mark.parametrize(
    "number", [float("nan"), float("inf"), Decimal("NaN"), Decimal("sNaN"), Decimal("-Infinity")], ids=str
)
@pytest.mark.parametrize("shape", ["{}", "[]", "alone"])
def test_what_is_not_finite_is_refused_wherever_it_hides(number: float | Decimal, shape: str) -> None:
    value = {"{}": {"a": number}, "[]": [number], "alone": number}[shape]

    with pytest.raises(InvalidInput, match="no number that can be recorded"):
        canonical_json(value)


def test_an_instant_without_a_zone_is_refused() -> None:
    with pytest.raises(InvalidInput, match="zone"):
        canonical_json(datetime(2026, 1, 5))  # noqa: DTZ001  # naive on purpose


def test_keys_that_would_be_written_alike_are_refused() -> None:
    with pytest.raises(InvalidInput, match="two keys"):
        canonical_json({1: "a", "1": "b"})


@pytest.mark.parametrize("key", [None, True, 1.5, (1, 2)])
def test_what_is_no_key_is_refused(key: object) -> None:
    with pytest.raises(TypeError, match="key"):
        canonical_json({key: 1})


@pytest.mark.parametrize("value", [object(), timedelta(1), b"bytes", 1j])
def test_a_value_without_canonical_form_is_refused(value: object) -> None:
    with pytest.raises(TypeError, match="no canonical form"):
        canonical_json(value)


def test_a_text_that_is_no_unicode_is_refused() -> None:
    with pytest.raises(InvalidInput, match="no character"):
        canonical_json(["\ud800"])


def test_hooks_write_and_read_what_is_no_plain_data() -> None:
    def write(value: object) -> object:
        return [value.real, value.imag] if isinstance(value, complex) else value

    def read(wanted: type, given: object) -> object:
        assert wanted is complex
        assert isinstance(given, list)
        return complex(*given)

    text = canonical_json({"z": 1 + 2j, "part": Part(name=RunId("x"), price=None)}, write)

    assert text.startswith(b'{"part":')
    assert from_plain({"z": [1.0, 2.0]}, dict[str, complex], read) == {"z": 1 + 2j}
    with pytest.raises(InvalidInput, match="no way to read a complex"):
        from_plain({"z": [1.0, 2.0]}, dict[str, complex])


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (b"{", "not JSON"),
        (b'"\xff"', "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"{}", "missing required field `name`"),
        (b'{"name":"x","price":"cheap"}', r"Part: .*\$\.price"),
        (b'{"name":"x","price":"NaN"}', "finite"),
        (b'{"name":"x","price":true}', "Part: "),
        (b'{"name":1,"price":null}', r"\$\.name"),
        (b'{"name":"x","price":null,"right":"X"}', r"\$\.right"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_place(text: bytes, complaint: str) -> None:
    with pytest.raises(InvalidInput, match=complaint):
        from_json(text, Part)


@pytest.mark.parametrize(
    ("plain", "wanted"),
    [
        ("NaN", Decimal),
        (["1", "Infinity"], tuple[Decimal, ...]),
        ({"a": "NaN"}, dict[str, Decimal]),
        ({"answer": "allow", "facts": {}, "number": "NaN"}, None),
    ],
)
def test_a_decimal_that_is_no_number_is_refused_on_reading_too(plain: object, wanted: type | None) -> None:
    @dataclass
    class Nested:
        number: Decimal

    with pytest.raises(InvalidInput, match="no number that can be recorded"):
        from_plain(plain, wanted or Nested)


def test_a_refusal_names_a_type_that_has_no_name() -> None:
    with pytest.raises(InvalidInput, match=r"int \| None"):
        from_plain("x", int | None)  # type: ignore[arg-type]  # a union is no class


def test_a_broken_law_of_the_value_itself_is_refused_too() -> None:
    with pytest.raises(InvalidInput, match="strike"):
        from_json(
            b'{"root":"SPY","expires_on":"2026-01-16","right":"P","strike":"-1","multiplier":100}', OptionContract
        )
    with pytest.raises(InvalidInput, match="without a reason"):
        from_json(b'{"answer":"deny","reason":null,"facts":{}}', Verdict)


def test_a_digest_is_as_published_for_blake2b_with_32_bytes() -> None:
    assert digest_of(b"") == "0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8"
    assert digest_of(b"abc") == "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319"


def test_words_of_one_enum_read_back_as_themselves() -> None:
    class Size(StrEnum):
        SMALL = "small"

    assert from_json(canonical_json([Size.SMALL]), list[Size])[0] is Size.SMALL
