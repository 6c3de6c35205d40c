"""Speed of portfolio stress, of payoffs and of the payoff picture."""

from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np

from thetaloom.cli.bench_figures import Figure, median_of
from thetaloom.cli.bench_peers import ask_peer, peer_text

if TYPE_CHECKING:
    from thetaloom.domain.risk.scenarios import ScenarioPosition

BOOK_SIZE = 200
PEER_SAMPLE = 2_000
STRUCTURES = 50
TODAY, EXPIRES = date(2026, 1, 5), date(2026, 2, 20)


def scenario_grids() -> list[Figure]:
    """Stress of 200 positions over 21 spots and 9 volatilities, fully priced anew."""
    from thetaloom.domain.risk.scenarios import scenario_grid
    from thetaloom.domain.risk.value_at_risk import RETURN_DAYS, value_at_risk

    book = _book()
    days = np.random.default_rng(2).normal(0.0, 0.015, (10, RETURN_DAYS))
    symbols = sorted({one.underlying for one in book})
    returns = {symbol: days[row].tolist() for row, symbol in enumerate(symbols)}
    cells = BOOK_SIZE * 21 * 9
    note = f"{BOOK_SIZE} positions on {len(symbols)} underlyings, {cells:,} options priced, with greeks"
    peer = ask_peer("quantlib_american", _american_cells(book))
    return [
        Figure(
            name="scenario grid 21×9",
            figure=median_of(lambda: scenario_grid(book, with_greeks=True), 9),
            unit="ms",
            bar=100,
            note=note,
        ),
        Figure(
            name="scenario grid 21×9, American on trees",
            figure=median_of(lambda: scenario_grid(book, exact=True), 3),
            unit="ms",
            bar=1000,
            note=f"{cells:,} American prices",
            peer=peer_text("QuantLib QdFp fast", peer, cells / PEER_SAMPLE),
        ),
        Figure(
            name="value at risk",
            figure=median_of(lambda: value_at_risk(book, returns), 5),
            unit="ms",
            bar=100,
            note=f"{RETURN_DAYS} days of {BOOK_SIZE} positions",
        ),
    ]


def payoffs() -> list[Figure]:
    """Payoff with chance of profit of one structure, and its picture."""
    from thetaloom.charts.payoff import draw_payoff
    from thetaloom.domain.strategy.payoff_case import payoff_case
    from thetaloom.domain.strategy.payoff_curve import curves_of_case

    cases = [condor(470.0 + number) for number in range(STRUCTURES)]
    milliseconds = median_of(lambda: [payoff_case(case) for case in cases], 5) / STRUCTURES
    peer = ask_peer("optionlab_payoff", {"structures": [_as_optionlab(case) for case in cases]})
    said = peer_text("optionlab", peer, 1 / STRUCTURES)
    if not peer.problem:
        apart = max(
            abs(float(str(payoff_case(case)["pop"])) - float(theirs[0]))
            for case, theirs in zip(cases, _rows(peer.answers), strict=True)
        )
        said += f", chances apart by at most {apart:.1g}"
    curves = curves_of_case(cases[0])
    return [
        Figure(
            name="payoff + pop of a structure",
            figure=milliseconds,
            unit="ms",
            bar=5,
            note=f"iron condors, {STRUCTURES} in turn, with greeks",
            peer=said,
        ),
        Figure(
            name="payoff picture",
            figure=median_of(lambda: draw_payoff(curves), 5),
            unit="ms",
            bar=500,
            note="1200×700 PNG",
        ),
    ]


def vollib_chain(spot: float, strikes: Any, years: Any, is_call: Any, prices: Any) -> str:
    """Return vollib's figure for the IV and greeks of a chain at a rate of 0.03 and a yield of 0.01."""
    size = len(strikes)
    rows = [
        [float(prices[i]), spot, float(strikes[i]), float(years[i]), bool(is_call[i]), 0.03, 0.01]
        for i in _solvable(spot, strikes, years, prices)[:PEER_SAMPLE]
    ]
    return peer_text("vollib, IV and greeks", ask_peer("vollib_chain", rows), size / len(rows))


def _solvable(spot: float, strikes: Any, years: Any, prices: Any) -> list[int]:
    # It raises on a price that is all intrinsic, and stops there.
    intrinsic = np.abs(spot * np.exp(-0.01 * years) - strikes * np.exp(-0.03 * years))
    return [int(i) for i in np.flatnonzero((prices > 0.01) & (np.abs(prices - intrinsic) > 0.01))]


def _book() -> "list[ScenarioPosition]":
    from thetaloom.domain.risk.scenarios import ScenarioPosition
    from thetaloom.domain.values.instruments import OptionContract, Right

    numbers = np.random.default_rng(1)
    book = []
    for place in range(BOOK_SIZE):
        spot = 100.0 + 20 * (place % 10)
        contract = OptionContract(
            root=f"S{'ABCDEFGHIJ'[place % 10]}",
            expires_on=EXPIRES,
            right=Right.CALL if place % 20 < 10 else Right.PUT,
            strike=Decimal(int(spot * numbers.uniform(0.8, 1.2))),
        )
        book.append(
            ScenarioPosition(
                label=contract.notation,
                underlying=contract.underlying,
                quantity=int(numbers.integers(1, 10)) * (1 if numbers.random() < 0.5 else -1),
                contract=contract,
                spot=spot,
                iv=float(numbers.uniform(0.1, 0.8)),
                years=int(numbers.integers(10, 400)) / 365,
                rate=0.04,
                dividend_yield=0.015,
                beta=1.0,
            )
        )
    return book


def _american_cells(book: "list[ScenarioPosition]") -> list[list[object]]:
    numbers = np.random.default_rng(3)
    rows: list[list[object]] = []
    for number in range(PEER_SAMPLE):
        one = book[number % BOOK_SIZE]
        if one.contract is not None and one.spot is not None and one.iv is not None:
            spot, iv = one.spot * float(numbers.uniform(0.8, 1.2)), one.iv * float(numbers.uniform(0.6, 2.0))
            is_call, strike = one.contract.right.value == "C", float(one.contract.strike)
            rows.append([is_call, spot, strike, round(one.years * 365), one.rate, one.dividend_yield, iv])
    return rows


def condor(spot: float) -> dict[str, Any]:
    """Return the fields of an iron condor around a spot."""
    legs = [
        {"quantity": quantity, "right": right, "strike": strike, "price": price, "expiration": EXPIRES.isoformat()}
        for quantity, right, strike, price in (
            *((1, "P", 440, 1.55), (-1, "P", 450, 2.45)),
            *((-1, "C", 500, 2.85), (1, "C", 510, 1.75)),
        )
    ]
    return {"legs": legs, "spot": spot, "iv": 0.22, "rate": 0.04, "dividend_yield": 0.01, "at": TODAY.isoformat()}


def _as_optionlab(case: dict[str, Any]) -> dict[str, Any]:
    strategy = [
        {
            "type": "call" if leg["right"] == "C" else "put",
            "strike": leg["strike"],
            "premium": leg["price"],
            "n": abs(leg["quantity"]) * 100,
            "action": "buy" if leg["quantity"] > 0 else "sell",
        }
        for leg in case["legs"]
    ]
    return {
        "stock_price": case["spot"],
        "volatility": case["iv"],
        "interest_rate": case["rate"],
        "dividend_yield": case["dividend_yield"],
        "min_stock": 200.0,
        "max_stock": 800.0,
        "strategy": strategy,
        "days_to_target_date": (EXPIRES - TODAY).days,
        "discard_nonbusiness_days": False,
        "business_days_in_year": 365,
    }


def _rows(answers: tuple[object, ...]) -> list[list[Any]]:
    return [row for row in answers if isinstance(row, list)]
