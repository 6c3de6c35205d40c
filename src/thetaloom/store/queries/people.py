"""Who is behind a session or a token, and who there is."""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Row, Select, func, select

from thetaloom.domain.values.ids import UserId
from thetaloom.domain.values.people import Person, Role, Scope, Theme
from thetaloom.errors import NotFound
from thetaloom.store.database import Database
from thetaloom.store.people import TOKEN_MARK, hash_of
from thetaloom.store.people_tables import access_tokens, browser_sessions, invitations, preferences, users

SESSION_IDLE = timedelta(hours=12)
SESSION_LIFE = timedelta(days=30)
SECRET_PARTS = 3
SECRET_LENGTH_MAX = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Met:
    """A person by their session, and when it was used before."""

    person: Person
    seen_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """What a person is let in by."""

    id: UserId
    name: str
    password_hash: str | None
    is_disabled: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A person as those see them who administer."""

    id: UserId
    name: str
    role: Role
    books: str  # the name of the person whose rows they work on
    has_password: bool
    is_disabled: bool
    is_invited: bool
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenSession:
    """A session that stands."""

    id: str
    made_at: datetime
    seen_at: datetime
    user_agent: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenEntry:
    """A token without its secret."""

    id: str
    user: str
    name: str
    scopes: tuple[Scope, ...]
    made_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None


def person_of_session(database: Database, secret: str, now: datetime) -> Met | None:
    """Return whose session this is; ``None`` when it is over or never was."""
    if not 0 < len(secret) <= SECRET_LENGTH_MAX:
        return None
    wanted = _people(browser_sessions.c.id.label("session_id"), browser_sessions.c.seen_at)
    wanted = wanted.join(browser_sessions, browser_sessions.c.user_id == users.c.id).where(
        browser_sessions.c.secret_hash == hash_of(secret),
        browser_sessions.c.revoked_at.is_(None),
        browser_sessions.c.seen_at > now - SESSION_IDLE,
        browser_sessions.c.made_at > now - SESSION_LIFE,
    )
    with database.connect() as connection:
        row = connection.execute(wanted).first()
    return None if row is None else Met(person=_person(row, session_id=row.session_id), seen_at=row.seen_at)


def person_of_token(database: Database, token: str, now: datetime) -> Person | None:
    """Return whose token this is; ``None`` when it is void or never was."""
    parts = token.split("_", SECRET_PARTS - 1)
    if len(token) > SECRET_LENGTH_MAX or len(parts) != SECRET_PARTS or parts[0] != TOKEN_MARK:
        return None
    columns = access_tokens.c
    wanted = _people(columns.secret_hash, columns.scopes, columns.expires_at)
    wanted = wanted.join(access_tokens, columns.user_id == users.c.id)
    with database.connect() as connection:
        row = connection.execute(wanted.where(columns.id == parts[1], columns.revoked_at.is_(None))).first()
    if row is None or not hmac.compare_digest(row.secret_hash, hash_of(parts[2])):
        return None
    if row.expires_at is not None and row.expires_at <= now:
        return None
    return _person(row, token_id=parts[1], scopes=frozenset(row.scopes))


def person_of_id(database: Database, user: UserId) -> Person:
    """Return a person as they stand now. Raises ``NotFound``."""
    with database.connect() as connection:
        row = connection.execute(_people().where(users.c.id == user)).first()
    if row is None:
        raise NotFound(f"nobody has the id {user!r}")
    return _person(row)


def login_of(database: Database, name: str) -> Login | None:
    """Return what the person of this name is let in by."""
    with database.connect() as connection:
        row = connection.execute(select(users).where(func.lower(users.c.name) == name.lower())).first()
    if row is None:
        return None
    return Login(
        id=UserId(row.id), name=row.name, password_hash=row.password_hash, is_disabled=row.disabled_at is not None
    )


def invited_by(database: Database, key: str, now: datetime) -> Login | None:
    """Return whom a link is for; ``None`` when it is void."""
    wanted = select(users, invitations.c.key_hash).join(invitations, invitations.c.user_id == users.c.id)
    digest = hash_of(key)
    with database.connect() as connection:
        rows = connection.execute(wanted.where(invitations.c.expires_at > now, users.c.disabled_at.is_(None))).all()
    found = [row for row in rows if hmac.compare_digest(row.key_hash, digest)]
    if not found:
        return None
    row = found[0]
    return Login(id=UserId(row.id), name=row.name, password_hash=row.password_hash, is_disabled=False)


def user_named(database: Database, name: str) -> UserId:
    """Return the id of a person by name or id. Raises ``NotFound``."""
    found = database.first(select(users.c.id).where((users.c.name == name) | (users.c.id == name)))
    if found is None:
        raise NotFound(f"nobody is called {name[:40]!r}", advice="`thetaloom user list` shows who is there.")
    return UserId(found)


def has_password(database: Database, user: UserId) -> bool:
    """Whether this person ever chose a password."""
    return database.first(select(users.c.password_hash).where(users.c.id == user)) is not None


def names_of(database: Database) -> Mapping[str, str]:
    """Return everybody's name by id."""
    with database.connect() as connection:
        rows = connection.execute(select(users.c.id, users.c.name)).all()
    return {row.id: row.name for row in rows}


def list_people(database: Database) -> tuple[Account, ...]:
    """Return everybody, oldest first."""
    with database.connect() as connection:
        rows = connection.execute(select(users).order_by(users.c.created_at, users.c.id)).all()
        invited = set(connection.scalars(select(invitations.c.user_id)))
    names = {row.id: row.name for row in rows}
    return tuple(
        Account(
            id=UserId(row.id),
            name=row.name,
            role=row.role,
            books=names.get(row.books or row.id, ""),
            has_password=row.password_hash is not None,
            is_disabled=row.disabled_at is not None,
            is_invited=row.id in invited,
            created_at=row.created_at,
        )
        for row in rows
    )


def sessions_of(database: Database, user: UserId, now: datetime) -> tuple[OpenSession, ...]:
    """Return a person's sessions that stand, the newest first."""
    columns = browser_sessions.c
    standing = (
        columns.revoked_at.is_(None),
        columns.seen_at > now - SESSION_IDLE,
        columns.made_at > now - SESSION_LIFE,
    )
    wanted = select(browser_sessions).where(columns.user_id == user, *standing).order_by(columns.seen_at.desc())
    with database.connect() as connection:
        return tuple(
            OpenSession(id=row.id, made_at=row.made_at, seen_at=row.seen_at, user_agent=row.user_agent)
            for row in connection.execute(wanted)
        )


def list_tokens(database: Database, user: UserId | None = None) -> tuple[TokenEntry, ...]:
    """Return tokens, of one person or of all, the newest first."""
    columns = access_tokens.c
    wanted = select(access_tokens, users.c.name.label("owner")).join(users, users.c.id == columns.user_id)
    if user is not None:
        wanted = wanted.where(columns.user_id == user)
    with database.connect() as connection:
        rows = connection.execute(wanted.order_by(columns.made_at.desc(), columns.id)).all()
    return tuple(
        TokenEntry(
            id=row.id,
            user=row.owner,
            name=row.name,
            scopes=row.scopes,
            made_at=row.made_at,
            expires_at=row.expires_at,
            revoked_at=row.revoked_at,
        )
        for row in rows
    )


def _people(*more: object) -> Select[tuple[object, ...]]:
    columns = (users.c.id, users.c.name, users.c.role, users.c.books)
    wished = (preferences.c.theme, preferences.c.zone, preferences.c.is_private)
    wanted: Select[tuple[object, ...]] = select(*columns, *wished, *more)
    joined = wanted.select_from(users).outerjoin(preferences, preferences.c.user_id == users.c.id)
    return joined.where(users.c.disabled_at.is_(None))


def _person(
    row: Row[tuple[object, ...]],
    *,
    session_id: str = "",
    token_id: str = "",
    scopes: frozenset[Scope] | None = None,
) -> Person:
    return Person(
        id=UserId(row.id),
        name=row.name,
        role=row.role,
        books=UserId(row.books or row.id),
        scopes=scopes,
        token_id=token_id,
        session_id=session_id,
        theme=row.theme or Theme.DARK,
        zone=row.zone or "",
        is_private=bool(row.is_private),
    )
