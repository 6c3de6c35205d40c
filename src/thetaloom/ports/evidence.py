"""Evidence: how an option chain becomes bytes that can be stored, and a chain again."""

from typing import Protocol

from thetaloom.domain.market.chain import OptionChain


class ChainCodec(Protocol):
    """Turns chains into Parquet and back; what comes back has the same numbers, bit for bit."""

    def __hash__(self) -> int: ...
    def encode(self, chain: OptionChain) -> bytes: ...
    def decode(self, content: bytes) -> OptionChain: ...
