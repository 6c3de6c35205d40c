"""Alerts, who protects positions, and notes of the journal."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add the tables."""
    op.create_table(
        "alerts",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("position_id", sa.Text(), nullable=True),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("symbol", sa.Text(), nullable=False),
        sa.Column("priority", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("details", sa.Text(), nullable=False),
        sa.Column("recommended_action", sa.Text(), nullable=False),
        sa.Column("urgency", sa.Text(), nullable=False),
        sa.Column("current_value", sa.Text(), nullable=True),
        sa.Column("threshold_value", sa.Text(), nullable=True),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("order_type", sa.Text(), nullable=False),
        sa.Column("limit_price", sa.Text(), nullable=True),
        sa.Column("raised_at", sa.BigInteger(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_alerts"),
    )
    op.create_index("ix_alerts_user_id_raised_at", "alerts", ["user_id", "raised_at"])
    op.create_index("ix_alerts_subject_ended_at", "alerts", ["subject", "ended_at"])
    op.create_index("ix_alerts_account_id_ended_at", "alerts", ["account_id", "ended_at"])
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
