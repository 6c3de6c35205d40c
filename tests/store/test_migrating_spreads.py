"""Databases from before positions had spreads."""

from pathlib import Path

import pytest
from sqlalchemy import text

from thetaloom.domain.book.orders import OrderPurpose
from thetaloom.domain.book.spreads import WHOLE, Lot
from thetaloom.domain.values.ids import FillId, PositionId, RunId
from thetaloom.domain.values.money import Money, Price
from thetaloom.store.database import open_database
from thetaloom.store.unit_of_work import SqlStore
from thetaloom.store.upgrading import upgrade

LEG = '{"contract":{"expires_on":"2026-01-16","multiplier":100,"right":"P","root":"SPY","strike":"%s"},"ratio":%d}'
LEGS = f"[{LEG % ('560', -1)},{LEG % ('555', 1)}]"
LOTS = '[{"fill_id":"f1","opened_at":"2026-01-05T15:30:00.000000+00:00","price":"1.25","quantity":2}]'
AT = 1_767_627_000_000_000
ROWS = {
    "runs": {
        "id": "run-1",
        "user_id": "anna",
        "account_id": "paper-1",
        "strategy_id": "bull-put",
        "strategy_revision": 1,
        "symbol": "SPY",
        "trigger": "manual",
        "forced": False,
        "status": "MONITORING",
        "reason": "",
        "version": 1,
        "seq": 0,
        "attempts": 0,
        "created_at": AT,
        "updated_at": AT,
    },
    "positions": {
        "id": "pos-1",
        "run_id": "run-1",
        "user_id": "anna",
        "account_id": "paper-1",
        "strategy_id": "bull-put",
        "symbol": "SPY",
        "legs": LEGS,
        "lots": LOTS,
        "opened_quantity": 3,
        "realized": "75.00",
        "fees": "-3.90",
        "opened_at": AT,
        "exits_fired": "[0]",
        "version": 4,
        "is_open": True,
    },
}


def an_order(name: str, effect: str) -> dict[str, object]:
    """The row of an order as it was."""
    return {
        "client_order_id": name,
        "run_id": "run-1",
        "user_id": "anna",
        "account_id": "paper-1",
        "effect": effect,
        "legs": LEGS,
        "quantity": 3,
        "limit_price": "1.25",
        "time_in_force": "DAY",
        "status": "CANCELED",
        "filled": 0,
        "revision": 0,
        "staged_at": AT,
        "expires_at": AT,
        "reason": "",
        "is_open": False,
    }


@pytest.mark.parametrize("before", ["0001", "0002"])
def test_the_lots_of_an_old_position_become_one_spread(tmp_path: Path, before: str) -> None:
    database = open_database(tmp_path / "thetaloom.db")
    upgrade(database, to=before)
    rows = [*ROWS.items(), ("orders", an_order("tl-1", "open")), ("orders", an_order("tl-2", "close"))]
    with database.begin() as connection:
        for table, row in rows:
            names = ", ".join(f'"{name}"' for name in row)
            holes = ", ".join(f":{name}" for name in row)
            connection.execute(text(f"INSERT INTO {table} ({names}) VALUES ({holes})"), row)

    upgrade(database)

    with SqlStore(database).unit_of_work() as uow:
        position = uow.positions.get(PositionId("pos-1"))
        orders = {order.client_order_id: order for order in uow.orders.of_run(RunId("run-1"))}
        assert position is not None
        (spread,) = position.spreads
        saved = uow.positions.save(position)
    assert (spread.name, spread.quantity, spread.opened_quantity, spread.realized) == (WHOLE, 2, 3, Money("75.00"))
    assert (position.quantity, position.entry_price, position.legs) == (2, Price("1.25"), spread.legs)
    assert isinstance(spread.lots[0], Lot) and spread.lots[0].fill_id == FillId("f1")
    assert (position.chain_id, position.exits_fired, position.loose, saved.version) == ("pos-1", (0,), (), 5)
    assert {name: (order.purpose, order.part) for name, order in orders.items()} == {
        "tl-1": (OrderPurpose.ENTRY, ""),
        "tl-2": (OrderPurpose.EXIT, ""),
    }
    database.close()
