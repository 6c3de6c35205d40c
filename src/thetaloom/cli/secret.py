"""``secret``: the credentials of brokers, encrypted; what they are is read from standard input and never printed."""

import getpass
import sys
from typing import Annotated

import typer
from rich.markup import escape

from thetaloom.cli.access import Reading, reading
from thetaloom.cli.audited import write_down
from thetaloom.cli.known_names import check_secret
from thetaloom.cli.output import JsonOption, emit, say, table
from thetaloom.errors import InvalidInput
from thetaloom.marketdata.clocks import SystemClock
from thetaloom.store.vault import Vault, list_credentials, put_credential, remove_credential

app = typer.Typer(help="Keep the credentials of brokers.", no_args_is_help=True, add_completion=False)

PIPED_BYTES_MAX = 1_000_000  # of these the vault takes far fewer
NOT_TEXT = "a secret is text, and this has bytes or signs in it that no text has"
TEXT_WANTED = "Copy it from the broker's page as it stands there, and send it on standard input."

BrokerArgument = Annotated[str, typer.Argument(metavar="BROKER", help="As tastytrade, ibkr or alpaca.")]
NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="Which of its secrets, like client-secret.")]


@app.callback()
def secret() -> None:
    """Keep the credentials of brokers, encrypted under a key that lies beside the database."""


@app.command("set")
def set_command(broker: BrokerArgument, name: NameArgument, as_json: JsonOption = False) -> None:
    """Keep a secret, read from standard input: echo … | thetaloom secret set BROKER NAME."""
    check_secret(broker, name)
    given = getpass.getpass(f"{name} of {broker}: ") if sys.stdin.isatty() else _piped()
    with reading() as read:
        now = SystemClock().now()
        put_credential(read.database, vault_of(read), read.user, broker, name, given.strip("\r\n"), now)
        write_down(read, "secret set", f"{broker}/{name}")
    if as_json:
        emit({"broker": broker, "name": name, "saved_at": now})
        return
    say(f"{escape(name)} of {escape(broker)} is kept, encrypted")


@app.command("list")
def list_command(as_json: JsonOption = False) -> None:
    """List which secrets there are; none is ever shown."""
    with reading() as read:
        found = list_credentials(read.database, read.user)
    if as_json:
        emit([{"broker": one.broker, "name": one.name, "saved_at": one.saved_at} for one in found])
        return
    rows = [(one.broker, one.name, one.saved_at) for one in found]
    table("1 secret" if len(rows) == 1 else f"{len(rows)} secrets", ("broker", "name", "saved"), rows)


@app.command("remove")
def remove_command(broker: BrokerArgument, name: NameArgument, as_json: JsonOption = False) -> None:
    """Take a secret away."""
    with reading() as read:
        remove_credential(read.database, read.user, broker, name)
        write_down(read, "secret remove", f"{broker}/{name}")
    if as_json:
        emit({"broker": broker, "name": name, "removed": True})
        return
    say(f"{escape(name)} of {escape(broker)} is gone")


@app.command("rotate")
def rotate_command(as_json: JsonOption = False) -> None:
    """Encrypt everything under a new key, then drop the old one; cut off anywhere, nothing is lost."""
    with reading() as read:
        count = vault_of(read).rotate(read.database)
        write_down(read, "secret rotate", "")
    if as_json:
        emit({"rotated": count})
        return
    say(f"{count} secrets are under a new key" if count != 1 else "1 secret is under a new key")


def _piped() -> str:
    raw = sys.stdin.buffer.read(PIPED_BYTES_MAX)
    try:
        given = raw.decode()
    except UnicodeDecodeError:
        raise InvalidInput(NOT_TEXT, advice=TEXT_WANTED) from None
    if any(not sign.isprintable() and sign not in "\r\n" for sign in given):
        raise InvalidInput(NOT_TEXT, advice=TEXT_WANTED)
    return given


def vault_of(read: Reading) -> Vault:
    """Return the vault of this home."""
    keys = read.settings.secret_keys
    return Vault(read.settings.home_folder, None if keys is None else keys.get_secret_value())
