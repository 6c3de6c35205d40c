"""Positions as spreads, and what an order is for."""

import json
from typing import Any, Literal

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

POSITIONS = sa.table(
    "positions",
    *(sa.column(name) for name in ("id", "legs", "lots", "opened_quantity", "realized", "spreads", "chain_id")),
)


def upgrade() -> None:
    """Make one spread of each position's lots, and name what each order is for by its effect."""
    # SQLite appends a column behind the constraints; a rebuilt table reads as if it had been there from the start.
    rebuild: Literal["always", "never"] = "always" if op.get_bind().dialect.name == "sqlite" else "never"
    with op.batch_alter_table("orders", recreate=rebuild) as orders:
        orders.add_column(sa.Column("purpose", sa.Text(), nullable=False, server_default="entry"))
        orders.add_column(sa.Column("part", sa.Text(), nullable=False, server_default=""))
    op.execute("UPDATE orders SET purpose = 'exit' WHERE effect = 'close'")
    with op.batch_alter_table("orders", recreate=rebuild) as orders:
        orders.alter_column("purpose", server_default=None, existing_type=sa.Text(), existing_nullable=False)
        orders.alter_column("part", server_default=None, existing_type=sa.Text(), existing_nullable=False)
    with op.batch_alter_table("positions", recreate=rebuild) as positions:
        for name in ("spreads", "loose", "shares"):
            positions.add_column(sa.Column(name, sa.Text(), nullable=False, server_default="[]"))
        positions.add_column(sa.Column("keep_asked", sa.Text(), nullable=True))
        positions.add_column(sa.Column("ended_as", sa.Text(), nullable=False, server_default=""))
        positions.add_column(sa.Column("rolled_from", sa.Text(), nullable=True))
        positions.add_column(sa.Column("chain_id", sa.Text(), nullable=False, server_default=""))
    _make_spreads()
    with op.batch_alter_table("positions", recreate=rebuild) as positions:
        positions.drop_column("lots")
        for name in ("spreads", "loose", "shares", "ended_as", "chain_id"):
            positions.alter_column(name, server_default=None, existing_type=sa.Text(), existing_nullable=False)


def _make_spreads() -> None:
    connection = op.get_bind()
    for row in connection.execute(sa.select(POSITIONS)).all():
        spread = _one_spread(json.loads(row.legs), json.loads(row.lots), row.opened_quantity, row.realized)
        text = json.dumps([spread], separators=(",", ":"), sort_keys=True)
        mine = POSITIONS.update().where(POSITIONS.c.id == row.id)
        connection.execute(mine.values(spreads=text, chain_id=row.id))


def _one_spread(legs: list[Any], lots: list[Any], opened: int, realized: str) -> dict[str, Any]:
    return {
        "name": "whole",
        "legs": legs,
        "units": 1,
        "lots": [lot | {"leg_prices": []} for lot in lots],
        "opened_quantity": opened,
        "realized": realized,
        "target_percent": None,
        "target_orders_before": 0,
    }
