"""``user``: who there is, what they may do, and the links by which they choose a password."""

from typing import Annotated

import typer
from rich.markup import escape

from thetaloom.cli.access import reading
from thetaloom.cli.audited import write_down
from thetaloom.cli.output import JsonOption, emit, say, table
from thetaloom.domain.values.people import Role
from thetaloom.marketdata.clocks import SystemClock
from thetaloom.store import people
from thetaloom.store.database import Database
from thetaloom.store.queries.people import Account, list_people, user_named

app = typer.Typer(help="Say who may sign in, and what they may do.", no_args_is_help=True, add_completion=False)

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="As `user list` shows it.")]


@app.callback()
def user() -> None:
    """Say who may sign in, and what they may do."""


@app.command("list")
def list_command(as_json: JsonOption = False) -> None:
    """List everybody; no password or key is ever shown."""
    with reading() as read:
        found = list_people(read.database)
    if as_json:
        emit(found)
        return
    rows = [(one.name, one.role.value, one.books, _signs_in(one), one.created_at) for one in found]
    table("1 person" if len(rows) == 1 else f"{len(rows)} people", ("name", "role", "books", "signs in", "since"), rows)


@app.command("add")
def add_command(
    name: Annotated[str, typer.Argument(help="Letters, digits, dots and dashes.")],
    role: Annotated[Role, typer.Option("--role", help="viewer, trader, approver or admin.")] = Role.TRADER,
    books: Annotated[
        str | None, typer.Option("--books", metavar="NAME", help="Whose runs and positions they work on; their own.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Add a person, and print the link by which they choose a password."""
    with reading() as read:
        now = SystemClock().now()
        added = people.add_person(read.database, name, role, books, now)
        link = f"{read.settings.link_base}/welcome?key={people.invite(read.database, added, now)}"
        write_down(read, "user add", name)
    _tell(name, link, as_json=as_json)


@app.command("link")
def link_command(name: NameArgument, as_json: JsonOption = False) -> None:
    """Print a new link for a person to choose a password; the one before it is void."""
    with reading() as read:
        meant = user_named(read.database, name)
        key = people.invite(read.database, meant, SystemClock().now())
        write_down(read, "user link", name)
        link = f"{read.settings.link_base}/welcome?key={key}"
    _tell(name, link, as_json=as_json)


@app.command("role")
def role_command(
    name: NameArgument,
    role: Annotated[Role, typer.Argument(help="viewer, trader, approver or admin.")],
    as_json: JsonOption = False,
) -> None:
    """Give a person another role, from their next request on."""
    with reading() as read:
        people.set_role(read.database, user_named(read.database, name), role)
        write_down(read, "user role", name)
        _told(read.database, name, f"{name} is {role.value} now", as_json=as_json)


@app.command("disable")
def disable_command(name: NameArgument, as_json: JsonOption = False) -> None:
    """Let a person in no more; their sessions end at once."""
    with reading() as read:
        people.disable(read.database, user_named(read.database, name), SystemClock().now())
        write_down(read, "user disable", name)
        _told(read.database, name, f"{name} cannot sign in any more", as_json=as_json)


@app.command("enable")
def enable_command(name: NameArgument, as_json: JsonOption = False) -> None:
    """Let a person in again."""
    with reading() as read:
        people.enable(read.database, user_named(read.database, name))
        write_down(read, "user enable", name)
        _told(read.database, name, f"{name} can sign in again", as_json=as_json)


def _tell(name: str, link: str, *, as_json: bool) -> None:
    if as_json:
        emit({"name": name, "link": link, "days": people.INVITATION_DAYS})
        return
    say(f"{escape(name)} chooses a password here, once and within {people.INVITATION_DAYS} days:")
    say(escape(link))


def _told(database: Database, name: str, sentence: str, *, as_json: bool) -> None:
    if as_json:
        meant = user_named(database, name)
        emit(next(one for one in list_people(database) if one.id == meant))
        return
    say(escape(sentence))


def _signs_in(one: Account) -> str:
    if one.is_disabled:
        return "no: disabled"
    if one.has_password:
        return "yes"
    return "by a link" if one.is_invited else "no: has no password"
