"""Whether a file's numbers have decimal points or decimal commas; told by its cells, because no cell tells alone.

``3,140`` is three thousand in one file and three in another; ``3.75`` beside it says which.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from thetaloom.marketdata.importers.tables import Heading, split_line

LINES_LOOKED_AT = 50
POINT = re.compile(r"[+-]?(?:\d{1,3}(?:,\d{3})+|\d*)\.\d+")
COMMA = re.compile(r"[+-]?(?:\d{1,3}(?:\.\d{3})+|\d*),\d+(?:[eE][+-]?\d+)?")
GROUPS = re.compile(r"[+-]?\d{1,3}(?:[.,]\d{3})+")  # thousands, or three decimals


def has_decimal_commas(text: str, heading: Heading, numeric: Collection[str]) -> bool:
    """Look at the numbers below the header; where none tells, semicolons between the cells do."""
    if heading.separator == "," and '"' not in text:
        return False  # every comma parts two cells
    lines = text.split("\n") if "\n" in text else text.split("\r")
    points = commas = 0
    for line in lines[heading.line : heading.line + LINES_LOOKED_AT]:
        for name, cell in zip(heading.names, split_line(line.strip("\r"), heading.separator), strict=False):
            number = cell.strip(" \t\"'$\u20ac\u00a3%\u00a0\u202f")
            if name not in numeric or GROUPS.fullmatch(number):
                continue
            points += POINT.fullmatch(number) is not None
            commas += COMMA.fullmatch(number) is not None
    return commas > points if commas or points else heading.separator == ";"
