"""Every command that a page tells the reader to type is one that exists, with options that it has."""

import re
import shlex

from typer.core import TyperArgument, TyperGroup

from tests.docs.conftest import ROOT, Block, pages
from tools.docs import commands


def refusal(typed: str) -> str:
    """Say what is wrong with a command as typed, nothing when it could run."""
    words = [word for word in shlex.split(typed.partition(" > ")[0]) if "=" not in word or word.startswith("-")]
    assert words[0] == "thetaloom"
    found: commands.Command = commands.root()
    rest = words[1:]
    context = found.make_context("thetaloom", [], resilient_parsing=True)
    while isinstance(found, TyperGroup) and rest and not rest[0].startswith("-"):
        command = found.get_command(context, rest[0])
        if not isinstance(command, commands.Command):
            return f"{typed}: no command {rest[0]}"
        found, rest = command, rest[1:]
    context = found.make_context(words[0], [], resilient_parsing=True)
    context.resilient_parsing = False  # from here on complain
    try:
        given, _, _ = found.make_parser(context).parse_args(args=list(rest))
    except Exception as error:  # noqa: BLE001  # whatever the parser says is what the reader would see
        return f"{typed}: {error}"
    missing = [
        param.name
        for param in found.params
        if isinstance(param, TyperArgument) and param.required and not given.get(str(param.name))
    ]
    return f"{typed}: lacks {missing}" if missing else ""


def test_every_command_in_the_pages_exists_with_its_options(blocks: tuple[Block, ...]) -> None:
    typed = [command for block in blocks for command in block.commands if "thetaloom " in command]

    assert typed
    assert [problem for command in typed if (problem := refusal(command))] == []


def test_every_command_in_a_sentence_exists() -> None:
    known = {words for words, _ in commands.commands()}
    nouns = {words.rpartition(" ")[0] for words in known}
    named = {
        f"thetaloom {noun} {verb}".strip()
        for page in pages()
        for noun, verbs in re.findall(r"`thetaloom ([a-z]+)((?: [a-z-]+(?:\|[a-z-]+)*)?)", page.read_text())
        for verb in (verbs.strip().split("|") if f"thetaloom {noun}" in nouns else ("",))
    }

    assert "thetaloom risk scenarios" in named
    assert named - known - nouns == set()


def test_every_command_has_help() -> None:
    silent = [words for words, command in commands.commands() if not command.help]
    unexplained = [
        f"{words} {param.name}"
        for words, command in commands.commands()
        for param in command.params
        if not isinstance(param, TyperArgument) and param.name != "help" and not getattr(param, "help", "")
    ]

    assert silent + unexplained == []


def test_every_command_is_on_its_page() -> None:
    text = (ROOT / "docs" / "reference" / "cli.md").read_text()

    assert [words for words, _ in commands.commands() if f"## {words}\n" not in text] == []
