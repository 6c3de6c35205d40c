"""Published examples of structures: their extremes and breakevens are exact, whatever the structure is."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

Batch = Callable[[str, Sequence[object]], list[dict[str, Any]]]
Row = tuple[str, float, float | None, float | None, list[float], str]


def legs(text: str) -> list[dict[str, object]]:
    """Read ``1 C 40 @ 3, 100 S @ 50``; all contracts end on one day."""
    read: list[dict[str, object]] = []
    for part in text.split(","):
        words, _, price = part.strip().partition(" @ ")
        quantity, *rest = words.split()
        if rest == ["S"]:
            read.append({"kind": "stock", "quantity": int(quantity), "price": float(price)})
            continue
        right, strike = rest
        read.append(
            {
                "right": right,
                "strike": float(strike),
                "expiration": "2026-01-16",
                "quantity": int(quantity),
                "price": float(price),
            }
        )
    return read


# Net price, most profit, most loss, breakevens, name. The Options Guide's page on each structure, the first ones; Hull,
# chapter 12, the butterfly at 55, 60 and 65; optionlab's test_core (covered and naked call, the call spread bought
# cheaper than sold, and the three legs); the Cboe Options Institute's calendar of strategies.
EXAMPLES: list[Row] = [
    ("1 C 40 @ 2", -2, None, 200, [42], "long_call"),
    ("1 P 40 @ 2", -2, 3800, 200, [38], "long_put"),
    ("-1 C 50 @ 2", 2, 200, None, [52], "short_call"),
    ("-1 P 40 @ 2", 2, 200, 3800, [38], "short_put"),
    ("1 C 40 @ 3, -1 C 45 @ 1", -2, 300, 200, [42], "call_debit_spread"),
    ("1 P 40 @ 1, -1 P 45 @ 3", 2, 200, 300, [43], "put_credit_spread"),
    ("1 C 40 @ 1, -1 C 35 @ 3", 2, 200, 300, [37], "call_credit_spread"),
    ("1 P 40 @ 3, -1 P 35 @ 1", -2, 300, 200, [38], "put_debit_spread"),
    ("1 C 40 @ 2, 1 P 40 @ 2", -4, None, 400, [36, 44], "long_straddle"),
    ("-1 C 40 @ 2, -1 P 40 @ 2", 4, 400, None, [36, 44], "short_straddle"),
    ("1 P 35 @ 1, 1 C 45 @ 1", -2, None, 200, [33, 47], "long_strangle"),
    ("-1 P 35 @ 1, -1 C 45 @ 1", 2, 200, None, [33, 47], "short_strangle"),
    ("1 C 30 @ 11, -2 C 40 @ 4, 1 C 50 @ 1", -4, 600, 400, [34, 46], "long_call_butterfly"),
    ("1 P 50 @ 11, -2 P 40 @ 4, 1 P 30 @ 1", -4, 600, 400, [34, 46], "long_put_butterfly"),
    ("-1 C 30 @ 11, 2 C 40 @ 4, -1 C 50 @ 1", 4, 400, 600, [34, 46], "short_call_butterfly"),
    ("1 P 35 @ 0.50, -1 P 40 @ 1, -1 C 50 @ 1, 1 C 55 @ 0.50", 1, 100, 400, [39, 51], "iron_condor"),
    ("1 P 30 @ 0.50, -1 P 40 @ 3, -1 C 40 @ 3, 1 C 50 @ 0.50", 5, 500, 500, [35, 45], "iron_butterfly"),
    ("-1 C 40 @ 4, 2 C 45 @ 2", 0, None, 500, [40, 50], "call_backspread"),
    ("100 S @ 50, -1 C 55 @ 2", -48, 700, 4800, [48], "covered_call"),
    ("100 S @ 50, 1 P 50 @ 2", -52, None, 200, [52], "protective_put"),
    ("100 S @ 48, -1 C 50 @ 2, 1 P 45 @ 1", -47, 300, 200, [47], "collar"),
    ("1 C 55 @ 10, -2 C 60 @ 7, 1 C 65 @ 5", -1, 400, 100, [56, 64], "long_call_butterfly"),  # Hull
    ("100 S @ 168.99, -1 C 185 @ 4.10", -164.89, 2011, 16489, [164.89], "covered_call"),  # optionlab
    ("100 S @ 158.99, -1 C 185 @ 4.10", -154.89, 3011, 15489, [154.89], "covered_call"),
    ("-1 C 175 @ 1.15", 1.15, 115, None, [176.15], "short_call"),
    ("1 C 165 @ 7.50, -1 C 170 @ 9.90", 2.40, 740, 0, [], "call_debit_spread"),
    ("100 S @ 158.99, 1 C 165 @ 7.50, -1 C 170 @ 9.90", -156.59, None, 15659, [156.59], "custom"),
]


def test_extremes_and_breakevens_are_the_published_ones(batch: Batch) -> None:
    answers = batch("payoff", [{"legs": legs(row[0])} for row in EXAMPLES])

    for answer, (text, net_price, most, least, breakevens, name) in zip(answers, EXAMPLES, strict=True):
        found = [answer[part] for part in ("net_price", "max_profit", "max_loss", "breakevens", "name")]
        assert found == [net_price, most, least, breakevens, name], text


@pytest.mark.parametrize("row", EXAMPLES, ids=[row[0] for row in EXAMPLES])
def test_the_other_side_of_a_structure_is_its_mirror(batch: Batch, row: Row) -> None:
    text, net_price, _, least, breakevens, _ = row
    mirrored = [{**leg, "quantity": -int(str(leg["quantity"]))} for leg in legs(text)]

    (answer,) = batch("payoff", [{"legs": mirrored}])

    assert answer["net_price"] == -net_price
    assert answer["max_profit"] == least or (least == 0 and answer["max_profit"] < 0)  # what can't lose can't win
    assert answer["breakevens"] == breakevens
