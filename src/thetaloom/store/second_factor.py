"""The second factor of a person: codes that change every half minute, and eight that work once, for a lost phone."""

import secrets
from datetime import datetime

import pyotp
from sqlalchemy import delete, insert, select, update

from thetaloom.domain.values.ids import UserId
from thetaloom.store.database import Database
from thetaloom.store.people import hash_of
from thetaloom.store.people_tables import recovery_codes, second_factors
from thetaloom.store.vault import Vault

STEP_SECONDS = 30
RECOVERY_CODES = 8
ISSUER = "Thetaloom"
ROW = "second-factor"


def begin_second_factor(database: Database, vault: Vault, user: UserId) -> str:
    """Make a secret for an authenticator; it counts for nothing until a code confirms it."""
    secret = pyotp.random_base32()
    with vault.locked():
        row = {"user_id": user, "ciphertext": vault.seal(secret, user, ROW), "last_step": 0}
        with database.begin() as connection:
            connection.execute(delete(second_factors).where(second_factors.c.user_id == user))
            connection.execute(delete(recovery_codes).where(recovery_codes.c.user_id == user))
            connection.execute(insert(second_factors), row)
    return secret


def address_of(secret: str, name: str) -> str:
    """Return what the picture for an authenticator says."""
    return pyotp.TOTP(secret).provisioning_uri(name=name, issuer_name=ISSUER)


def confirm_second_factor(
    database: Database, vault: Vault, user: UserId, code: str, now: datetime
) -> tuple[str, ...] | None:
    """Switch it on by a code and return the recovery codes, which are shown once; ``None`` for a wrong code."""
    if not _is_code(database, vault, user, code, now):
        return None
    codes = tuple(f"{secrets.token_hex(3)}-{secrets.token_hex(3)}" for _ in range(RECOVERY_CODES))
    with database.begin() as connection:
        mine = second_factors.c.user_id == user
        connection.execute(update(second_factors).where(mine).values(confirmed_at=now))
        connection.execute(delete(recovery_codes).where(recovery_codes.c.user_id == user))
        connection.execute(insert(recovery_codes), [{"user_id": user, "code_hash": hash_of(code)} for code in codes])
    return codes


def has_second_factor(database: Database, user: UserId) -> bool:
    """Whether a person must show a code to sign in."""
    return database.first(select(second_factors.c.confirmed_at).where(second_factors.c.user_id == user)) is not None


def passes(database: Database, vault: Vault, user: UserId, code: str, now: datetime) -> bool:
    """Whether a person is let in by this code; without a second factor by none. No code is taken twice."""
    if not has_second_factor(database, user):
        return True
    return _is_code(database, vault, user, code, now) or _is_recovery(database, user, code, now)


def remove_second_factor(database: Database, user: UserId) -> None:
    """Switch it off."""
    with database.begin() as connection:
        connection.execute(delete(second_factors).where(second_factors.c.user_id == user))
        connection.execute(delete(recovery_codes).where(recovery_codes.c.user_id == user))


def _is_code(database: Database, vault: Vault, user: UserId, code: str, now: datetime) -> bool:
    sealed = database.first(select(second_factors.c.ciphertext).where(second_factors.c.user_id == user))
    if sealed is None:
        return False
    made, given = pyotp.TOTP(vault.open(sealed, user, ROW)), code.replace(" ", "")
    step = int(now.timestamp()) // STEP_SECONDS
    matching = [
        each
        for each in (step - 1, step, step + 1)
        if secrets.compare_digest(made.at(each * STEP_SECONDS).encode(), given.encode())
    ]
    if not matching:
        return False
    newest = max(matching)
    taken = second_factors.c.user_id == user, second_factors.c.last_step < newest
    with database.begin() as connection:
        return bool(connection.execute(update(second_factors).where(*taken).values(last_step=newest)).rowcount)


def _is_recovery(database: Database, user: UserId, code: str, now: datetime) -> bool:
    mine = recovery_codes.c.user_id == user, recovery_codes.c.code_hash == hash_of(code.strip().lower())
    unused = update(recovery_codes).where(*mine, recovery_codes.c.used_at.is_(None)).values(used_at=now)
    with database.begin() as connection:
        return bool(connection.execute(unused).rowcount)
