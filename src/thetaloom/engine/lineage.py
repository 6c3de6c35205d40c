"""Recording of steps, and the replay that demands the same decisions from the stored inputs."""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from typing import Any, TypeVar

import msgspec

from thetaloom.domain.market.chain import OptionChain
from thetaloom.domain.market.chart_series import Picture
from thetaloom.domain.run.lineage import ChainFault, LineageRecord, verify_chain
from thetaloom.domain.run.runs import StepName, StepStatus, WorkflowRun
from thetaloom.domain.values.canonical import canonical_json, digest_of, from_plain
from thetaloom.domain.values.ids import RunId
from thetaloom.domain.values.reasons import NOTES, Answer, Reason, Verdict
from thetaloom.engine.desk import Desk
from thetaloom.errors import InvalidInput, InvariantError, NotFound
from thetaloom.ports.evidence import ChainCodec
from thetaloom.ports.store import Lineage, UnitOfWork

T = TypeVar("T")
CHAIN_MARK = "$chain"  # stands in the JSON where a chain stood; the digest of its Parquet follows
PICTURE_MARK = "$picture"  # the same for a drawn chart and its PNG


@dataclass(frozen=True, slots=True, kw_only=True)
class Decider:
    """A pure decision with a name, so that it can be run again from its stored inputs."""

    name: str
    inputs: type[Any]
    decide: Callable[[Any], Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Executed:
    """A decision that was taken: what it was given, what it said, and when."""

    step: StepName
    decider: Decider
    inputs: Any
    output: Any  # carries ``verdict``
    started_at: datetime
    duration_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayReport:
    """What a replay found; ``difference`` names the first field that differs."""

    run_id: str
    replayed: int
    identical: bool
    difference: str = ""


def record(desk: Desk, uow: UnitOfWork, run: WorkflowRun, executed: Executed) -> WorkflowRun:
    """Write the record of an executed step in the caller's transaction; return the run with its next ``seq``."""
    writer = _Evidence(uow.lineage, desk.codec)
    given = writer.json({"decide": executed.decider.name, "given": executed.inputs})
    said = writer.json(executed.output)
    verdict: Verdict = executed.output.verdict
    return _append(
        desk,
        uow,
        run,
        LineageRecord(
            run_id=run.id,
            seq=run.seq + 1,
            step=executed.step,
            status=_status_of(verdict),
            started_at=executed.started_at,
            duration_us=executed.duration_us,
            input_digest=given,
            output_digest=said,
            reason=verdict.reason.value if verdict.reason else "",
            code_version=desk.code_version,
            strategy_id=run.strategy_id,
            strategy_revision=run.strategy_revision,
            parent=run.seq or None,
        ),
    )


def record_failure(
    desk: Desk, uow: UnitOfWork, run: WorkflowRun, step: StepName, inputs: Any, error: str, started_at: datetime
) -> WorkflowRun:
    """Write that a step ended with an error, with whatever inputs it had gathered."""
    writer = _Evidence(uow.lineage, desk.codec)
    return _append(
        desk,
        uow,
        run,
        LineageRecord(
            run_id=run.id,
            seq=run.seq + 1,
            step=step,
            status=StepStatus.FAILED,
            started_at=started_at,
            duration_us=0,
            input_digest=writer.json({"decide": "", "given": _storable(writer, inputs)}),
            output_digest=writer.json(None),
            reason=Reason.STEP_FAILED.value,
            error=error,
            code_version=desk.code_version,
            strategy_id=run.strategy_id,
            strategy_revision=run.strategy_revision,
            parent=run.seq or None,
        ),
    )


def _storable(writer: "_Evidence", inputs: Any) -> Any:
    # What can't be written down may be the very fault that is recorded.
    try:
        writer.text(inputs)
    except (TypeError, ValueError, InvalidInput) as error:
        return f"not recordable: {error}"
    return inputs


def output_of(desk: Desk, uow: UnitOfWork, run: RunId, step: StepName, type_: type[T]) -> T:
    """Return what the newest successful execution of ``step`` in this run said."""
    digest = uow.lineage.newest_output(run, step)
    if digest is None:
        raise NotFound(f"{run} has no record of {step}")
    return _Evidence(uow.lineage, desk.codec).read(digest, type_)


def given_to(desk: Desk, uow: UnitOfWork, run: RunId, step: StepName, name: str, type_: type[T]) -> T:
    """Return one of the inputs of the newest successful execution of ``step`` in this run."""
    for entry in reversed(uow.lineage.of_run(run)):
        if entry.step is step and entry.status is not StepStatus.FAILED and entry.reason not in NOTES:
            plain = msgspec.json.decode(uow.lineage.get_evidence(entry.input_digest))
            return _Evidence(uow.lineage, desk.codec).convert(plain["given"][name], type_)
    raise NotFound(f"{run} has no record of {step}")


def verify_run(uow: UnitOfWork, run: WorkflowRun) -> list[ChainFault]:
    """Check the run's chain of records and that every piece of evidence is there and unaltered."""
    records = uow.lineage.of_run(run.id)
    faults = verify_chain(run.id, records, run.seq)
    for entry in records:
        for digest in (entry.input_digest, entry.output_digest):
            try:
                content = uow.lineage.get_evidence(digest)
                for blob in _blobs_in(msgspec.json.decode(content)):
                    uow.lineage.get_evidence(blob)
            except (NotFound, InvariantError) as error:
                faults.append(ChainFault(run_id=run.id, seq=entry.seq, message=error.message))
    return faults


def replay_run(uow: UnitOfWork, run: RunId, deciders: Mapping[str, Decider], codec: ChainCodec) -> ReplayReport:
    """Run every recorded decision again from its stored inputs and compare the output byte for byte."""
    evidence = _Evidence(uow.lineage, codec, fresh=True)
    replayed = 0
    for entry in uow.lineage.of_run(run):
        if entry.status is StepStatus.FAILED:
            continue
        asked = msgspec.json.decode(uow.lineage.get_evidence(entry.input_digest))
        decider = deciders.get(asked["decide"])
        if decider is None:
            raise NotFound(f"{run} record {entry.seq}: no decision is called {asked['decide']!r} in this version")
        said = decider.decide(evidence.convert(asked["given"], decider.inputs))
        again, stored = evidence.text(said), uow.lineage.get_evidence(entry.output_digest)
        replayed += 1
        if again != stored:
            where = first_difference(msgspec.json.decode(stored), msgspec.json.decode(again))
            return ReplayReport(
                run_id=run, replayed=replayed, identical=False, difference=f"record {entry.seq} {entry.step}: {where}"
            )
    return ReplayReport(run_id=run, replayed=replayed, identical=True)


def first_difference(stored: Any, again: Any, path: str = "") -> str:
    """Name the first field in which two decoded JSON values differ, with both values."""
    if isinstance(stored, dict) and isinstance(again, dict):
        for key in sorted(stored.keys() | again.keys()):
            if stored.get(key) != again.get(key) or (key in stored) != (key in again):
                return first_difference(stored.get(key), again.get(key), f"{path}.{key}" if path else key)
    if isinstance(stored, list) and isinstance(again, list):
        for index, (one, other) in enumerate(zip(stored, again, strict=False)):
            if one != other:
                return first_difference(one, other, f"{path}[{index}]")
    return f"{path or 'output'}: stored {stored!r}, now {again!r}"


class _Evidence:
    """Turns decision inputs and outputs into evidence and back; chains travel as Parquet of their own."""

    def __init__(self, lineage: Lineage, codec: ChainCodec, *, fresh: bool = False) -> None:
        self._lineage = lineage
        self._codec = codec
        self._fresh = fresh  # a replay reads what is stored, not what is remembered

    def json(self, value: object) -> str:
        return self._lineage.put_evidence(self.text(value), "json")

    def text(self, value: object) -> bytes:
        return canonical_json(value, self._replace)

    def read(self, digest: str, type_: type[T]) -> T:
        return self.convert(msgspec.json.decode(self._lineage.get_evidence(digest)), type_)

    def convert(self, plain: object, type_: type[T]) -> T:
        return from_plain(plain, type_, self._restore)

    def _replace(self, value: object) -> object:
        if isinstance(value, OptionChain):
            content = _encoded(self._codec, value)
            if self._fresh:  # a replay writes nothing
                return {CHAIN_MARK: digest_of(content)}
            digest = self._lineage.put_evidence(content, "chain")
            _remember(digest, value)
            return {CHAIN_MARK: digest}
        if isinstance(value, Picture):
            if not self._fresh:
                self._lineage.put_evidence(value.content, "png")
            return {PICTURE_MARK: value.digest}
        return value

    def _restore(self, wanted: type, given: object) -> object:
        if wanted is OptionChain and isinstance(given, dict):
            digest = given[CHAIN_MARK]
            known = None if self._fresh else _RECENT.get(digest)
            return known if known is not None else self._codec.decode(self._lineage.get_evidence(digest))
        if wanted is Picture and isinstance(given, dict):
            return Picture(self._lineage.get_evidence(given[PICTURE_MARK]))
        raise TypeError(f"no way to read a {wanted.__name__}")


# The chains of the runs in hand, by digest: the next step of a run need not read back what was just written.
_RECENT: OrderedDict[str, OptionChain] = OrderedDict()
RECENT_MAX = 8


def _remember(digest: str, chain: OptionChain) -> None:
    _RECENT.pop(digest, None)  # single operations only: a page may replay while the engine records
    _RECENT[digest] = chain
    while len(_RECENT) > RECENT_MAX:
        _RECENT.popitem(last=False)


@lru_cache(maxsize=RECENT_MAX)
def _encoded(codec: ChainCodec, chain: OptionChain) -> bytes:
    # A chain is immutable and stands in the inputs of several steps; it is turned into Parquet once.
    return codec.encode(chain)


def _blobs_in(plain: Any) -> list[str]:
    if isinstance(plain, dict):
        if len(plain) == 1 and not plain.keys().isdisjoint({CHAIN_MARK, PICTURE_MARK}):
            return list(plain.values())
        return [digest for entry in plain.values() for digest in _blobs_in(entry)]
    if isinstance(plain, list):
        return [digest for entry in plain for digest in _blobs_in(entry)]
    return []


def _status_of(verdict: Verdict) -> StepStatus:
    if verdict.reason is Reason.NOT_REQUESTED:
        return StepStatus.SKIPPED
    return StepStatus.DONE if verdict.answer is Answer.ALLOW else StepStatus.DENIED


def _append(desk: Desk, uow: UnitOfWork, run: WorkflowRun, entry: LineageRecord) -> WorkflowRun:
    uow.lineage.append(entry)
    return replace(run, seq=entry.seq)
