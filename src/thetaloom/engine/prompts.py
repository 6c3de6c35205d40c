"""Prompts at work: saving and taking out templates, trying and comparing them, and the prompt of a strategy."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from difflib import unified_diff
from typing import Any

from thetaloom.domain.run.events import EventKind
from thetaloom.domain.run.prompt_text import Rendered, check_template, render
from thetaloom.domain.run.prompt_values import EXAMPLE, NAMES
from thetaloom.domain.run.prompts import Prompt, PromptKind, PromptLanguage, parts_of, reference_of
from thetaloom.domain.values.ids import PromptId, StrategyId, UserId
from thetaloom.engine import commands
from thetaloom.engine.desk import Desk
from thetaloom.engine.step import tell_user
from thetaloom.errors import InvalidInput, NotFound
from thetaloom.ports.store import UnitOfWork

PROMPTS_MAX = 500  # of one user


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """A template filled in, what it reads, and what it asked for that nobody supplies."""

    reference: str
    text: str
    reads: tuple[str, ...]
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two texts side by side: how the templates differ, and how they read when filled in."""

    one: Preview
    other: Preview
    difference: tuple[str, ...]  # of the templates, line by line, as diff writes it


@dataclass(frozen=True, slots=True, kw_only=True)
class Validation:
    """Whether a template is allowed: ``error`` is empty when it is."""

    error: str
    reads: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ComposedPrompt:
    """The prompt of a strategy, filled in, and which texts it was made of."""

    text: str
    reference: str  # such as daily-en@3+weekly-en@1; empty where there is no template


def save_prompt(desk: Desk, command: commands.SavePrompt) -> Prompt:
    """Store a template; another text becomes its next version. A new default takes the place of the one before."""
    now, wanted, user = desk.clock.now(), command.prompt, command.user_id
    refuse_unknown_names(check_template(wanted.text))
    with desk.store.unit_of_work() as uow:
        if wanted.strategy_id is not None and uow.strategies.latest(user, wanted.strategy_id) is None:
            raise NotFound(f"no strategy has the id {wanted.strategy_id!r}", advice="`thetaloom strategy list`")
        known = uow.prompts.all_of(user)
        before = uow.prompts.get(user, wanted.id)
        if before is None and len(known) >= PROMPTS_MAX:
            raise InvalidInput(f"there are {PROMPTS_MAX} prompts already; take one out first")
        saved = uow.prompts.save(user, wanted, now)
        if saved.is_default and saved.is_active:
            _replace_default(uow, user, saved, known, now)
        if before is None or before != saved:
            tell_user(uow, user, EventKind.PROMPT_SAVED, now, prompt=saved.id, version=saved.version)
        uow.commit()
    return saved


def remove_prompt(desk: Desk, command: commands.RemovePrompt) -> None:
    """Take a template out of use; its texts stay for the opinions that name them."""
    now = desk.clock.now()
    with desk.store.unit_of_work() as uow:
        found = own_prompt(uow, command.user_id, command.prompt_id)
        uow.prompts.hide(command.user_id, found.id, now)
        tell_user(uow, command.user_id, EventKind.PROMPT_REMOVED, now, prompt=found.id)
        uow.commit()


def own_prompt(uow: UnitOfWork, user: UserId, prompt: str) -> Prompt:
    """Return a template of the user's; ``daily-en@2`` is its second text. Raises ``NotFound``."""
    name, _, version = prompt.partition("@")
    found = uow.prompts.get(user, PromptId(name))
    if found is None:
        raise NotFound(f"no prompt has the id {name!r}", advice="`thetaloom prompt list` shows them.")
    if not version or version == str(found.version):
        return found
    for one in uow.prompts.versions(user, found.id):
        if str(one.version) == version:
            return replace(found, version=one.version, text=one.text)
    raise NotFound(f"{name} has no version {version!r}; the newest is {found.version}")


def written(prompt: PromptId, asked: Mapping[str, object], before: Prompt | None) -> Prompt:
    """Return the template that a person asks for: what is not named stays as it was, or takes its usual value."""
    kept: dict[str, Any] = {"name": prompt, "kind": PromptKind.ANALYSIS, "language": PromptLanguage.ENGLISH}
    if before is not None:
        kept = {name: getattr(before, name) for name in Prompt.__slots__ if name not in ("id", "version")}
    return Prompt(**{**kept, **asked, "id": prompt})


def validation(text: str) -> Validation:
    """Say whether a template is allowed, and what it reads."""
    try:
        reads = check_template(text)
        refuse_unknown_names(reads)
    except InvalidInput as error:
        return Validation(error=error.message, reads=())
    return Validation(error="", reads=reads)


def preview_text(text: str, values: Mapping[str, object], *, strict: bool = False) -> Preview:
    """Fill in a template that is not stored."""
    draft = Prompt(
        id=PromptId("draft"), name="draft", kind=PromptKind.ANALYSIS, language=PromptLanguage.ENGLISH, text=text
    )
    return preview(draft, values, strict=strict)


def preview(prompt: Prompt, values: Mapping[str, object] = EXAMPLE, *, strict: bool = False) -> Preview:
    """Fill a template in with an example market or with ``values``, and list what it reads and misses."""
    reads = check_template(prompt.text)
    written: Rendered = render(prompt.text, values, strict=strict)
    missing = sorted({*written.missing, *(name for name in reads if name not in values)})
    return Preview(reference=prompt.reference, text=written.text, reads=reads, missing=tuple(missing))


def compare(one: Prompt, other: Prompt, values: Mapping[str, object] = EXAMPLE) -> Comparison:
    """Put two templates side by side."""
    lines = unified_diff(
        one.text.splitlines(), other.text.splitlines(), one.reference, other.reference, lineterm="", n=2
    )
    return Comparison(one=preview(one, values), other=preview(other, values), difference=tuple(lines))


def compose(
    uow: UnitOfWork,
    user: UserId,
    strategy: StrategyId | None,
    language: PromptLanguage,
    values: Mapping[str, object],
) -> ComposedPrompt:
    """Return the prompt of a strategy: its templates in their order, strictly filled in. Raises ``InvalidInput``."""
    parts = parts_of(uow.prompts.all_of(user), language, strategy)
    texts = [render(part.text, values).text for part in parts]
    return ComposedPrompt(text="\n\n".join(texts), reference=reference_of(parts))


def refuse_unknown_names(reads: Iterable[str]) -> None:
    """Refuse a template that reads what no market will ever supply."""
    unknown = sorted(name for name in reads if name not in NAMES)
    if unknown:
        raise InvalidInput(
            f"the template reads {', '.join(unknown)}, which nothing supplies",
            advice=f"It can read {', '.join(NAMES)}.",
            details={name: "is not supplied" for name in unknown},
        )


def _replace_default(uow: UnitOfWork, user: UserId, saved: Prompt, known: Iterable[Prompt], now: datetime) -> None:
    for one in known:
        if one.is_default and one.id != saved.id and (one.kind, one.language) == (saved.kind, saved.language):
            uow.prompts.save(user, replace(one, is_default=False), now)
