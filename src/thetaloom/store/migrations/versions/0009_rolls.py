"""Rolls, and the closing side of a proposal."""

from typing import Literal

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Add what was asked of positions to be rolled, and what a proposal closes first."""
    op.create_table(
        "rolls",
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("position_id", sa.Text(), nullable=False),
        sa.Column("position_run_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("strikes", sa.Text(), nullable=False),
        sa.Column("legs", sa.Text(), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("keep", sa.Text(), nullable=False),
        sa.Column("part", sa.Text(), nullable=False),
        sa.Column("expires_on", sa.Text(), nullable=True),
        sa.Column("dte", sa.Integer(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("asked_at", sa.BigInteger(), nullable=True),
        sa.Column("close_floor", sa.Text(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["position_id"], ["positions.id"], name="fk_rolls_position_id_positions"),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name="fk_rolls_run_id_runs"),
        sa.PrimaryKeyConstraint("run_id", name="pk_rolls"),
    )
    op.create_index("ix_rolls_position_id", "rolls", ["position_id"])
    rebuild: Literal["always", "never"] = "always" if op.get_bind().dialect.name == "sqlite" else "never"
    with op.batch_alter_table("proposals", recreate=rebuild) as proposals:
        proposals.add_column(sa.Column("closing", sa.Text(), nullable=True))
    op.create_index("ix_positions_chain_id", "positions", ["chain_id"])
