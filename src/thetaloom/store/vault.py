"""What is kept encrypted: the credentials of brokers and the second factors of people, under keys that can change.

The keys lie in a file of the owner's alone beside the database, never in it, or are given by the environment. The
first key encrypts, every key decrypts. A rotation writes the new key beside the old ones before it encrypts anything
with it, and drops the old ones only after all rows are committed: wherever it is cut off, every row can be read.
"""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from sqlalchemy import ColumnElement, Connection, Table, delete, insert, select, update

from thetaloom.errors import ConfigError, InvalidInput, NotFound
from thetaloom.store.database import Database
from thetaloom.store.people_tables import credentials, second_factors
from thetaloom.store.secret_files import read_secret, write_secret

FOLDER = "keys"
FILE = "secrets.key"
SECRET_LENGTH_MAX = 20_000  # a private key in PEM is well below
NAME_LENGTH_MAX = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """That there is a credential; never what it is."""

    user_id: str
    broker: str
    name: str
    saved_at: datetime


class Vault:
    """Encrypts and decrypts under the keys of one home; ``given`` are keys of the environment, the newest first."""

    def __init__(self, home: Path, given: str | None) -> None:
        self._folder = home / FOLDER
        self._given = given

    def seal(self, secret: str, *belongs_to: str) -> str:
        """Encrypt what belongs to a row; in another row it cannot be opened."""
        plain = json.dumps([secret, *belongs_to]).encode()
        return _fernet(self._keys()).encrypt(plain).decode()

    def open(self, ciphertext: str, *belongs_to: str) -> str:
        """Decrypt. Raises ``ConfigError`` without the key, or for what was put into another row."""
        try:
            secret, *told = json.loads(_fernet(self._keys()).decrypt(ciphertext.encode()))
        except InvalidToken:
            raise ConfigError(
                f"no key in {self._folder} opens this secret",
                advice="Bring the key file back, or set the secret anew: `thetaloom secret set BROKER NAME`.",
            ) from None
        if told != list(belongs_to):
            raise ConfigError("this secret was put into a row that it does not belong to")
        return str(secret)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep every other process from writing a secret while keys change."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with os.fdopen(os.open(self._folder / "lock", os.O_RDWR | os.O_CREAT, 0o600), "w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def rotate(self, database: Database) -> int:
        """Encrypt every row under a new key and drop the old ones; return how many rows there were."""
        with self.locked():
            old = self._keys()
            if self._given is None:
                new = Fernet.generate_key().decode()
                self._write([new, *old])
                fernet = _fernet([new, *old])
            else:
                new, fernet = "", _fernet(old)
            with database.begin() as connection:
                count = sum(_rotate(connection, table, fernet) for table in (credentials, second_factors))
            if new:
                self._write([new])
        return count

    def _keys(self) -> list[str]:
        if self._given is not None:
            return [key.strip() for key in self._given.split(",") if key.strip()]
        kept = read_secret(self._folder / FILE, "the stored credentials")
        if kept is None:
            kept = Fernet.generate_key().decode()
            self._write([kept])
        return kept.split()

    def _write(self, keys: list[str]) -> None:
        write_secret(self._folder / FILE, "\n".join(keys))


def put_credential(
    database: Database, vault: Vault, user: str, broker: str, name: str, secret: str, now: datetime
) -> None:
    """Keep a credential in the place of the one before."""
    for word in (broker, name):
        if not (0 < len(word) <= NAME_LENGTH_MAX and word.replace("-", "").replace("_", "").isalnum()):
            raise InvalidInput(f"{word[:NAME_LENGTH_MAX]!r} is no name; a good one: client-secret")
    if not 0 < len(secret) <= SECRET_LENGTH_MAX or "\x00" in secret:
        raise InvalidInput(f"a secret has 1 to {SECRET_LENGTH_MAX} signs", advice="Send it on standard input.")
    with vault.locked():
        row = {"user_id": user, "broker": broker, "name": name, "saved_at": now}
        sealed = vault.seal(secret, user, broker, name)
        with database.begin() as connection:
            connection.execute(delete(credentials).where(*_row(user, broker, name)))
            connection.execute(insert(credentials), {**row, "ciphertext": sealed})


def read_credential(database: Database, vault: Vault, user: str, broker: str, name: str) -> str | None:
    """Return a credential for the adapter that needs it; ``None`` where there is none. The only way to one."""
    sealed = database.first(select(credentials.c.ciphertext).where(*_row(user, broker, name)))
    return None if sealed is None else vault.open(sealed, user, broker, name)


def remove_credential(database: Database, user: str, broker: str, name: str) -> None:
    """Take a credential away. Raises ``NotFound``."""
    with database.begin() as connection:
        if not connection.execute(delete(credentials).where(*_row(user, broker, name))).rowcount:
            raise NotFound(f"{broker} has no secret {name!r} here", advice="`thetaloom secret list` shows them.")


def list_credentials(database: Database, user: str) -> tuple[Credential, ...]:
    """Return which credentials a person has, never what they are."""
    wanted = select(credentials).where(credentials.c.user_id == user)
    with database.connect() as connection:
        rows = connection.execute(wanted.order_by(credentials.c.broker, credentials.c.name)).all()
    return tuple(
        Credential(user_id=row.user_id, broker=row.broker, name=row.name, saved_at=row.saved_at) for row in rows
    )


def _row(user: str, broker: str, name: str) -> tuple[ColumnElement[bool], ...]:
    return credentials.c.user_id == user, credentials.c.broker == broker, credentials.c.name == name


def _rotate(connection: Connection, table: Table, fernet: MultiFernet) -> int:
    keys = list(table.primary_key.columns)
    rows = connection.execute(select(table)).all()
    for row in rows:
        mine = [key == row._mapping[key.name] for key in keys]
        try:
            renewed = fernet.rotate(row.ciphertext.encode()).decode()
        except InvalidToken:
            raise ConfigError(
                f"a row of {table.name} cannot be opened by any key, so nothing was rotated",
                advice="Bring the old key back, or remove that secret: `thetaloom secret list`.",
            ) from None
        connection.execute(update(table).where(*mine).values(ciphertext=renewed))
    return len(rows)


def _fernet(keys: list[str]) -> MultiFernet:
    try:
        return MultiFernet([Fernet(key) for key in keys])
    except ValueError as error:
        raise ConfigError(
            "a key for secrets is malformed: 32 random bytes in URL-safe base64 are wanted",
            advice="Is THETALOOM_SECRET_KEYS, or the key file, as it was written?",
        ) from error
