"""The prompt templates that ship with the package, read from their TOML files."""

import tomllib
from datetime import datetime
from importlib.resources import files

from thetaloom.domain.run.prompts import Prompt, PromptKind, PromptLanguage
from thetaloom.domain.values.ids import PromptId, UserId
from thetaloom.ports.store import UnitOfWork

CATALOGUE = files("thetaloom.domain.run") / "prompt_catalogue"


def load_prompts() -> tuple[Prompt, ...]:
    """Return the shipped templates, ordered by id."""
    texts = (file.read_text(encoding="utf-8") for file in CATALOGUE.iterdir() if file.name.endswith(".toml"))
    return tuple(sorted(map(_read, texts), key=lambda prompt: prompt.id))


def give_prompts(uow: UnitOfWork, user: UserId, now: datetime) -> None:
    """Give a user the shipped templates once; what the user changed or took out stays so."""
    if uow.prompts.is_new_to(user):
        for prompt in load_prompts():
            uow.prompts.save(user, prompt, now)


def _read(text: str) -> Prompt:
    document = tomllib.loads(text)
    return Prompt(
        id=PromptId(document["id"]),
        name=document["name"],
        kind=PromptKind(document["kind"]),
        language=PromptLanguage(document["language"]),
        is_default=document["is_default"],
        description=document["description"],
        text=document["text"].strip() + "\n",
    )
