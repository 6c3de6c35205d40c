"""Orders for shares that positions were left with."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "share_orders",
        sa.Column("client_order_id", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("position_id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("symbol", sa.Text(), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("staged_at", sa.BigInteger(), nullable=False),
        sa.Column("sent_at", sa.BigInteger(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["position_id"], ["positions.id"], name="fk_share_orders_position_id_positions"),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name="fk_share_orders_run_id_runs"),
        sa.PrimaryKeyConstraint("client_order_id", name="pk_share_orders"),
    )
    op.create_index("ix_share_orders_position_id", "share_orders", ["position_id"])
    op.create_index("ix_share_orders_account_id_status", "share_orders", ["account_id", "status"])
