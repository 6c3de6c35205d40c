"""Verify an exported run with nothing but Python 3.11: this file knows no part of Thetaloom.

    python verify_lineage.py BUNDLE.json [--head HASH]

A bundle is what ``thetaloom lineage export RUN --out BUNDLE.json`` writes. Checked are the form of the document, the
numbering of the records, the hash of each and its link to the one before it, and that every piece of evidence is
there, has the digest under which the records name it, and is what the readable part shows. A chain that somebody
wrote anew from its first record to its last is whole in itself: only ``--head``, the last hash as it was noted
elsewhere (``thetaloom lineage show`` and the report of the run print it), tells it from the true one.

The exit code is 0 when all is whole, 1 when something is not, 2 when the file is no bundle.
"""

import argparse
import base64
import binascii
import hashlib
import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

FORMAT = "thetaloom-lineage-bundle/1"
BUNDLE_FIELDS = {"format", "run", "head", "records", "texts", "blobs"}
HEAD_FIELDS = {"seq", "hash"}
ENTRY_FIELDS = {"record", "input", "output"}
EVIDENCE_FIELDS = {"digest", "kind", "size", "content"}
BLOB_FIELDS = {"kind", "base64"}
WORDS = (
    *("run_id", "step", "status", "started_at", "input_digest", "output_digest", "reason", "error", "code_version"),
    *("strategy_id", "previous_hash", "hash"),
)
NUMBERS = ("seq", "duration_us", "strategy_revision")
RECORD_FIELDS = {*WORDS, *NUMBERS, "parent"}
STATUSES = {"done", "skipped", "denied", "failed"}
STEPS = {
    *("trigger", "resolve_symbol", "fetch_market", "compute_indicators", "draw_chart", "analyze", "select_structure"),
    *("evaluate", "check_risk", "request_approval", "submit_order", "manage_position", "close_position"),
}
# Objects with one such key stand for a file beside the JSON: a chain of options, a picture.
MARKS = {"$chain": "chain", "$picture": "png"}
MAGIC = {"chain": b"PAR1", "png": b"\x89PNG\r\n\x1a\n"}


class NotABundle(Exception):
    """The document has not the form of a bundle; nothing more can be said of it."""


def digest_of(content: bytes) -> str:
    """Return the content address: BLAKE2b with 32 bytes, in hexadecimal."""
    return hashlib.blake2b(content, digest_size=32).hexdigest()


def canonical(plain: Any) -> bytes:
    """Return the one JSON text of a record: keys in order, no spaces, UTF-8."""
    return json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def check(bundle: Any, head: str | None = None) -> list[str]:
    """Return what is wrong with a bundle, in words; nothing when it is whole. Raises ``NotABundle``."""
    try:
        _demand_form(bundle)
        # A field of another kind is neither hashed nor looked up: it alone is the fault that is told.
        return list(_kind_faults(bundle["records"])) or _faults(bundle, head)
    except RecursionError as error:
        raise NotABundle("it is nested too deeply") from error


def read(path: Path) -> Any:
    """Read a document, refusing names that stand twice in one object. Raises ``NotABundle``."""
    try:
        return json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=_without_doubles)
    except (OSError, ValueError, RecursionError) as error:
        raise NotABundle(f"{path}: {error}") from error


def main(arguments: list[str] | None = None) -> int:
    """Verify the file that is named and say what was found."""
    parser = argparse.ArgumentParser(description="Verify an exported run of Thetaloom without Thetaloom.")
    parser.add_argument("bundle", type=Path, help="what `thetaloom lineage export RUN --out FILE` wrote")
    parser.add_argument("--head", help="the hash of the last record, as it was noted elsewhere")
    asked = parser.parse_args(arguments)
    try:
        bundle = read(asked.bundle)
        faults = check(bundle, asked.head)
    except NotABundle as error:
        print(f"no bundle: {error}", file=sys.stderr)
        return 2
    for fault in faults:
        print(fault)
    if faults:
        print(f"NOT WHOLE: {len(faults)} fault(s) in run {bundle['run']}")
        return 1
    counts = f"{len(bundle['records'])} records, {len(bundle['texts'])} texts and {len(bundle['blobs'])} files"
    print(f"whole: run {bundle['run']}, {counts}, last hash {bundle['head']['hash']}")
    if asked.head is None:
        print("Compare the last hash with one noted elsewhere: a chain written anew as a whole is whole in itself.")
    return 0


def _faults(bundle: dict[str, Any], head: str | None) -> list[str]:
    faults = list(_chain_faults(bundle["run"], bundle["records"]))
    faults += _head_faults(bundle, head)
    for number, entry in enumerate(bundle["records"], start=1):
        for side in ("input", "output"):
            faults += (f"record {number}, {side}: {fault}" for fault in _evidence_faults(bundle, entry, side))
    faults += _blob_faults(bundle)
    return faults


def _demand_form(bundle: Any) -> None:
    _demand_fields(bundle, BUNDLE_FIELDS, "the bundle")
    if bundle["format"] != FORMAT:
        raise NotABundle(f"its format is {bundle['format']!r}, expected {FORMAT!r}")
    _demand_fields(bundle["head"], HEAD_FIELDS, "head")
    if not _is_text(bundle["run"]) or not isinstance(bundle["records"], list):
        raise NotABundle("run is no text, or records is no list")
    if not isinstance(bundle["texts"], dict) or not isinstance(bundle["blobs"], dict):
        raise NotABundle("texts or blobs is no object")
    for number, entry in enumerate(bundle["records"], start=1):
        _demand_fields(entry, ENTRY_FIELDS, f"record {number}")
        _demand_fields(entry["record"], RECORD_FIELDS, f"record {number}")
        for side in ("input", "output"):
            if entry[side] is not None:
                _demand_fields(entry[side], EVIDENCE_FIELDS, f"record {number}, {side}")
    _demand_texts(bundle["texts"], "texts")
    for digest, blob in bundle["blobs"].items():
        if blob is not None:
            _demand_fields(blob, BLOB_FIELDS, f"file {digest}")
            _demand_texts(blob, f"file {digest}")


def _demand_texts(part: dict[str, Any], name: str) -> None:
    if not all(map(_is_text, part.values())):
        raise NotABundle(f"a part of {name} is no text")


def _is_text(part: Any) -> bool:
    try:
        return isinstance(part, str) and part.encode() is not None
    except UnicodeEncodeError:  # half of a pair, which JSON can write and UTF-8 cannot
        return False


def _demand_fields(part: Any, wanted: set[str], name: str) -> None:
    if not isinstance(part, dict) or set(part) != wanted:
        raise NotABundle(f"{name} has not the fields {', '.join(sorted(wanted))}")


def _kind_faults(records: list[Any]) -> Iterator[str]:
    for number, entry in enumerate(records, start=1):
        record = entry["record"]
        wrong = [name for name in WORDS if not _is_text(record[name])]
        wrong += [name for name in NUMBERS if type(record[name]) is not int]
        wrong += ["parent"] if type(record["parent"]) not in (int, type(None)) else []
        if wrong:
            yield f"record {number}: of another kind than it must be: {', '.join(wrong)}"


def _chain_faults(run: str, records: list[Any]) -> Iterator[str]:
    previous = digest_of(f"thetaloom lineage of {run}".encode())
    for number, entry in enumerate(records, start=1):
        record = entry["record"]
        for fault in _record_faults(record, run, number):
            yield f"record {number}: {fault}"
        if record["previous_hash"] != previous:
            yield f"record {number}: does not follow the record before it"
        if digest_of(canonical({**record, "hash": ""})) != record["hash"]:
            yield f"record {number}: its content is not what was sealed"
        previous = record["hash"]


def _record_faults(record: dict[str, Any], run: str, number: int) -> Iterator[str]:
    if record["run_id"] != run or record["seq"] != number:
        yield f"is {record['seq']} of {record['run_id']}: one is missing, added or out of order"
    if record["parent"] != (number - 1 or None):
        yield f"follows from {record['parent']}, expected {number - 1 or None}"
    if record["step"] not in STEPS or record["status"] not in STATUSES:
        yield f"no step ends so: {record['step']} {record['status']}"
    if not _is_instant(record["started_at"]):
        yield f"{record['started_at']!r} is no instant in UTC"


def _is_instant(text: str) -> bool:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return False
    return at.tzinfo is not None and at.astimezone(UTC).isoformat(timespec="microseconds") == text


def _head_faults(bundle: dict[str, Any], head: str | None) -> Iterator[str]:
    records, said = bundle["records"], bundle["head"]
    last = records[-1]["record"]["hash"] if records else digest_of(f"thetaloom lineage of {bundle['run']}".encode())
    if said["seq"] != len(records) or isinstance(said["seq"], bool):
        yield f"head: the run has {said['seq']} records, found {len(records)}"
    if said["hash"] != last:
        yield "head: the last record has another hash"
    if head is not None and last != head:
        yield f"the last hash is {last}, noted was {head}"


def _evidence_faults(bundle: dict[str, Any], entry: dict[str, Any], side: str) -> Iterator[str]:
    digest, shown = entry["record"][f"{side}_digest"], entry[side]
    text = bundle["texts"].get(digest)
    if shown is None or text is None:
        yield f"the evidence {digest} is missing"
        return
    content = text.encode()
    if digest_of(content) != digest or shown["digest"] != digest:
        yield f"the evidence is not what the digest {digest} says"
    if shown["kind"] != "json" or type(shown["size"]) is not int or shown["size"] != len(content):
        yield f"kind or size of the evidence {digest} is wrong"
    try:
        plain = json.loads(text, object_pairs_hook=_without_doubles)
    except ValueError:
        yield f"the evidence {digest} is no JSON"
        return
    # Compared as text: in Python 1, 1.0 and True are equal, in evidence they are not.
    if json.dumps(plain, sort_keys=True) != json.dumps(shown["content"], sort_keys=True):
        yield f"what is shown of the evidence {digest} is not what it says"
    for name, kind in _named(plain):
        blob = bundle["blobs"].get(name)
        if blob is None:
            yield f"the file {name} is missing"
        elif blob["kind"] != kind:
            yield f"the file {name} is a {blob['kind']}, expected a {kind}"


def _blob_faults(bundle: dict[str, Any]) -> Iterator[str]:
    texts = {entry["record"][f"{side}_digest"] for entry in bundle["records"] for side in ("input", "output")}
    for digest in sorted(set(bundle["texts"]) - texts):
        yield f"no record names the text {digest}"
    named = {name for text in bundle["texts"].values() for name, _ in _named(_loaded(text))}
    for digest, blob in bundle["blobs"].items():
        if digest not in named:
            yield f"no evidence names the file {digest}"
        if blob is None:
            continue
        try:
            content = base64.b64decode(blob["base64"], validate=True)
        except (binascii.Error, ValueError):
            yield f"the file {digest} is no base64"
            continue
        if digest_of(content) != digest or base64.b64encode(content).decode() != blob["base64"]:
            yield f"the file {digest} is not what its digest says"
        elif not content.startswith(MAGIC.get(blob["kind"], b"\0")):
            yield f"the file {digest} is no {blob['kind']}"


def _named(plain: Any) -> Iterator[tuple[str, str]]:
    if isinstance(plain, dict):
        if len(plain) == 1 and next(iter(plain)) in MARKS:
            name, digest = next(iter(plain.items()))
            yield str(digest), MARKS[name]
            return
        plain = list(plain.values())
    if isinstance(plain, list):
        for entry in plain:
            yield from _named(entry)


def _loaded(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice in one object")
    return found


if __name__ == "__main__":
    sys.exit(main())
