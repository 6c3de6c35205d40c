"""The page of the command line, walked from the Typer application itself."""

import inspect
from collections.abc import Iterator
from typing import Any

from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption
from typer.main import get_command

from thetaloom.cli.app import app
from tools.docs.markdown import code, page, sentences, table

Command = TyperCommand | TyperGroup  # a group can do something by itself, too
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


def commands() -> Iterator[tuple[str, Command]]:
    """Give every command that does something, with its words."""
    yield from _walk("thetaloom", root())


def root() -> TyperGroup:
    """Return the command line as a tree."""
    found = get_command(app)
    assert isinstance(found, TyperGroup)
    return found


def _walk(words: str, group: TyperGroup) -> Iterator[tuple[str, Command]]:
    context = group.make_context(words, [], resilient_parsing=True)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if not isinstance(command, Command) or command.hidden:
            continue
        if isinstance(command, TyperCommand) or command.invoke_without_command:
            yield f"{words} {name}", command
        if isinstance(command, TyperGroup):
            yield from _walk(f"{words} {name}", command)


def _command(words: str, command: Command) -> str:
    arguments = [param for param in command.params if isinstance(param, TyperArgument)]
    options = [param for param in command.params if isinstance(param, TyperOption) and _is_ours(param)]
    usage = " ".join([words, *(_placeholder(argument) for argument in arguments)])
    rows = [(code(_names(option)), code(_default(option)), option.help or "") for option in options]
    parts = [f"## {words}", sentences(inspect.cleandoc(command.help or "")), f"```text\n{usage}\n```"]
    if rows:
        parts.append(table(("Option", "Default", "Meaning"), rows))
    return "\n\n".join(part for part in parts if part)


def _placeholder(argument: TyperArgument) -> str:
    name = (argument.metavar or argument.name or "").upper().strip("[].")
    name += "…" if argument.nargs == -1 else ""
    return name if argument.required else f"[{name}]"


def _names(option: TyperOption) -> str:
    names = " / ".join([", ".join(option.opts), *option.secondary_opts])
    return names if option.is_flag else f"{names} {_kind(option)}"


def _default(option: TyperOption) -> str:
    default = option.default
    if option.is_flag or default is None or callable(default) or not isinstance(default, str | int | float):
        return ""
    return str(default)


def _is_ours(option: TyperOption) -> bool:
    return not option.hidden and not {"--install-completion", "--show-completion"} & set(option.opts)


def _kind(option: TyperOption) -> str:
    # The parser that Typer brings along shows a parameter's kind to no type checker.
    kind: Any = getattr(option, "type", None)
    return option.metavar or getattr(kind, "name", "text").upper()
