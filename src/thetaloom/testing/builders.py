"""Builders with defaults, so that a test writes only what matters to it; contracts and legs are written as text."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from thetaloom.domain.book.fills import Fill, LegFill
from thetaloom.domain.book.orders import Effect, Order, OrderStatus
from thetaloom.domain.book.positions import Lot, Position
from thetaloom.domain.book.spreads import whole_spread
from thetaloom.domain.market.chain import ARRAY_TYPES, OptionChain, from_date, from_strike
from thetaloom.domain.market.quotes import Quote
from thetaloom.domain.market.view import MarketView, Measured, Named
from thetaloom.domain.strategy.strategies import (
    ExpirationRule,
    LegRule,
    SelectBy,
    Side,
    Strategy,
    StrikeRule,
    Unit,
)
from thetaloom.domain.strategy.structures import Leg
from thetaloom.domain.values.calendar import TradingCalendar
from thetaloom.domain.values.ids import (
    AccountId,
    ClientOrderId,
    FillId,
    RunId,
    StrategyId,
    UserId,
    make_position_id,
)
from thetaloom.domain.values.instruments import OptionContract, Right, parse_option_symbol
from thetaloom.domain.values.money import Money, Price
from thetaloom.marketdata.calendar_table import SHIPPED_TABLE, read_table

Number = Decimal | int | float | str
Sides = tuple[Number | None, Number | None]  # bid and ask

NEW_YORK = ZoneInfo("America/New_York")
NOW = datetime(2026, 1, 5, 15, 30, tzinfo=UTC)  # a Monday, 10:30 in New York, an hour after the open
ACCOUNT = AccountId("TEST-1")
FEE_PER_CONTRACT = Money("-0.65")
SPREAD = ("-1 SPY 2026-01-16 P 560", "+1 SPY 2026-01-16 P 555")


@lru_cache(maxsize=1)
def trading_calendar() -> TradingCalendar:
    """Return the calendar of the New York exchanges, as the package ships it."""
    return read_table(SHIPPED_TABLE)


def new_york(text: str) -> datetime:
    """Return the instant in UTC of a time on the wall in New York, as in ``2026-01-05 10:30``."""
    return datetime.fromisoformat(text).replace(tzinfo=NEW_YORK).astimezone(UTC)


def price(number: Number) -> Price:
    """Return an exact price; a float means the digits it is printed with."""
    return Price(str(number))


def contract(text: str) -> OptionContract:
    """Return the contract of any written form, as in ``SPY 2026-01-16 P 560``."""
    return parse_option_symbol(text)


def legs(*texts: str) -> tuple[Leg, ...]:
    """Return legs from their notation, as in ``-1 SPY 2026-01-16 P 560``; without any, a put credit spread."""
    return tuple(Leg.parse(text) for text in texts or SPREAD)


def quote(
    bid: Number | None, ask: Number | None, *, at: datetime = NOW, bid_size: int | None = 10, ask_size: int | None = 10
) -> Quote:
    """Return a quote; ``None`` is a missing side."""
    return Quote(
        bid=None if bid is None else price(bid),
        ask=None if ask is None else price(ask),
        quoted_at=at,
        bid_size=bid_size,
        ask_size=ask_size,
    )


def chain(
    quotes: Mapping[str, Sides | Quote] | Mapping[OptionContract, Sides | Quote],
    *,
    spot: Number | None = 575,
    at: datetime = NOW,
    columns: Mapping[str, Mapping[str, float] | Mapping[OptionContract, float]] | None = None,
    synthetic: bool = True,
) -> OptionChain:
    """Return the chain of the quoted contracts, all of one underlying.

    ``columns`` sets further numbers by name and contract, as in ``{"delta": {"SPY 2026-01-16 P 560": -0.3}}``;
    what is not set is unknown.
    """
    read = {_contract(key): pair if isinstance(pair, Quote) else quote(*pair, at=at) for key, pair in quotes.items()}
    listed = sorted(read, key=lambda c: (c.expires_on, c.strike, c.right is not Right.CALL, c.root))
    rows = [_chain_row(one, read[one]) for one in listed]
    arrays = {name: np.array([row.get(name, np.nan) for row in rows], dtype=kind) for name, kind in ARRAY_TYPES.items()}
    for name, numbers in (columns or {}).items():
        for key, number in numbers.items():
            arrays[name][listed.index(_contract(key))] = number
    return OptionChain(
        underlying=listed[0].underlying,
        as_of=at,
        spot=None if spot is None else price(spot),
        source="test",
        synthetic=synthetic,
        **arrays,
    )


def order(*texts: str, limit: Number = "1.00", quantity: int = 1, **changes: Any) -> Order:
    """Return a staged opening order for a structure in text; ``changes`` are fields of ``Order``."""
    fields: dict[str, Any] = {
        "client_order_id": ClientOrderId("tl-order-1"),
        "run_id": RunId("run-1"),
        "account_id": ACCOUNT,
        "effect": Effect.OPEN,
        "legs": legs(*texts),
        "quantity": quantity,
        "limit_price": price(limit),
        "staged_at": NOW,
        "expires_at": new_york("2026-01-05 16:00"),
    }
    return Order(**(fields | changes))


def sent(of: Order) -> Order:
    """Return the order as it is when a broker gets it."""
    return of.moved_to(OrderStatus.SUBMITTED)


def closing(of: Order, *, limit: Number, **changes: Any) -> Order:
    """Return the order that takes down what ``of`` opened."""
    fields: dict[str, Any] = {
        "client_order_id": ClientOrderId(f"{of.client_order_id}-close"),
        "effect": Effect.CLOSE,
        "legs": tuple(replace(leg, ratio=-leg.ratio) for leg in of.legs),
        "limit_price": price(limit),
        "status": OrderStatus.STAGED,
        "filled": 0,
        "broker_order_id": None,
    }
    return replace(of, **(fields | changes))


def fill(of: Order, *, quantity: int | None = None, at: Number | None = None, **changes: Any) -> Fill:
    """Return a fill of an order, by default of all that remains and at its limit, with leg prices that add up."""
    done = of.remaining if quantity is None else quantity
    net = of.limit_price if at is None else price(at)
    prices = leg_prices(of.legs, net)
    contracts = done * sum(abs(leg.ratio) for leg in of.legs)
    fields: dict[str, Any] = {
        "fill_id": FillId(f"{of.client_order_id}-fill-{of.filled + done}"),
        "client_order_id": of.client_order_id,
        "quantity": done,
        "price": net,
        "fees": FEE_PER_CONTRACT * contracts,
        "filled_at": NOW,
        "legs": tuple(
            LegFill(contract=leg.contract, quantity=leg.ratio * done, price=paid)
            for leg, paid in zip(of.legs, prices, strict=True)
        ),
    }
    return Fill(**(fields | changes))


def priced(of: Fill, prices: Sequence[Number]) -> Fill:
    """Return the fill with these prices of its legs, and the net price that they make."""
    legs = tuple(replace(leg, price=price(paid)) for leg, paid in zip(of.legs, prices, strict=True))
    net = sum((-leg.price * leg.quantity for leg in legs), Price(0))
    return replace(of, legs=legs, price=net / of.quantity)


def leg_prices(of: tuple[Leg, ...], net: Price) -> tuple[Price, ...]:
    """Return prices of the legs, none negative, that add up to a net price: one dollar each, and one leg the rest."""
    missing = Decimal(net) + sum(leg.ratio for leg in of)
    prices = [Price(1) for _ in of]
    # What is missing to us is asked from a leg we sell, what is too much is paid for a leg we buy.
    index = next((i for i, leg in enumerate(of) if (leg.ratio < 0) == (missing > 0)), 0)
    prices[index] = Price(1 - missing / of[index].ratio)
    return tuple(prices)


def position(*texts: str, entry: Number = "1.00", quantity: int = 1, **changes: Any) -> Position:
    """Return an open position of one lot; ``changes`` are fields of ``Position``."""
    held = legs(*texts)
    lot = Lot(fill_id=FillId("fill-1"), quantity=quantity, price=price(entry), opened_at=NOW)
    fields: dict[str, Any] = {
        "id": make_position_id(RunId("run-1")),
        "run_id": RunId("run-1"),
        "user_id": UserId("user-1"),
        "account_id": ACCOUNT,
        "strategy_id": StrategyId("strategy-1"),
        "symbol": held[0].contract.underlying,
        "legs": held,
        "spreads": (replace(whole_spread(held), lots=(lot,), opened_quantity=quantity),),
        "opened_quantity": quantity,
        "opened_at": NOW,
    }
    return Position(**(fields | changes))


def with_lots(of: Position, *lots: Lot) -> Position:
    """Return a position whose one spread holds these lots."""
    return replace(of, spreads=(replace(of.spreads[0], lots=lots), *of.spreads[1:]))


def strategy(**changes: Any) -> Strategy:
    """Return a put credit spread of 0.30 delta and five dollars; ``changes`` are fields of ``Strategy``."""
    fields: dict[str, Any] = {
        "id": StrategyId("strategy-1"),
        "name": "Put credit spread",
        "symbols": ("SPY",),
        "expiration": ExpirationRule(dte_min=7, dte_max=21, dte_target=11),
        "legs": (
            leg_rule("short_put", Side.SELL, Right.PUT, SelectBy.DELTA, "-0.30", Unit.DELTA),
            leg_rule("long_put", Side.BUY, Right.PUT, SelectBy.WIDTH, 5, Unit.DOLLARS, of="short_put"),
        ),
    }
    return Strategy(**(fields | changes))


def leg_rule(
    name: str,
    side: Side,
    right: Right,
    by: SelectBy,
    distance: Number,
    unit: Unit,
    *,
    of: str | None = None,
    miss_max: Number | None = None,
    ratio: int = 1,
) -> LegRule:
    """Return the rule of one leg."""
    miss = None if miss_max is None else Decimal(str(miss_max))
    strike = StrikeRule(by=by, distance=Decimal(str(distance)), unit=unit, of=of, miss_max=miss)
    return LegRule(name=name, side=side, right=right, strike=strike, ratio=ratio)


def market_view(
    numbers: Mapping[str, Number] | None = None,
    words: Mapping[str, str] | None = None,
    *,
    unknown: Mapping[str, str] | None = None,
    none: Mapping[str, str] | None = None,
    at: datetime = NOW,
) -> MarketView:
    """Return a reading of a market; what is not named is unknown."""
    return MarketView(
        numbers={
            name: Measured(number=Decimal(str(number)), as_of=at, source="test")
            for name, number in (numbers or {}).items()
        },
        words={name: Named(word=word, as_of=at, source="test") for name, word in (words or {}).items()},
        unknown=unknown or {},
        none=none or {},
    )


def _contract(key: str | OptionContract) -> OptionContract:
    return key if isinstance(key, OptionContract) else contract(key)


def _chain_row(listed: OptionContract, known: Quote) -> dict[str, Any]:
    row: dict[str, Any] = {
        "root": listed.root,
        "expires_on": from_date(listed.expires_on),
        "strike": from_strike(listed.strike),
        "is_call": listed.right is Right.CALL,
        "quoted_at": round(known.quoted_at.timestamp() * 1_000_000),
    }
    sides = {"bid": known.bid, "ask": known.ask, "bid_size": known.bid_size, "ask_size": known.ask_size}
    return row | {name: float(number) for name, number in sides.items() if number is not None}
