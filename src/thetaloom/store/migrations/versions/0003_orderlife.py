"""Orders in doubt, refusals in our words, the order of staging, and executions of single legs."""

from typing import Literal

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Widen the orders and add the table of leg executions."""
    # SQLite appends a column behind the constraints; a rebuilt table reads as if it had been there from the start.
    rebuild: Literal["always", "never"] = "always" if op.get_bind().dialect.name == "sqlite" else "never"
    with op.batch_alter_table("orders", recreate=rebuild) as orders:
        orders.add_column(sa.Column("refusal", sa.Text(), nullable=True))
        orders.add_column(sa.Column("unresolved_since", sa.BigInteger(), nullable=True))
        orders.add_column(sa.Column("absent_since", sa.BigInteger(), nullable=True))
        orders.add_column(sa.Column("confirmed_revision", sa.Integer(), nullable=False, server_default="0"))
        orders.add_column(sa.Column("legs_loose_since", sa.BigInteger(), nullable=True))
        orders.add_column(sa.Column("sequence", sa.BigInteger(), nullable=False, server_default="0"))
        orders.create_index("ix_orders_sequence", ["sequence"])
        orders.create_index("ix_orders_legs_loose_since", ["legs_loose_since"])
    op.execute(
        "UPDATE orders SET confirmed_revision = revision, sequence = ("
        "SELECT COUNT(*) FROM orders AS older WHERE older.staged_at < orders.staged_at"
        " OR (older.staged_at = orders.staged_at AND older.client_order_id <= orders.client_order_id))"
    )
    op.create_table(
        "leg_executions",
        sa.Column("client_order_id", sa.Text(), nullable=False),
        sa.Column("execution_id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("contract", sa.Text(), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("price", sa.Text(), nullable=False),
        sa.Column("fees", sa.Text(), nullable=False),
        sa.Column("executed_at", sa.BigInteger(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["client_order_id"], ["orders.client_order_id"], name="fk_leg_executions_client_order_id_orders"
        ),
        sa.PrimaryKeyConstraint("client_order_id", "execution_id", name="pk_leg_executions"),
    )
