"""Violations of limits, and proposals that a person must confirm."""

from typing import Literal

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

SEQUENCE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add the table of violations and the warnings of proposals."""
    op.create_table(
        "risk_violations",
        sa.Column("id", SEQUENCE, nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("happened_at", sa.BigInteger(), nullable=False),
        sa.Column("symbol", sa.Text(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=True),
        sa.Column("bound", sa.Text(), nullable=True),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("releases_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name="fk_risk_violations_run_id_runs"),
        sa.PrimaryKeyConstraint("id", name="pk_risk_violations"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_risk_violations_user_id_happened_at", "risk_violations", ["user_id", "happened_at"])
    op.create_index("ix_risk_violations_run_id", "risk_violations", ["run_id"])
    # SQLite appends a column behind the constraints; a rebuilt table reads as if it had been there from the start.
    rebuild: Literal["always", "never"] = "always" if op.get_bind().dialect.name == "sqlite" else "never"
    with op.batch_alter_table("proposals", recreate=rebuild) as proposals:
        proposals.add_column(sa.Column("needs_confirmation", sa.Boolean(), nullable=False, server_default=sa.false()))
        proposals.add_column(sa.Column("warnings", sa.Text(), nullable=False, server_default="[]"))
