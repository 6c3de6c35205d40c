"""Who protects positions, when somebody last looked, and notes of the journal."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Add the tables."""
    op.create_table(
        "position_care",
        sa.Column("position_id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=True),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("unprotected", sa.Text(), nullable=False),
        sa.Column("low_water", sa.Text(), nullable=True),
        sa.Column("low_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["position_id"], ["positions.id"], name="fk_position_care_position_id_positions"),
        sa.PrimaryKeyConstraint("position_id", name="pk_position_care"),
    )
    op.create_index("ix_position_care_account_id", "position_care", ["account_id"])
    op.create_table(
        "watch_pulse",
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("looked_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", name="pk_watch_pulse"),
    )
    op.create_table(
        "journal_notes",
        sa.Column("position_id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("written_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["position_id"], ["positions.id"], name="fk_journal_notes_position_id_positions"),
        sa.PrimaryKeyConstraint("position_id", name="pk_journal_notes"),
    )
