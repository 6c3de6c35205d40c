"""A stored chain has the same numbers, bit for bit."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from thetaloom.domain.market.chain import ARRAY_TYPES, SCALAR_NAMES, OptionChain
from thetaloom.domain.values.money import Price
from thetaloom.errors import InvariantError
from thetaloom.store.evidence import ParquetChainCodec

ROOTS = st.text("ABCSPXW0123456789", min_size=1, max_size=6)
ELEMENTS = {np.float64: st.floats(width=64), np.str_: ROOTS, np.bool_: st.booleans()}


@st.composite
def chains(draw: st.DrawFn) -> OptionChain:
    count = draw(st.integers(0, 12))
    columns = {
        name: np.array(draw(st.lists(ROOTS, min_size=count, max_size=count)), dtype=np.str_)
        if kind is np.str_
        else draw(arrays.arrays(kind, count, elements=ELEMENTS.get(kind)))
        for name, kind in ARRAY_TYPES.items()
    }
    return OptionChain(
        underlying=draw(ROOTS),
        as_of=draw(st.datetimes(timezones=st.just(UTC))),
        spot=draw(st.none() | st.decimals(-9999, 9999, places=4).map(Price)),
        source=draw(st.text(max_size=8)),
        synthetic=draw(st.booleans()),
        **columns,
    )


@given(chains())
def test_a_chain_comes_back_bit_for_bit(chain: OptionChain) -> None:
    codec = ParquetChainCodec()

    read = codec.decode(codec.encode(chain))

    assert {name: getattr(read, name) for name in SCALAR_NAMES} == {name: getattr(chain, name) for name in SCALAR_NAMES}
    for name, kind in ARRAY_TYPES.items():
        before, after = getattr(chain, name), getattr(read, name)
        assert len(after) == len(before) and np.issubdtype(after.dtype, kind)
        assert after.tolist() == before.tolist() if kind is np.str_ else after.tobytes() == before.tobytes()


def test_one_chain_has_one_encoding() -> None:
    columns = {name: np.ones(3).astype(kind) for name, kind in ARRAY_TYPES.items()}
    chain = OptionChain(
        underlying="SPY",
        as_of=datetime(2026, 1, 2, tzinfo=UTC) + timedelta(microseconds=1),
        spot=None,
        source="made",
        synthetic=True,
        **columns,
    )

    assert ParquetChainCodec().encode(chain) == ParquetChainCodec().encode(chain)


@pytest.mark.parametrize("content", [b"", b"no parquet", b"PAR1" * 10])
def test_what_is_no_chain_is_refused(content: bytes) -> None:
    with pytest.raises(InvariantError):
        ParquetChainCodec().decode(content)
