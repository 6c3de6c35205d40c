"""``token``: what programs sign in with."""

from typing import Annotated

import typer
from rich.markup import escape

from thetaloom.cli.access import reading
from thetaloom.cli.audited import write_down
from thetaloom.cli.output import JsonOption, emit, note, say, table
from thetaloom.domain.values.people import Scope
from thetaloom.errors import InvalidInput
from thetaloom.marketdata.clocks import SystemClock
from thetaloom.store import people
from thetaloom.store.queries.people import list_tokens, user_named

app = typer.Typer(help="Make tokens for programs.", no_args_is_help=True, add_completion=False)

EVERY = ",".join(Scope)


@app.callback()
def token() -> None:
    """Make tokens for programs, sent as `Authorization: Bearer …`."""


@app.command("create")
def create_command(
    name: Annotated[str, typer.Option("--name", help="What it is for.")] = "cli",
    user: Annotated[str | None, typer.Option("--user", metavar="NAME", help="Whose; the first user's.")] = None,
    scopes: Annotated[str, typer.Option("--scopes", help="Of read, trade, approve and admin.")] = EVERY,
    days: Annotated[int | None, typer.Option("--days", help="How long it counts; until it is revoked.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Make a token and show it this once; it never may more than its person."""
    with reading() as read:
        whose = read.user if user is None else user_named(read.database, user)
        made = people.make_token(read.database, whose, name, _scopes(scopes), days, SystemClock().now())
        write_down(read, "token create", f"{made.user}/{made.name}")
    if as_json:
        emit(made)
        return
    say(escape(made.token))
    note("[dim]kept nowhere: copy it now. Programs send it as Authorization: Bearer …[/]")


@app.command("list")
def list_command(as_json: JsonOption = False) -> None:
    """List the tokens; none is shown itself."""
    with reading() as read:
        found = list_tokens(read.database)
    if as_json:
        emit(found)
        return
    names = ("id", "user", "name", "scopes", "made", "until", "revoked")
    rows = [
        (one.id, one.user, one.name, ", ".join(one.scopes), one.made_at, one.expires_at, one.revoked_at)
        for one in found
    ]
    table("1 token" if len(rows) == 1 else f"{len(rows)} tokens", names, rows, whole=("id",))


@app.command("revoke")
def revoke_command(
    token_id: Annotated[str, typer.Argument(metavar="ID", help="As `token list` shows it.")],
    as_json: JsonOption = False,
) -> None:
    """Make a token void at once."""
    with reading() as read:
        people.revoke_token(read.database, token_id, SystemClock().now())
        write_down(read, "token revoke", token_id)
    if as_json:
        emit({"id": token_id, "revoked": True})
        return
    say(f"{escape(token_id)} counts no more")


def _scopes(text: str) -> list[Scope]:
    try:
        return [Scope(word.strip()) for word in text.split(",") if word.strip()]
    except ValueError:
        raise InvalidInput(
            f"{text[:80]!r} holds a word that is no scope", advice=f"Good ones: {EVERY}", details={"field": "scopes"}
        ) from None
