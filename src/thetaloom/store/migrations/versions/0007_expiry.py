"""How far the transactions of an account were read, and how contracts of a position ended without an order."""

from typing import Literal

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Add the cursor and the endings."""
    rebuild: Literal["always", "never"] = "always" if op.get_bind().dialect.name == "sqlite" else "never"
    with op.batch_alter_table("accounts", recreate=rebuild) as accounts:
        accounts.add_column(sa.Column("transaction_cursor", sa.BigInteger(), nullable=False, server_default="0"))
    with op.batch_alter_table("positions", recreate=rebuild) as positions:
        positions.add_column(sa.Column("endings", sa.Text(), nullable=False, server_default="[]"))
    with op.batch_alter_table("accounts", recreate=rebuild) as accounts:
        accounts.alter_column(
            "transaction_cursor", server_default=None, existing_type=sa.BigInteger(), existing_nullable=False
        )
    with op.batch_alter_table("positions", recreate=rebuild) as positions:
        positions.alter_column("endings", server_default=None, existing_type=sa.Text(), existing_nullable=False)
