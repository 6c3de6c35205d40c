"""How a broker lists classes of shares, which the market behind has under the root of their options."""

from dataclasses import dataclass

SHARE_CLASSES = frozenset({"BRKB", "BFB"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Spelling:
    """One broker's way: BRK/B, BRK.B or BRK B, and no other."""

    mark: str

    def told(self, symbol: str) -> str:
        """Return how the broker writes a symbol of the market."""
        return f"{symbol[:-1]}{self.mark}{symbol[-1]}" if symbol in SHARE_CLASSES else symbol

    def asked(self, name: str) -> str:
        """Return the market's symbol of what a client asks for; nothing where this broker lists no such name."""
        listed = {self.told(symbol): symbol for symbol in SHARE_CLASSES}
        return "" if name in SHARE_CLASSES else listed.get(name, name)
