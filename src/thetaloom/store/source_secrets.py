"""The shared secrets of signal sources: files of the owner's alone, never rows, so that no backup or page holds one."""

import os
from pathlib import Path

from thetaloom.domain.run.signal_sources import NAME, SECRET_LENGTH_MAX, SECRET_LENGTH_MIN
from thetaloom.errors import InvalidInput, NotFound, StoreUnavailable

FOLDER = "webhook-secrets"


class SourceSecrets:
    """A folder with one file a source."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def get(self, source: str) -> str | None:
        """Return a source's secret; ``None`` when it has none."""
        try:
            return self._path(source).read_text("utf-8").strip() or None
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StoreUnavailable(f"the secret of {source} cannot be read: {error.strerror}") from error

    def put(self, source: str, secret: str) -> None:
        """Write a secret in the place of the one before; it is whole or it is not there."""
        if not SECRET_LENGTH_MIN <= len(secret) <= SECRET_LENGTH_MAX or not secret.isprintable() or " " in secret:
            raise InvalidInput(
                f"a secret has {SECRET_LENGTH_MIN} to {SECRET_LENGTH_MAX} signs without spaces",
                advice="Leave --secret out, and one is made.",
            )
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = self._path(source)
        new = path.with_suffix(".new")
        new.unlink(missing_ok=True)
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(secret)
        new.replace(path)

    def _path(self, source: str) -> Path:
        if NAME.fullmatch(source) is None:
            raise NotFound(f"no source is called {source[:40]!r}")
        return self.folder / f"{source}.secret"
