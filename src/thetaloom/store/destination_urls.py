"""Where messages go: addresses hold passwords and tokens, so each is a file of the owner's alone, never a row."""

from pathlib import Path
from urllib.parse import quote

from thetaloom.domain.run.notifications import check_destination_name
from thetaloom.domain.values.ids import UserId
from thetaloom.errors import InvalidInput
from thetaloom.store.secret_files import read_secret, write_secret

FOLDER = "notify-secrets"
URL_LENGTH_MAX = 2000


class DestinationUrls:
    """A folder with one file a destination."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def get(self, user: UserId, destination: str) -> str | None:
        """Return the address of a destination; ``None`` when it has none."""
        return read_secret(self._path(user, destination), destination)

    def put(self, user: UserId, destination: str, url: str) -> None:
        """Write an address in the place of the one before."""
        if not 0 < len(url) <= URL_LENGTH_MAX or not url.isprintable():
            raise InvalidInput(f"an address has 1 to {URL_LENGTH_MAX} printable signs")
        write_secret(self._path(user, destination), url)

    def remove(self, user: UserId, destination: str) -> None:
        """Forget an address."""
        self._path(user, destination).unlink(missing_ok=True)

    def _path(self, user: UserId, destination: str) -> Path:
        return self.folder / quote(user, safe="") / f"{check_destination_name(destination)}.url"
