"""The tables of prompts: the templates, and every text they have had."""

from sqlalchemy import Boolean, Column, Integer, Table, Text

from thetaloom.domain.run.prompts import PromptKind, PromptLanguage
from thetaloom.store.columns import Instant, Structured, Word
from thetaloom.store.table_parts import metadata, needed

prompts = Table(
    "prompts",
    metadata,
    Column("user_id", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    needed("name", Text),
    needed("kind", Word(PromptKind)),
    needed("language", Word(PromptLanguage)),
    Column("strategy_id", Text),
    needed("is_active", Boolean),
    needed("is_default", Boolean),
    needed("description", Text),
    needed("tags", Structured(tuple[str, ...])),
    needed("notes", Text),
    needed("version", Integer),
    needed("text", Text),
    needed("changed_at", Instant),
    Column("hidden_at", Instant),
)

prompt_versions = Table(
    "prompt_versions",
    metadata,
    Column("user_id", Text, primary_key=True),
    Column("prompt_id", Text, primary_key=True),
    Column("version", Integer, primary_key=True),
    needed("text", Text),
    needed("saved_at", Instant),
    needed("saved_by", Text),
)
