"""The page of the command line, walked from the Typer application itself."""

import inspect
from collections.abc import Iterator

import click
from typer.main import get_command

from thetaloom.cli.app import app
from tools.docs.markdown import code, page, sentences, table

EXIT_CODES = (
    ("0", "done"),
    ("1", "failed"),
    ("2", "used wrongly"),
    ("3", "refused by a rule"),
    ("4", "an outside system is unavailable"),
)


def cli_page() -> str:
    """Return the page of commands."""
    parts = [_command(words, command) for words, command in commands()]
    exits = table(("Exit code", "Meaning"), EXIT_CODES)
    return page("Command line", "`--help` after any command says the same.", exits, *parts)


def commands() -> Iterator[tuple[str, click.Command]]:
    """Give every command that does something, with its words."""
    yield from _walk("thetaloom", root())


def root() -> click.Group:
    """Return the command line as click sees it."""
    found = get_command(app)
    assert isinstance(found, click.Group)
    return found


def _walk(words: str, group: click.Group) -> Iterator[tuple[str, click.Command]]:
    for name, command in sorted(group.commands.items()):
        if command.hidden:
            continue
        if isinstance(command, click.Group):
            yield from _walk(f"{words} {name}", command)
        else:
            yield f"{words} {name}", command


def _command(words: str, command: click.Command) -> str:
    arguments = [param for param in command.params if isinstance(param, click.Argument)]
    options = [param for param in command.params if isinstance(param, click.Option) and not param.hidden]
    usage = " ".join([words, *(_placeholder(argument) for argument in arguments)])
    rows = [(code(_names(option)), code(_default(option)), option.help or "") for option in options]
    parts = [f"## {words}", sentences(inspect.cleandoc(command.help or "")), f"```text\n{usage}\n```"]
    if rows:
        parts.append(table(("Option", "Default", "Meaning"), rows))
    return "\n\n".join(part for part in parts if part)


def _placeholder(argument: click.Argument) -> str:
    name = (argument.metavar or argument.name or "").upper().strip("[].")
    name += "…" if argument.nargs == -1 else ""
    return name if argument.required else f"[{name}]"


def _names(option: click.Option) -> str:
    names = " / ".join([", ".join(option.opts), *option.secondary_opts])
    return names if option.is_flag else f"{names} {option.type.name.upper()}"


def _default(option: click.Option) -> str:
    default = option.default
    if option.is_flag or default is None or callable(default) or not isinstance(default, str | int | float):
        return ""
    return str(default)
