"""The one table from the errors of the database drivers to ours."""

from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import DBAPIError, IntegrityError

from thetaloom.errors import InvalidInput, InvariantError, StoreDamaged, StoreUnavailable, ThetaloomError

_FREE_SPACE = "Free space on the disk; then try again."
_BACKUP = "Put the file aside and bring back a backup with `thetaloom db restore`."

# SQLite's extended names start with the plain ones; PostgreSQL's codes with two characters of their class.
_UNAVAILABLE = {
    "SQLITE_FULL": ("the disk of the database is full", _FREE_SPACE),
    "SQLITE_READONLY": ("the database may only be read", "Check who owns the file and its folder."),
    "SQLITE_CANTOPEN": ("the database file cannot be opened", "Check that its folder exists and may be written."),
    "SQLITE_PERM": ("the database file may not be opened", "Check who owns the file and its folder."),
    "SQLITE_BUSY": ("another program holds the database", "See which one has the file open."),
    "SQLITE_LOCKED": ("another program holds the database", "See which one has the file open."),
    "SQLITE_IOERR": ("the disk of the database fails", "Check the disk; look at the system's log."),
    "53": ("PostgreSQL lacks disk, memory or connections", _FREE_SPACE),
    "25006": ("the database may only be read", "Connect to the primary server."),
    "40": ("two transactions were in each other's way", "Try again."),
    "57": ("PostgreSQL is shutting down or canceled the statement", "Try again when it is up."),
    "08": ("PostgreSQL does not answer", "Check that the server runs and the address is right."),
    "28": ("PostgreSQL refused the login", "Check user and password in the address of the database."),
    "3D000": ("PostgreSQL has no such database", "Create it with createdb."),
}
_DAMAGED = ("SQLITE_CORRUPT", "SQLITE_NOTADB", "XX001", "XX002")


def translate(context: ExceptionContext) -> None:
    """Raise our error in place of the driver's; what has no place in the table is a fault of ours and stays."""
    error = context.sqlalchemy_exception
    found = named(context.original_exception, isinstance(error, IntegrityError))
    if found is None and isinstance(error, DBAPIError) and error.connection_invalidated:
        found = _unavailable("08", context.original_exception)
    if found is not None:
        raise found from context.original_exception


def named(error: BaseException, is_conflict: bool = False) -> ThetaloomError | None:
    """Return our error for one of a driver; ``None`` when the table has none."""
    if is_conflict:
        return InvariantError(f"the database refuses what contradicts its other rows: {_words(error)}")
    code = getattr(error, "sqlite_errorname", None) or getattr(error, "sqlstate", None) or ""
    if code.startswith(_DAMAGED):
        return StoreDamaged(f"the database is damaged: {_words(error)}", advice=_BACKUP)
    for start in _UNAVAILABLE:
        if code.startswith(start):
            return _unavailable(start, error)
    if not code and "NUL (0x00)" in str(error):  # PostgreSQL keeps every other character
        return InvalidInput("a text holds a NUL character, which no name and no note has")
    if not code and type(error).__module__.startswith("psycopg") and type(error).__name__ == "OperationalError":
        return _unavailable("08", error)
    return None


def _unavailable(start: str, error: BaseException) -> StoreUnavailable:
    what, advice = _UNAVAILABLE[start]
    return StoreUnavailable(f"{what}: {_words(error)}", advice=advice)


def _words(error: BaseException) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
