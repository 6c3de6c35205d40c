"""The tables of people: how they sign in, what they may, what they did, and what they entrust to us."""

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, PrimaryKeyConstraint, Table, Text

from thetaloom.domain.values.people import Role, Scope, Theme
from thetaloom.store.columns import Instant, Structured, Word
from thetaloom.store.table_parts import SEQUENCE, metadata, needed


def _person() -> Column[str]:
    return Column("user_id", Text, ForeignKey("users.id"), nullable=False)


def _only_person() -> Column[str]:
    return Column("user_id", Text, ForeignKey("users.id"), primary_key=True)


users = Table(
    "users",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    needed("role", Word(Role)),
    Column("password_hash", Text),
    needed("created_at", Instant),
    Column("disabled_at", Instant),
    Column("books", Text),  # whose rows this person works on; NULL: their own
)

preferences = Table(
    "preferences",
    metadata,
    _only_person(),
    needed("theme", Word(Theme)),
    needed("zone", Text),
    needed("is_private", Boolean),
)

# A link by which a person chooses a password: one a person, and used once.
invitations = Table(
    "invitations",
    metadata,
    _only_person(),
    needed("key_hash", Text),
    needed("expires_at", Instant),
)

browser_sessions = Table(
    "browser_sessions",
    metadata,
    Column("secret_hash", Text, primary_key=True),
    needed("id", Text),
    _person(),
    needed("made_at", Instant),
    needed("seen_at", Instant),
    needed("user_agent", Text),
    Column("revoked_at", Instant),
    Index(None, "user_id"),
)

access_tokens = Table(
    "access_tokens",
    metadata,
    Column("id", Text, primary_key=True),
    _person(),
    needed("name", Text),
    needed("secret_hash", Text),
    needed("scopes", Structured(tuple[Scope, ...])),
    needed("made_at", Instant),
    Column("expires_at", Instant),
    Column("revoked_at", Instant),
    Index(None, "user_id"),
)

second_factors = Table(
    "second_factors",
    metadata,
    _only_person(),
    needed("ciphertext", Text),
    Column("confirmed_at", Instant),
    needed("last_step", Integer),  # of the newest code that was taken: none is taken twice
)

recovery_codes = Table(
    "recovery_codes",
    metadata,
    _person(),
    needed("code_hash", Text),
    Column("used_at", Instant),
    PrimaryKeyConstraint("user_id", "code_hash"),
)

# What was changed by whom: names of fields, never what stands in them.
audit = Table(
    "audit",
    metadata,
    Column("id", SEQUENCE, primary_key=True, autoincrement=True),
    needed("at", Instant),
    needed("user_id", Text),
    needed("token_id", Text),
    needed("address", Text),
    needed("action", Text),
    needed("subject", Text),
    needed("status", Integer),
    needed("fields", Structured(tuple[str, ...])),
    Index(None, "user_id", "at"),
)

credentials = Table(
    "credentials",
    metadata,
    _person(),
    needed("broker", Text),
    needed("name", Text),
    needed("ciphertext", Text),
    needed("saved_at", Instant),
    PrimaryKeyConstraint("user_id", "broker", "name"),
)
