"""The one symbol of an underlying, and how others write it.

A class of shares has as many spellings as there are brokers: BRK.B, BRK/B, BRK B, BRK-B. Here it is BRKB, as the OCC
writes the root of its options: that alone can be read off every contract, position and fill, and no list of names is
needed to find it. The way back is a question for the broker: only its listing tells BRKB of Berkshire from a symbol
that has no mark, so it is asked for each of ``spellings`` in turn.
"""

import re

_INDEX_MARK = re.compile(r"^[\^$](?=[A-Z])")
# Other letters behind a mark are no class with options: units (U), warrants (W), London (L), Frankfurt (F). Nor has a
# symbol of one letter classes: "A B" is more likely two symbols than AB.
_CLASS = re.compile(r"([A-Z]{2,5})[./ -]([A-D])")
_CLASSED = re.compile(r"[A-Z]{2,5}[A-D]")


def canonical_symbol(text: str) -> str:
    """Return the symbol of an underlying in capitals, without the mark before a class of shares or of an index."""
    symbol = _INDEX_MARK.sub("", text.strip().upper())
    found = _CLASS.fullmatch(symbol)
    return "".join(found.groups()) if found else symbol


def spellings(symbol: str, mark: str) -> tuple[str, ...]:
    """Return how a broker that sets ``mark`` before a class may list a symbol, in the order to ask for them."""
    return (symbol, f"{symbol[:-1]}{mark}{symbol[-1]}") if _CLASSED.fullmatch(symbol) else (symbol,)
