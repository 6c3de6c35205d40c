"""``broker allow-live|forbid-live``: the account's own leave to trade with real money, given in two steps."""

from typing import Annotated

import typer
from rich.markup import escape

from thetaloom.cli.access import reading
from thetaloom.cli.audited import write_down
from thetaloom.cli.output import JsonOption, emit, say
from thetaloom.domain.values.ids import AccountId

AccountArgument = Annotated[str, typer.Argument(metavar="ACCOUNT", help="The broker's number of the account.")]


def allow_live_command(
    account: AccountArgument,
    code: Annotated[str | None, typer.Option("--code", help="The code that the first step showed.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Allow real money on an account, in two steps: first see what it means, then confirm with the code."""
    from thetaloom.live_parts import allow_live

    with reading() as read:
        allow_live(read.database, read.settings, read.user, AccountId(account), code)
        write_down(read, "broker allow-live", account)
    if as_json:
        emit({"account": account, "live_allowed": True})
        return
    say(f"[bold red]real money is allowed[/] on account {escape(account)}; mode and allow_live have to say so, too")


def forbid_live_command(account: AccountArgument, as_json: JsonOption = False) -> None:
    """Allow real money on an account no more, at once: new risk is barred, exits go on."""
    from thetaloom.live_parts import forbid_live

    with reading() as read:
        forbid_live(read.database, read.settings, read.user, AccountId(account))
        write_down(read, "broker forbid-live", account)
    if as_json:
        emit({"account": account, "live_allowed": False})
        return
    say(f"real money is not allowed on account {escape(account)} any more; exits go on")
