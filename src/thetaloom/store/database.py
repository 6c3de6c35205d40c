"""A database: one writer and many readers on SQLite, plain transactions on PostgreSQL.

SQLite runs with a write-ahead log, so that readers never wait for the writer, and with ``synchronous=FULL`` on the
writing connection: a commit that was acknowledged survives a loss of power. One flush per commit is the price;
``tests/store/test_speed.py`` measures it. Only who may lose his last words to a loss of power (a lease is no fact)
says so, and leaves the flush to the next commit; the death of a process loses nothing either way.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import URL, Connection, Engine, Executable, create_engine, event, exc, make_url
from sqlalchemy.pool import QueuePool

from thetaloom.errors import ConfigError, InvariantError, StoreUnavailable
from thetaloom.store.foreign_errors import translate

BUSY_TIMEOUT_SECONDS = 30
READERS_MAX = 8
IS_DURABLE = "thetaloom_is_durable"  # an execution option; what a connection's commits are set to stands in its info
CommitHook = Callable[[Literal["before", "after"]], None]


class Transaction:
    """A writing transaction; what was not committed when its block ends is undone."""

    def __init__(self, connection: Connection, on_commit: CommitHook | None, told: Callable[[], None]) -> None:
        self.connection = connection
        self._on_commit = on_commit
        self._told = told
        self._then: list[Callable[[], None]] = []

    def commit(self) -> None:
        """Make everything so far durable, then do what was to be done after it."""
        if self._on_commit is not None:
            self._on_commit("before")
        self.connection.commit()
        if self._on_commit is not None:
            self._on_commit("after")
        then, self._then = self._then, []
        for call in then:
            call()
        self._told()

    def after_commit(self, call: Callable[[], None]) -> None:
        """Do ``call`` once this is durable; an undone transaction never does it."""
        self._then.append(call)


class Database:
    """Connections to one database; ``on_commit`` is called right before and right after every writing commit."""

    def __init__(self, url: URL, on_commit: CommitHook | None = None) -> None:
        self.url = url
        self.is_sqlite = url.get_backend_name() == "sqlite"
        self.on_commit = on_commit
        self._mine = threading.local()
        self._readers: tuple[Callable[[], None], ...] = ()
        if self.is_sqlite:
            self._writing = _sqlite_engine(url, _begin_writing, _prepare_writer, size=1)
            self._reading = _sqlite_engine(url, _begin_reading, _prepare_reader, size=READERS_MAX)
            self._turn = _turn_of(self.path)
        else:
            self._writing = create_engine(url, pool_size=READERS_MAX, pool_pre_ping=True)
            event.listen(self._writing, "handle_error", translate)
            event.listen(self._writing, "begin", _begin_on_postgres)
            self._reading = self._writing.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)

    @property
    def path(self) -> Path:
        """The file of an SQLite database."""
        if not self.is_sqlite or not self.url.database:
            raise ConfigError("this is only possible with a database in an SQLite file")
        return Path(self.url.database)

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        """Open a reading transaction: one snapshot that waits for nobody and that nobody waits for."""
        with _connected(self._reading) as connection:
            yield connection

    @contextmanager
    def transaction(self, *, durable: bool = True) -> Iterator[Transaction]:
        """Open a writing transaction; on SQLite only one at a time is open in the whole process.

        One that is not ``durable`` may be lost with the power, whole, until the next durable commit.
        """
        if self._open() is not None:
            raise InvariantError("this thread has a writing transaction open already; join it with begin()")
        with self._turn_to_write(), _connected(self._writing) as connection:
            if not durable:
                connection.execution_options(**{IS_DURABLE: False})
            self._mine.transaction = Transaction(connection, self.on_commit, self._tell)
            try:
                connection.begin()
                yield self._mine.transaction
            finally:
                self._mine.transaction = None

    @contextmanager
    def begin(self, *, durable: bool = True) -> Iterator[Connection]:
        """Join the writing transaction of this thread, or open one that commits when the block ends well."""
        joined = self._open()
        if joined is not None:
            yield joined.connection
            return
        with self.transaction(durable=durable) as transaction:
            yield transaction.connection
            transaction.commit()

    def after_commit(self, call: Callable[[], None]) -> None:
        """Do ``call`` when this thread's writing transaction is durable; at once when none is open."""
        joined = self._open()
        if joined is None:
            call()
        else:
            joined.after_commit(call)

    def on_write(self, call: Callable[[], None]) -> Callable[[], None]:
        """Have ``call`` called after every commit of this process, from its thread; return what ends that."""
        self._readers = (*self._readers, call)

        def unhook() -> None:
            self._readers = tuple(one for one in self._readers if one is not call)

        return unhook

    def first(self, select: Executable) -> Any:
        """Return the first column of the first row, or ``None``."""
        with self.connect() as connection:
            return connection.scalar(select)

    def close(self) -> None:
        """Give all connections back."""
        self._writing.dispose()
        self._reading.dispose()

    def _tell(self) -> None:
        for call in self._readers:
            call()

    def _open(self) -> Transaction | None:
        return getattr(self._mine, "transaction", None)

    @contextmanager
    def _turn_to_write(self) -> Iterator[None]:
        if not self.is_sqlite:
            yield
            return
        if not self._turn.acquire(timeout=BUSY_TIMEOUT_SECONDS):
            raise StoreUnavailable(f"the database {self.path} was busy for {BUSY_TIMEOUT_SECONDS} s")
        try:
            yield
        finally:
            self._turn.release()


def open_database(where: str | Path, on_commit: CommitHook | None = None) -> Database:
    """Open the database at ``where``: an SQLite file, or an URL of SQLite or PostgreSQL. Nothing is connected yet."""
    try:
        url = URL.create("sqlite", database=str(where)) if isinstance(where, Path) else make_url(where)
    except exc.ArgumentError as error:
        raise ConfigError(
            f"{where!r} is no address of a database",
            advice="Write sqlite:///path/to/thetaloom.db or postgresql://user@host/name.",
        ) from error
    if url.get_backend_name() not in ("sqlite", "postgresql"):
        raise ConfigError(f"{url.get_backend_name()} is not supported; SQLite and PostgreSQL are")
    if url.get_backend_name() == "sqlite" and url.database in (None, "", ":memory:"):
        raise ConfigError("a database in memory would lose what happened; name a file")
    return Database(url, on_commit)


def _connected(engine: Engine) -> Connection:
    try:
        return engine.connect()
    except exc.TimeoutError as error:
        raise StoreUnavailable("all connections to the database are in use", advice="Try again.") from error


_turns: dict[Path, threading.Lock] = {}


def _turn_of(path: Path) -> threading.Lock:
    # setdefault is atomic: two threads that open one file get one lock
    return _turns.setdefault(path.resolve(), threading.Lock())


def _sqlite_engine(
    url: URL, begin: Callable[[Connection], None], prepare: Callable[[Any, Any], None], size: int
) -> Engine:
    engine = create_engine(
        url,
        poolclass=QueuePool,
        pool_size=size,
        max_overflow=0,
        pool_timeout=BUSY_TIMEOUT_SECONDS,
        connect_args={"timeout": BUSY_TIMEOUT_SECONDS, "check_same_thread": False, "isolation_level": None},
    )
    event.listen(engine, "connect", prepare)
    event.listen(engine, "begin", begin)
    event.listen(engine, "handle_error", translate)
    return engine


def _begin_writing(connection: Connection) -> None:
    is_durable = connection.get_execution_options().get(IS_DURABLE, True)
    if connection.info.get(IS_DURABLE, True) is not is_durable:
        connection.exec_driver_sql(f"PRAGMA synchronous={'FULL' if is_durable else 'NORMAL'}")  # not within a BEGIN
        connection.info[IS_DURABLE] = is_durable
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _begin_reading(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")


def _begin_on_postgres(connection: Connection) -> None:
    if not connection.get_execution_options().get(IS_DURABLE, True):
        connection.exec_driver_sql("SET LOCAL synchronous_commit = off")


def _prepare_writer(connection: Any, _record: Any) -> None:
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA foreign_keys=ON")


def _prepare_reader(connection: Any, _record: Any) -> None:
    connection.execute("PRAGMA query_only=ON")
