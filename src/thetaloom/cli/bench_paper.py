"""What the paper broker takes to judge an order beside what is held, as ``thetaloom bench`` measures it."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

from thetaloom.cli.bench_figures import Figure, median_of
from thetaloom.domain.strategy.structures import Leg
from thetaloom.domain.values.ids import ClientOrderId
from thetaloom.domain.values.instruments import OptionContract, Right
from thetaloom.domain.values.money import Money, Price
from thetaloom.testing import builders
from thetaloom.testing.bench import PaperBench

POSITIONS = 50
SYMBOLS = ("SPY", "QQQ", "IWM", "DIA", "XLF")
ROUNDS = 21
FIRST_EXPIRATION = date(2026, 1, 16)


def paper_admissions() -> list[Figure]:
    """A paper order judged, booked and reported beside fifty condors on five underlyings."""
    with TemporaryDirectory() as folder:
        bench = PaperBench(f"sqlite:///{Path(folder) / 'paper.db'}", starting_cash=Money(1_000_000))
        for number in range(POSITIONS):
            _hold(bench, SYMBOLS[number % len(SYMBOLS)], number // len(SYMBOLS))
        order, numbers, cents = builders.order(limit="1.50"), count(), count(1)
        shorts = [one for one, quantity in bench.broker.holdings().items() if quantity < 0 and one.root == "SPY"]

        def admit() -> None:
            price = Price(1 + Decimal(next(cents)) / 100)  # every short of one underlying moves each time
            for contract in shorts:
                bench.market.set_quote(contract, price, price)
            name = ClientOrderId(f"tl-{next(numbers)}")
            bench.broker.submit(replace(order, client_order_id=name))
            bench.broker.cancel(name)

        milliseconds = median_of(admit, ROUNDS)
        held = len(bench.broker.holdings())
        bench.broker.close()
    note = f"{POSITIONS} positions, {held} contracts, exact margin, two durable commits, median of {ROUNDS}"
    return [Figure(name="paper order beside 50 positions", figure=milliseconds, unit="ms", note=note)]


def _hold(bench: PaperBench, symbol: str, number: int) -> None:
    expires_on = FIRST_EXPIRATION + timedelta(days=7 * (number % 4))
    shift = 2 * number
    legs = [
        _leg(symbol, expires_on, Right.PUT, 540 + shift, 1),
        _leg(symbol, expires_on, Right.PUT, 545 + shift, -1),
        _leg(symbol, expires_on, Right.CALL, 600 + shift, -1),
        _leg(symbol, expires_on, Right.CALL, 605 + shift, 1),
    ]
    bench.market.set_spot(symbol, 575)
    for leg, price in zip(legs, ("0.90", "1.20", "1.10", "0.80"), strict=True):
        bench.market.set_quote(leg.contract, price, price)
    bench.broker.trade_elsewhere(legs, 1, Price("0.60"))


def _leg(symbol: str, expires_on: date, right: Right, strike: int, ratio: int) -> Leg:
    contract = OptionContract(root=symbol, expires_on=expires_on, right=right, strike=Decimal(strike))
    return Leg(contract=contract, ratio=ratio)
