"""What is remembered of a position while it is watched: entry, highest profit, ladder."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add the memory of positions."""
    op.create_table(
        "position_watch",
        sa.Column("position_id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("entry", sa.Text(), nullable=True),
        sa.Column("legs", sa.Text(), nullable=False),
        sa.Column("high_close", sa.Text(), nullable=True),
        sa.Column("high_water", sa.Text(), nullable=True),
        sa.Column("high_at", sa.BigInteger(), nullable=True),
        sa.Column("ladders", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["position_id"], ["positions.id"], name="fk_position_watch_position_id_positions"),
        sa.PrimaryKeyConstraint("position_id", name="pk_position_watch"),
    )
