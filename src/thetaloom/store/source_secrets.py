"""The shared secrets of signal sources: files of the owner's alone, never rows, so that no backup or page holds one."""

from pathlib import Path

from thetaloom.domain.run.signal_sources import NAME, SECRET_LENGTH_MAX, SECRET_LENGTH_MIN
from thetaloom.errors import InvalidInput, NotFound
from thetaloom.store.secret_files import read_secret, write_secret

FOLDER = "webhook-secrets"


class SourceSecrets:
    """A folder with one file a source."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def get(self, source: str) -> str | None:
        """Return a source's secret; ``None`` when it has none."""
        return read_secret(self._path(source), source)

    def put(self, source: str, secret: str) -> None:
        """Write a secret in the place of the one before; it is whole or it is not there."""
        if not SECRET_LENGTH_MIN <= len(secret) <= SECRET_LENGTH_MAX or not secret.isprintable() or " " in secret:
            raise InvalidInput(
                f"a secret has {SECRET_LENGTH_MIN} to {SECRET_LENGTH_MAX} signs without spaces",
                advice="Leave --secret out, and one is made.",
            )
        write_secret(self._path(source), secret)

    def _path(self, source: str) -> Path:
        if NAME.fullmatch(source) is None:
            raise NotFound(f"no source is called {source[:40]!r}")
        return self.folder / f"{source}.secret"
