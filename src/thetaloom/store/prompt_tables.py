"""The tables of prompts: the templates, every text they have had, and what was asked of models."""

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, Table, Text

from thetaloom.domain.run.model_calls import CallStatus
from thetaloom.domain.run.prompts import PromptKind, PromptLanguage
from thetaloom.domain.values.money import Money
from thetaloom.store.columns import Exact, Instant, Structured, Word
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

model_calls = Table(
    "model_calls",
    metadata,
    Column("id", Text, primary_key=True),
    needed("request", Text),
    needed("model", Text),
    needed("prompt", Text),
    needed("asked_at", Instant),
    needed("day", Text),
    needed("status", Word(CallStatus)),
    needed("input_tokens", BigInteger),
    needed("output_tokens", BigInteger),
    Column("cost", Exact(Money)),
    needed("duration_ms", BigInteger),
    needed("answer", Text),
    needed("failure", Text),
    Index(None, "day"),
    Index(None, "request", "status"),
)
