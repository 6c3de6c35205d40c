"""Option chains as Parquet: every number comes back bit for bit, NaN included."""

import io
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from thetaloom.domain.market.chain import ARRAY_TYPES, OptionChain
from thetaloom.domain.values.money import Price
from thetaloom.errors import InvariantError

if TYPE_CHECKING:
    import polars as pl

_SCALARS = "thetaloom.chain"
_ZSTD_LEVEL = 1  # the higher ones take longer and save next to nothing on quotes


class ParquetChainCodec:
    """Turns chains into Parquet and back."""

    def encode(self, chain: OptionChain) -> bytes:
        """Return the chain as a Parquet file; what is no column stands in the file's metadata."""
        import polars as pl  # takes long to import, and a start without chains does not need it

        columns = {name: getattr(chain, name) for name in ARRAY_TYPES if name != "root"}
        roots = pl.Series("root", chain.root.tolist(), dtype=pl.String)
        scalars = {
            "underlying": chain.underlying,
            "as_of": chain.as_of.astimezone(UTC).isoformat(),
            "spot": None if chain.spot is None else format(chain.spot, "f"),
            "source": chain.source,
            "synthetic": chain.synthetic,
        }
        buffer = io.BytesIO()
        pl.DataFrame([roots, *(pl.Series(name, array) for name, array in columns.items())]).write_parquet(
            buffer,
            compression="zstd",
            compression_level=_ZSTD_LEVEL,
            statistics=False,
            metadata={_SCALARS: json.dumps(scalars)},
        )
        return buffer.getvalue()

    def decode(self, content: bytes) -> OptionChain:
        """Return the chain that ``encode`` was given."""
        import polars as pl
        from polars.exceptions import PolarsError

        try:
            scalars = json.loads(pl.read_parquet_metadata(io.BytesIO(content))[_SCALARS])
            frame = pl.read_parquet(io.BytesIO(content), use_statistics=False)
            arrays = {name: _array(frame[name], kind) for name, kind in ARRAY_TYPES.items()}
        except (PolarsError, KeyError, ValueError) as error:
            raise InvariantError(f"this is no stored option chain: {error}") from error
        return OptionChain(
            underlying=scalars["underlying"],
            as_of=datetime.fromisoformat(scalars["as_of"]),
            spot=None if scalars["spot"] is None else Price(scalars["spot"]),
            source=scalars["source"],
            synthetic=scalars["synthetic"],
            **arrays,
        )


def _array(series: "pl.Series", kind: type[np.generic]) -> NDArray[Any]:
    if kind is np.str_:
        return np.array(series.to_list(), dtype=np.str_)
    return series.to_numpy().astype(kind, copy=False)
