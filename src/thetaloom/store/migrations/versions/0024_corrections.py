"""Which trade a transaction takes back or stands in the place of."""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"


def upgrade() -> None:
    """Add the column; what was told before corrects nothing."""
    with op.batch_alter_table("broker_transactions") as transactions:
        transactions.add_column(sa.Column("corrects", sa.Text(), nullable=False, server_default=""))
    with op.batch_alter_table("broker_transactions") as transactions:
        transactions.alter_column("corrects", server_default=None)
