"""Balances over time: what an account was worth, every quarter of an hour."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    """Add the table; what an account was worth before is not known."""
    op.create_table(
        "balances",
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("net_liquidating_value", sa.Text(), nullable=False),
        sa.Column("cash", sa.Text(), nullable=True),
        sa.Column("buying_power", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="fk_balances_account_id_accounts"),
        sa.PrimaryKeyConstraint("account_id", "at", name="pk_balances"),
    )
