"""The page of the database's tables."""

from sqlalchemy import Column, Table, UniqueConstraint

from thetaloom.store.schema import metadata
from thetaloom.store.upgrading import revisions
from tools.docs.markdown import code, page, table


def database_page() -> str:
    """Return the page of tables, columns and indexes."""
    intro = (
        f"Schema revision {code(tuple(revisions())[-1])}; `thetaloom db upgrade` brings an older database to it.\n"
        "Amounts are exact decimals kept as text, instants are in UTC, and a structured column holds canonical JSON."
    )
    parts = [f"## {entry.name}\n\n{_columns(entry)}\n\n{_indexes(entry)}" for entry in metadata.sorted_tables]
    return page("Database", intro, *parts)


def _columns(entry: Table) -> str:
    rows = [
        (code(column.name), _kind(column), "" if column.nullable else "always", ", ".join(_roles(column)))
        for column in entry.columns
    ]
    return table(("Column", "Form", "Present", "Role"), rows)


def _kind(column: Column[object]) -> str:
    words = {
        "Text": "text",
        "BigInteger": "integer",
        "Integer": "integer",
        "Boolean": "boolean",
        "LargeBinary": "bytes",
    }
    name = type(column.type).__name__
    return words.get(name, name.lower())


def _roles(column: Column[object]) -> list[str]:
    roles = ["key"] if column.primary_key else []
    return roles + [f"a row of [{key.column.table.name}](#{key.column.table.name})" for key in column.foreign_keys]


def _indexes(entry: Table) -> str:
    unique = [
        ", ".join(code(column.name) for column in constraint.columns)
        for constraint in entry.constraints
        if isinstance(constraint, UniqueConstraint)
    ]
    plain = sorted(", ".join(code(column.name) for column in index.columns) for index in entry.indexes)
    lines = [f"Unique: {columns}." for columns in sorted(unique)] + [f"Index: {columns}." for columns in plain]
    return "\n".join(lines)
