"""The one place that writes people, their ways in and their preferences; no engine owns these.

Of every secret only a hash is kept: each is 256 random bits, so that SHA-256 suffices; a password gets argon2id.
"""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

from sqlalchemy import Connection, delete, func, insert, select, update

from thetaloom.domain.values.ids import UserId
from thetaloom.domain.values.people import Role, Scope, Theme
from thetaloom.errors import InvalidInput, NotAllowed, NotFound
from thetaloom.store.database import Database
from thetaloom.store.people_tables import access_tokens, browser_sessions, invitations, preferences, users

INVITATION_DAYS = 7
TOKEN_MARK = "thl"
USER_AGENT_MAX = 200
NAME_MAX = 40
TOKEN_DAYS_MAX = 3650


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeToken:
    """A new token; ``token`` is shown once and kept nowhere."""

    token: str
    id: str
    name: str
    user: str
    scopes: tuple[Scope, ...]
    expires_at: datetime | None


def hash_of(secret: str) -> str:
    """Return what is kept of a random secret."""
    return sha256(secret.encode()).hexdigest()


def add_person(database: Database, name: str, role: Role, books: str | None, now: datetime) -> UserId:
    """Add a person without a password; ``books`` names another whose rows they work on."""
    check_name(name)
    with database.begin() as connection:
        _refuse_taken(connection, name, but="")
        whose = None if books is None else _books_of(connection, books)
        user = UserId(name)  # an id is read by people too; nobody is ever taken out, so it stays theirs
        row = {"id": user, "name": name, "role": role, "created_at": now, "books": whose}
        connection.execute(insert(users), row)
    return user


def check_name(name: str) -> None:
    """Refuse a name that cannot be typed, read aloud or told from another."""
    plain = name.replace("-", "").replace("_", "").replace(".", "")
    if not (0 < len(name) <= NAME_MAX and plain.isascii() and plain.isalnum()):
        raise InvalidInput(
            f"{name[:NAME_MAX]!r} is no name: letters, digits, dots and dashes, at most {NAME_MAX}",
            advice="A good one: anna",
            details={"field": "name"},
        )


def set_role(database: Database, user: UserId, role: Role) -> None:
    """Give a person another role, from their next request on."""
    with database.begin() as connection:
        if role is not Role.ADMIN:
            _keep_an_admin(connection, user)
        connection.execute(update(users).where(users.c.id == user).values(role=role))


def disable(database: Database, user: UserId, now: datetime) -> None:
    """Let a person in no more; what they opened ends with it."""
    with database.begin() as connection:
        _keep_an_admin(connection, user)
        connection.execute(update(users).where(users.c.id == user).values(disabled_at=now))
        connection.execute(delete(invitations).where(invitations.c.user_id == user))
        _end_sessions(connection, user, now, but="")


def enable(database: Database, user: UserId) -> None:
    """Let a person in again."""
    with database.begin() as connection:
        connection.execute(update(users).where(users.c.id == user).values(disabled_at=None))


def invite(database: Database, user: UserId, now: datetime, *, days: int = INVITATION_DAYS) -> str:
    """Make the key of a link by which a person chooses a password; the one before it is void."""
    key = secrets.token_urlsafe(32)
    row = {"user_id": user, "key_hash": hash_of(key), "expires_at": now + timedelta(days=days)}
    with database.begin() as connection:
        connection.execute(delete(invitations).where(invitations.c.user_id == user))
        connection.execute(insert(invitations), row)
    return key


def withdraw_invitation(database: Database, user: UserId) -> None:
    """Make a person's link void."""
    with database.begin() as connection:
        connection.execute(delete(invitations).where(invitations.c.user_id == user))


def take_invitation(database: Database, user: UserId, key: str, name: str, password_hash: str, now: datetime) -> bool:
    """Set name and password by a link, once; ``False`` when it was used or is void."""
    check_name(name)
    with database.begin() as connection:
        found = connection.execute(
            delete(invitations)
            .where(invitations.c.user_id == user, invitations.c.key_hash == hash_of(key))
            .where(invitations.c.expires_at > now)
        )
        if not found.rowcount:
            return False
        _refuse_taken(connection, name, but=user)
        connection.execute(update(users).where(users.c.id == user).values(name=name, password_hash=password_hash))
        _end_sessions(connection, user, now, but="")
    return True


def set_password(database: Database, user: UserId, password_hash: str, now: datetime, *, keep: str = "") -> None:
    """Set a password and end all of the person's sessions but ``keep``."""
    with database.begin() as connection:
        connection.execute(update(users).where(users.c.id == user).values(password_hash=password_hash))
        connection.execute(delete(invitations).where(invitations.c.user_id == user))
        _end_sessions(connection, user, now, but=keep)


def open_session(database: Database, user: UserId, user_agent: str, now: datetime) -> str:
    """Open a browser's session and return its secret, which the cookie alone carries."""
    secret = secrets.token_urlsafe(32)
    row = {
        "secret_hash": hash_of(secret),
        "id": f"session-{secrets.token_hex(6)}",
        "user_id": user,
        "made_at": now,
        "seen_at": now,
        "user_agent": user_agent[:USER_AGENT_MAX],
    }
    with database.begin() as connection:
        connection.execute(insert(browser_sessions), row)
    return secret


def touch_session(database: Database, session_id: str, now: datetime) -> None:
    """Note that a session is in use; a loss of power may forget it."""
    with database.begin(durable=False) as connection:
        connection.execute(update(browser_sessions).where(browser_sessions.c.id == session_id).values(seen_at=now))


def end_session(database: Database, user: UserId, session_id: str, now: datetime) -> None:
    """End one session of a person."""
    mine = (browser_sessions.c.user_id == user) & (browser_sessions.c.id == session_id)
    with database.begin() as connection:
        if not connection.execute(update(browser_sessions).where(mine).values(revoked_at=now)).rowcount:
            raise NotFound(f"no session has the id {session_id[:40]!r}")


def make_token(
    database: Database, user: UserId, name: str, scopes: Iterable[Scope], days: int | None, now: datetime
) -> MadeToken:
    """Make a token of a person; it never may more than the person."""
    check_name(name)
    wanted = tuple(scope for scope in Scope if scope in set(scopes))
    if not wanted:
        raise InvalidInput("a token needs a scope", advice=f"Any of {', '.join(Scope)}.", details={"field": "scopes"})
    if days is not None and not 0 < days <= TOKEN_DAYS_MAX:
        raise InvalidInput(f"a token lives 1 to {TOKEN_DAYS_MAX} days", details={"field": "days"})
    token_id, secret = secrets.token_hex(8), secrets.token_urlsafe(32)
    expires_at = None if days is None else now + timedelta(days=days)
    row = {"id": token_id, "user_id": user, "name": name, "secret_hash": hash_of(secret), "scopes": wanted}
    with database.begin() as connection:
        connection.execute(insert(access_tokens), {**row, "made_at": now, "expires_at": expires_at})
        owner = connection.scalar(select(users.c.name).where(users.c.id == user))
    return MadeToken(
        token=f"{TOKEN_MARK}_{token_id}_{secret}",
        id=token_id,
        name=name,
        user=str(owner),
        scopes=wanted,
        expires_at=expires_at,
    )


def revoke_token(database: Database, token_id: str, now: datetime, *, user: UserId | None = None) -> None:
    """Make a token void; ``user`` says whose it must be."""
    meant = access_tokens.c.id == token_id
    if user is not None:
        meant &= access_tokens.c.user_id == user
    with database.begin() as connection:
        if not connection.execute(update(access_tokens).where(meant).values(revoked_at=now)).rowcount:
            raise NotFound(f"no token has the id {token_id[:40]!r}", advice="`thetaloom token list` shows them.")


def set_preferences(database: Database, user: UserId, *, theme: Theme, zone: str, is_private: bool) -> None:
    """Keep how a person wants the pages."""
    row = {"user_id": user, "theme": theme, "zone": zone, "is_private": is_private}
    with database.begin() as connection:
        connection.execute(delete(preferences).where(preferences.c.user_id == user))
        connection.execute(insert(preferences), row)


def _refuse_taken(connection: Connection, name: str, *, but: str) -> None:
    # an id is as good as a name to those who administer, so nobody may take another's
    taken = (func.lower(users.c.name) == name.lower()) | (func.lower(users.c.id) == name.lower())
    if connection.scalar(select(users.c.id).where(taken, users.c.id != but)) is not None:
        raise NotAllowed("name_taken", f"somebody is called {name} already", advice="Choose another name.")


def _books_of(connection: Connection, name: str) -> str:
    found = connection.execute(select(users.c.id, users.c.books).where((users.c.name == name) | (users.c.id == name)))
    row = found.first()
    if row is None:
        raise NotFound(f"nobody is called {name!r}", advice="`thetaloom user list` shows who is there.")
    return str(row.books or row.id)


def _end_sessions(connection: Connection, user: UserId, now: datetime, *, but: str) -> None:
    open_ones = (browser_sessions.c.user_id == user) & browser_sessions.c.revoked_at.is_(None)
    ended = update(browser_sessions).where(open_ones, browser_sessions.c.id != but)
    connection.execute(ended.values(revoked_at=now))


def _keep_an_admin(connection: Connection, user: UserId) -> None:
    others = select(users.c.id).where(users.c.role == Role.ADMIN, users.c.disabled_at.is_(None), users.c.id != user)
    if connection.execute(others.limit(1)).first() is None:
        raise NotAllowed(
            "last_admin", "nobody would be left to administer", advice="Make somebody else an admin before."
        )
