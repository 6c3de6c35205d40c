"""What all tables are made of: their naming, their owner, and columns that always have a value."""

from typing import Any

from sqlalchemy import BigInteger, Column, ForeignKey, Integer, MetaData, Text
from sqlalchemy.types import TypeEngine

from thetaloom.domain.strategy.structures import Leg
from thetaloom.store.columns import Structured

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

LEGS = Structured(tuple[Leg, ...])
# SQLite numbers rows by itself only when the key is called INTEGER.
SEQUENCE = BigInteger().with_variant(Integer(), "sqlite")


def needed(name: str, kind: TypeEngine[Any] | type[TypeEngine[Any]]) -> Column[Any]:
    """Return a column that always has a value."""
    return Column(name, kind, nullable=False)


def owner() -> Column[str]:
    """Return the column that says whose row it is."""
    return Column("user_id", Text, nullable=False)


def run() -> Column[str]:
    """Return the column that says of which run it is."""
    return Column("run_id", Text, ForeignKey("runs.id"), nullable=False)
