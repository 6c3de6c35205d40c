"""Secrets as files of their owner's alone: whole or not there, and never readable by anybody else."""

import os
from pathlib import Path

from thetaloom.errors import StoreUnavailable


def read_secret(path: Path, what: str) -> str | None:
    """Return what a file holds; ``None`` without one. Raises ``StoreUnavailable``, which names ``what``."""
    try:
        return path.read_text("utf-8").strip() or None
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StoreUnavailable(f"the secret of {what} cannot be read: {error.strerror}") from error


def write_secret(path: Path, secret: str) -> None:
    """Write a secret in the place of the one before."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    new = path.with_suffix(".new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(secret)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
