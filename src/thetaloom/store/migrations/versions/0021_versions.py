"""Versions of a proposal: which one took the place of which, and the limit that a person chose."""

from typing import Literal

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    """Add both; what was proposed before has neither."""
    # SQLite appends a column behind the constraints; a rebuilt table reads as if it had been there from the start.
    rebuild: Literal["always", "never"] = "always" if op.get_bind().dialect.name == "sqlite" else "never"
    with op.batch_alter_table("proposals", recreate=rebuild) as proposals:
        proposals.add_column(sa.Column("entry_price", sa.Text(), nullable=True))
        proposals.add_column(sa.Column("supersedes", sa.Text(), nullable=True))
