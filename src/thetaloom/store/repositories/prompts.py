"""Prompts: the template in use as one row, and each text it has had, which never changes."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, delete, insert, select, update

from thetaloom.domain.run.prompts import Prompt, PromptVersion
from thetaloom.domain.values.ids import PromptId, UserId
from thetaloom.store.prompt_tables import prompt_versions
from thetaloom.store.prompt_tables import prompts as table
from thetaloom.store.statements import columns_of, row_of, value_of, values_of

_SELECT = select(*columns_of(table, Prompt))
_VERSIONS = select(*columns_of(prompt_versions, PromptVersion))


class SqlPrompts:
    """Prompts in the database."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self, user: UserId, prompt: PromptId) -> Prompt | None:
        """Return the template with the text in use; ``None`` for one that never was or is taken out."""
        found = _SELECT.where(*_key(user, prompt), table.c.hidden_at.is_(None))
        row = self._connection.execute(found).first()
        return None if row is None else value_of(Prompt, row)

    def all_of(self, user: UserId) -> Sequence[Prompt]:
        """Return the templates that are not taken out, by id."""
        found = _SELECT.where(table.c.user_id == user, table.c.hidden_at.is_(None)).order_by(table.c.id)
        return values_of(Prompt, self._connection.execute(found))

    def is_new_to(self, user: UserId) -> bool:
        """Say whether the user never had a template, so that the shipped ones are given once."""
        return self._connection.execute(select(table.c.id).where(table.c.user_id == user).limit(1)).first() is None

    def versions(self, user: UserId, prompt: PromptId) -> Sequence[PromptVersion]:
        """Return every text the template has had, oldest first."""
        key = (prompt_versions.c.user_id == user, prompt_versions.c.prompt_id == prompt)
        ordered = _VERSIONS.where(*key).order_by(prompt_versions.c.version)
        return values_of(PromptVersion, self._connection.execute(ordered))

    def save(self, user: UserId, prompt: Prompt, now: datetime) -> Prompt:
        """Write a template; another text becomes the next version, and equal text adds none."""
        versions = self.versions(user, prompt.id)
        last = versions[-1] if versions else None
        if last is None or last.text != prompt.text:
            version = PromptVersion(
                prompt_id=prompt.id,
                version=1 if last is None else last.version + 1,
                text=prompt.text,
                saved_at=now,
                saved_by=user,
            )
            self._connection.execute(insert(prompt_versions), row_of(version, user_id=user))
            last = version
        saved = replace(prompt, version=last.version)
        self._connection.execute(delete(table).where(*_key(user, prompt.id)))
        self._connection.execute(insert(table), row_of(saved, user_id=user, changed_at=now, hidden_at=None))
        return saved

    def hide(self, user: UserId, prompt: PromptId, now: datetime) -> None:
        """Take a template out of use and of the lists; its texts stay for the opinions that name them."""
        self._connection.execute(update(table).where(*_key(user, prompt)).values(hidden_at=now))


def _key(user: UserId, prompt: PromptId) -> tuple[ColumnElement[bool], ...]:
    return table.c.user_id == user, table.c.id == prompt
