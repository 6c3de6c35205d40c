"""How people sign in, what they may, what they did, and what they entrust to us."""

from typing import Literal

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    """Add the tables, and to each user whose rows are worked on."""
    # SQLite appends a column behind the constraints; a rebuilt table reads as if it had been there from the start.
    rebuild: Literal["always", "never"] = "always" if op.get_bind().dialect.name == "sqlite" else "never"
    with op.batch_alter_table("users", recreate=rebuild) as users:
        users.add_column(sa.Column("books", sa.Text(), nullable=True))
    _preferences_and_links()
    _ways_in()
    _second_factors()
    _records()


def _owned(table: str) -> tuple[sa.Column[str], sa.ForeignKeyConstraint]:
    key = sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=f"fk_{table}_user_id_users")
    return sa.Column("user_id", sa.Text(), nullable=False), key


def _preferences_and_links() -> None:
    column, key = _owned("preferences")
    op.create_table(
        "preferences",
        column,
        sa.Column("theme", sa.Text(), nullable=False),
        sa.Column("zone", sa.Text(), nullable=False),
        sa.Column("is_private", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("user_id", name="pk_preferences"),
        key,
    )
    column, key = _owned("invitations")
    op.create_table(
        "invitations",
        column,
        sa.Column("key_hash", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("user_id", name="pk_invitations"),
        key,
    )


def _ways_in() -> None:
    column, key = _owned("browser_sessions")
    op.create_table(
        "browser_sessions",
        sa.Column("secret_hash", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        column,
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.Column("user_agent", sa.Text(), nullable=False),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("secret_hash", name="pk_browser_sessions"),
        key,
    )
    op.create_index("ix_browser_sessions_user_id", "browser_sessions", ["user_id"])
    column, key = _owned("access_tokens")
    op.create_table(
        "access_tokens",
        sa.Column("id", sa.Text(), nullable=False),
        column,
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("secret_hash", sa.Text(), nullable=False),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_access_tokens"),
        key,
    )
    op.create_index("ix_access_tokens_user_id", "access_tokens", ["user_id"])


def _second_factors() -> None:
    column, key = _owned("second_factors")
    op.create_table(
        "second_factors",
        column,
        sa.Column("ciphertext", sa.Text(), nullable=False),
        sa.Column("confirmed_at", sa.BigInteger(), nullable=True),
        sa.Column("last_step", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("user_id", name="pk_second_factors"),
        key,
    )
    column, key = _owned("recovery_codes")
    op.create_table(
        "recovery_codes",
        column,
        sa.Column("code_hash", sa.Text(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("user_id", "code_hash", name="pk_recovery_codes"),
        key,
    )


def _records() -> None:
    op.create_table(
        "audit",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("token_id", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("fields", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit"),
    )
    op.create_index("ix_audit_user_id_at", "audit", ["user_id", "at"])
    column, key = _owned("credentials")
    op.create_table(
        "credentials",
        column,
        sa.Column("broker", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("ciphertext", sa.Text(), nullable=False),
        sa.Column("saved_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("user_id", "broker", "name", name="pk_credentials"),
        key,
    )
