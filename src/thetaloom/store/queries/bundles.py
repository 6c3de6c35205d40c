"""The bundle of a run: its records and all their evidence in one document that can be verified without us."""

import base64
import json
from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection

from thetaloom.domain.run.lineage import LineageRecord, genesis_hash
from thetaloom.domain.values.canonical import canonical_json
from thetaloom.domain.values.ids import RunId, UserId
from thetaloom.errors import NotFound
from thetaloom.store.database import Database
from thetaloom.store.queries.runs import the_run, timeline_of
from thetaloom.store.repositories.lineage import evidence_of

FORMAT = "thetaloom-lineage-bundle/1"
MARK = "$"  # an object whose only key starts so stands for a blob: its digest follows

Bundle = dict[str, Any]  # JSON has no narrower type


def bundle_of(database: Database, user: UserId, run: RunId) -> Bundle:
    """Return the bundle as plain JSON. Evidence is carried to the byte; what is gone is ``null``.

    Raises ``NotFound`` for a run that is not the user's.
    """
    with database.connect() as connection:
        found = the_run(connection, user, run)
        records = timeline_of(connection, run)
        texts: dict[str, str] = {}
        written = [_written(connection, record, texts) for record in records]
        blobs = {digest: _blob(connection, digest) for digest in sorted(set(_blobs_of(written)))}
    return {
        "format": FORMAT,
        "run": str(run),
        "head": {"seq": found.seq, "hash": records[-1].hash if records else genesis_hash(run)},
        "records": written,
        "texts": texts,
        "blobs": blobs,
    }


def _written(connection: Connection, record: LineageRecord, texts: dict[str, str]) -> Bundle:
    return {
        "record": json.loads(canonical_json(record)),
        "input": _evidence(connection, record.input_digest, texts),
        "output": _evidence(connection, record.output_digest, texts),
    }


def _evidence(connection: Connection, digest: str, texts: dict[str, str]) -> Bundle | None:
    try:
        kind, content = evidence_of(connection, digest)
    except NotFound:
        return None
    texts[digest] = content.decode()
    return {"digest": digest, "kind": kind, "size": len(content), "content": json.loads(content)}


def _blob(connection: Connection, digest: str) -> dict[str, str] | None:
    try:
        kind, content = evidence_of(connection, digest)
    except NotFound:
        return None
    return {"kind": kind, "base64": base64.b64encode(content).decode()}


def _blobs_of(plain: Any) -> Iterator[str]:
    if isinstance(plain, dict):
        if len(plain) == 1 and next(iter(plain)).startswith(MARK):
            yield str(next(iter(plain.values())))
            return
        plain = list(plain.values())
    if isinstance(plain, list):
        for entry in plain:
            yield from _blobs_of(entry)
