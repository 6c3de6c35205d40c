"""Passwords: what a good one is, and argon2id over it. An unknown name costs the same time as a known one."""

from threading import BoundedSemaphore

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from thetaloom.errors import InvalidInput

LENGTH_MIN = 10
LENGTH_MAX = 200
_HASHER = PasswordHasher(time_cost=3, memory_cost=32 * 1024, parallelism=1)
# Of the same cost as the others; nobody has it.
_NOBODY = "$argon2id$v=19$m=32768,t=3,p=1$qapp6LEwf9uM/IT5APAcgQ$XR6Am4WPZDY08VvF/O4pQ8qMUMWVX5zIl8mIwuGl6xE"
_TURNS = BoundedSemaphore(2)  # each takes 32 MB and a core


def check_password(password: str, again: str, name: str) -> None:
    """Refuse a password that is too short, is the name, or was typed in two ways."""
    if not LENGTH_MIN <= len(password) <= LENGTH_MAX:
        raise InvalidInput(
            f"a password has {LENGTH_MIN} to {LENGTH_MAX} signs; this one has {len(password)}",
            advice="A few words that have nothing to do with each other are long and easy to remember.",
            details={"field": "password"},
        )
    if password.casefold() == name.casefold():
        raise InvalidInput("the password is the name", details={"field": "password"})
    if password != again:
        raise InvalidInput("the two passwords are not the same", details={"field": "again"})


def hash_password(password: str) -> str:
    """Return what is kept of a password."""
    with _TURNS:
        return _HASHER.hash(password)


def is_password(kept: str | None, password: str) -> bool:
    """Whether this is the password; without one the same work is done for nothing."""
    if len(password) > LENGTH_MAX:
        return False
    with _TURNS:
        try:
            return _HASHER.verify(kept or _NOBODY, password) and kept is not None
        except (VerificationError, InvalidHashError):
            return False
