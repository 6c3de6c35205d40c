"""How often each source of signals was right, and whether that weighs."""

from typing import Literal

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    """Add the scores, and to each source whether they weigh."""
    # SQLite appends a column behind the constraints; a rebuilt table reads as if it had been there from the start.
    rebuild: Literal["always", "never"] = "always" if op.get_bind().dialect.name == "sqlite" else "never"
    with op.batch_alter_table("signal_sources", recreate=rebuild) as sources:
        sources.add_column(sa.Column("weighs_by_record", sa.Boolean(), nullable=False, server_default=sa.false()))
    with op.batch_alter_table("signal_sources", recreate=rebuild) as sources:
        sources.alter_column("weighs_by_record", server_default=None)
    op.create_table(
        "signal_scores",
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("signal_id", sa.Text(), nullable=False),
        sa.Column("stance", sa.Text(), nullable=False),
        sa.Column("is_own", sa.Boolean(), nullable=False),
        sa.Column("pnl", sa.Text(), nullable=False),
        sa.Column("is_right", sa.Boolean(), nullable=True),
        sa.Column("judged_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("run_id", "source", name="pk_signal_scores"),
    )
    op.create_index("ix_signal_scores_user_id_source", "signal_scores", ["user_id", "source"])
