"""The market as it was when a position had just closed."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "exit_markets",
        sa.Column("position_id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("taken_at", sa.BigInteger(), nullable=False),
        sa.Column("spot", sa.Text(), nullable=True),
        sa.Column("atm_iv", sa.Text(), nullable=True),
        sa.Column("iv_rank", sa.Text(), nullable=True),
        sa.Column("vix", sa.Text(), nullable=True),
        sa.Column("regime", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["position_id"], ["positions.id"], name="fk_exit_markets_position_id_positions"),
        sa.PrimaryKeyConstraint("position_id", name="pk_exit_markets"),
    )
