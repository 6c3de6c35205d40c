"""Indexes for the question what looked at a symbol at some moment."""

from alembic import op

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    """Add the indexes."""
    op.create_index("ix_runs_user_id_symbol_created_at", "runs", ["user_id", "symbol", "created_at"])
    op.create_index("ix_firings_user_id_due_at", "firings", ["user_id", "due_at"])
    op.create_index("ix_scan_pairs_scan_id_symbol", "scan_pairs", ["scan_id", "symbol"])
