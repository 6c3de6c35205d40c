"""How commands reach the platform: reading asks the database alone, changing goes through the engine."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from thetaloom.config import Settings, load_settings
from thetaloom.domain.values.ids import UserId
from thetaloom.engine.commands import Command
from thetaloom.errors import InvariantError
from thetaloom.store.database import Database, open_database
from thetaloom.store.queries.users import first_user
from thetaloom.store.upgrading import check_version, schema_version

if TYPE_CHECKING:
    from thetaloom.bootstrap import Platform, Pulse


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A database and the user whose rows are shown."""

    database: Database
    user: UserId
    settings: Settings


@contextmanager
def reading() -> Iterator[Reading]:
    """Open the database to read; the first use of a home sets it up."""
    settings = load_settings()
    _set_up_if_new(settings)
    database = open_database(settings.database)
    try:
        check_version(database)
        user = first_user(database)
        if user is None:
            raise InvariantError("the database has no user", advice="`thetaloom up` makes the first one.")
        yield Reading(database=database, user=user, settings=settings)
    finally:
        database.close()


@contextmanager
def opened(*, chooses: bool = True) -> "Iterator[Platform]":
    """Put the platform together, its clock where the server's is or where it was left.

    With ``chooses`` a home that has no market and no broker yet keeps those of the settings from now on.
    """
    from thetaloom import log
    from thetaloom.bootstrap import open_platform

    log.to_standard_error()
    with open_platform(load_settings(), chooses=chooses) as platform:
        yield platform


def carry_out(platform: "Platform", command: Command) -> object:
    """Carry out a command: where no server lives, all that follows from it as well, at the standing clock."""
    if is_served(platform.database):
        return platform.engine.handle(command)
    platform.engine.start()
    answer = platform.engine.handle(command)
    platform.engine.settle()
    return answer


def is_served(database: Database) -> bool:
    """Tell whether a server works on this database."""
    from thetaloom.bootstrap import read_pulse

    pulse = read_pulse(database)
    return pulse is not None and lives(pulse)


def lives(pulse: "Pulse") -> bool:
    """Tell whether the server that wrote a pulse is alive: it wrote of late, and its process is there."""
    if not pulse.is_fresh:
        return False
    try:
        os.kill(pulse.process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _set_up_if_new(settings: Settings) -> None:
    database = open_database(settings.database)
    is_new = not settings.home_folder.exists() or schema_version(database) is None
    database.close()
    if not is_new:
        return
    from thetaloom.bootstrap import set_up

    set_up(settings)  # without market and broker: who only looks, or gives secrets, has not chosen them yet
