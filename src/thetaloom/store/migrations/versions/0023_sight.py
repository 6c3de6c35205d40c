"""An index for the question when nobody could see what a position is worth."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    """Add the index."""
    of_sight = sa.text("kind IN ('PositionBlinded', 'PositionSighted')")
    op.create_index("ix_events_of_sight", "events", ["run_id"], sqlite_where=of_sight, postgresql_where=of_sight)
