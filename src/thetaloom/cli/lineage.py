"""``lineage``: the evidence of each step; shown, verified, replayed, counted, searched and exported."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from thetaloom.cli import lineage_views, verify_lineage
from thetaloom.cli.access import opened, reading
from thetaloom.cli.output import EXIT_FAILED, JsonOption, emit, pairs, say, table, to_plain
from thetaloom.cli.words import clock_text
from thetaloom.domain.run.runs import StepName
from thetaloom.domain.values.ids import RunId
from thetaloom.errors import InvalidInput
from thetaloom.store.queries.bundles import bundle_of
from thetaloom.store.queries.lineage import StepRecord, lineage_of_run, step_record
from thetaloom.store.queries.paging import LIMIT_MAX, Window
from thetaloom.store.queries.runs import list_runs, run_detail
from thetaloom.store.queries.story import tell_step

if TYPE_CHECKING:
    from thetaloom.bootstrap import Platform

app = typer.Typer(
    help="Look at the evidence of each step, verify it and replay it.", no_args_is_help=True, add_completion=False
)
app.command()(lineage_views.stats)
app.command()(lineage_views.recent)
app.command()(lineage_views.search)
RunArgument = Annotated[str, typer.Argument(metavar="RUN", help="The run's id.")]
AllRunsArgument = Annotated[str | None, typer.Argument(metavar="[RUN]", help="The run's id; all runs if not given.")]


@app.command()
def show(
    run: RunArgument,
    seq: Annotated[int | None, typer.Option("--seq", min=1, help="One record, with its inputs and decision.")] = None,
    step: Annotated[StepName | None, typer.Option("--step", help="The last record of this step, in full.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Show the records of a run, or one of them with what it was given and what it decided."""
    with reading() as read:
        if seq is not None or step is not None:
            _show_record(step_record(read.database, read.user, RunId(run), step, seq=seq), as_json=as_json)
            return
        records = lineage_of_run(read.database, read.user, RunId(run))
        told = [
            tell_step(step_record(read.database, read.user, RunId(run), seq=record.seq)) if not as_json else ""
            for record in records
        ]
    if as_json:
        emit({"run": run, "records": records})
        return
    names = ("#", "step", "status", "at", "µs", "hash", "what it found")
    rows = (
        (
            record.seq,
            record.step.value,
            record.status.value,
            clock_text(record.started_at),
            record.duration_us,
            record.hash[:12],
            text,
        )
        for record, text in zip(records, told, strict=True)
    )
    table(f"lineage of {run}", names, rows)


@app.command()
def verify(run: AllRunsArgument = None, as_json: JsonOption = False) -> None:
    """Check that no record or evidence was changed, removed, added or reordered; exit code 1 if one was."""
    from thetaloom.engine.lineage import verify_run

    runs = records = 0
    faults: list[dict[str, Any]] = []
    with opened() as platform:
        for each in _runs(platform, run):
            found = run_detail(platform.database, platform.user_id, each).run
            with platform.store.unit_of_work() as uow:
                faults += [to_plain(fault) for fault in verify_run(uow, found)]
            runs, records = runs + 1, records + found.seq
    if as_json:
        emit({"verified": not faults, "runs": runs, "records": records, "faults": faults})
    elif faults:
        rows = ((fault["run_id"], fault["seq"], fault["message"]) for fault in faults)
        table("faults", ("run", "#", "what is wrong"), rows)
    else:
        say(f"[green]whole[/]: {records} records of {runs} runs")
    if faults:
        raise typer.Exit(EXIT_FAILED)


@app.command()
def replay(run: AllRunsArgument = None, as_json: JsonOption = False) -> None:
    """Take every decision again from its stored inputs; exit code 1 unless each comes out the same to the byte."""
    from thetaloom.engine.engine import DECIDERS
    from thetaloom.engine.lineage import replay_run

    reports = []
    with opened() as platform:
        for each in _runs(platform, run):
            run_detail(platform.database, platform.user_id, each)  # refuses another user's
            with platform.store.unit_of_work() as uow:
                reports.append(replay_run(uow, each, DECIDERS, platform.desk.codec))
    identical = all(report.identical for report in reports)
    replayed = sum(report.replayed for report in reports)
    if as_json:
        emit({"identical": identical, "runs": len(reports), "replayed": replayed, "reports": reports})
    elif identical:
        say(f"[green]identical[/]: {replayed} decisions of {len(reports)} runs, to the byte")
    else:
        rows = ((report.run_id, report.difference) for report in reports if not report.identical)
        table("differences", ("run", "first difference"), rows)
    if not identical:
        raise typer.Exit(EXIT_FAILED)


@app.command()
def export(
    run: RunArgument,
    out: Annotated[Path | None, typer.Option("--out", help="File to write; standard output if not given.")] = None,
    html: Annotated[
        Path | None, typer.Option("--html", help="Write a report for people to this file instead; it needs no server.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Write a run's records with all their evidence as one JSON document; chains and pictures in base64."""
    if html is not None:
        _export_report(RunId(run), html, out, as_json=as_json)
        return
    with reading() as read:
        bundle = bundle_of(read.database, read.user, RunId(run))
    if out is None:
        emit(bundle)
        return
    _write(out, json.dumps(bundle, ensure_ascii=False, indent=1))
    counts = {"records": len(bundle["records"]), "blobs": len(bundle["blobs"])}
    if as_json:
        emit({"run": run, **counts, "head": bundle["head"], "file": str(out)})
    else:
        say(f"{counts['records']} records and {counts['blobs']} blobs in {escape(str(out))}")
        say(f"last hash [bold]{bundle['head']['hash']}[/]: note it elsewhere, and the file can be held against it")


@app.command()
def verifier(
    out: Annotated[Path | None, typer.Option("--out", help="File to write; standard output if not given.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Write the script that verifies an exported run with nothing but Python, for whoever does not trust us."""
    text = Path(verify_lineage.__file__).read_text(encoding="utf-8")
    if out is None:
        typer.echo(text, nl=False)
        return
    _write(out, text)
    if as_json:
        emit({"file": str(out)})
    else:
        say(f"python {escape(str(out))} BUNDLE.json [--head HASH]")


def _export_report(run: RunId, html: Path, out: Path | None, *, as_json: bool) -> None:
    from thetaloom.web.report import report_of

    if out is not None:
        raise InvalidInput("out: name one of --out and --html")
    with opened() as platform:
        _write(html, report_of(platform, platform.user_id, run))
    if as_json:
        emit({"run": run, "file": str(html)})
    else:
        say(f"the report is in {escape(str(html))}; open it in any browser")


def _write(out: Path, text: str) -> None:
    if out.exists():
        raise InvalidInput(f"out: {out} exists already; an export never writes over a file")
    out.write_text(text, encoding="utf-8")


def _runs(platform: "Platform", run: str | None) -> Iterator[RunId]:
    if run is not None:
        yield RunId(run)
        return
    offset = 0
    while True:
        page = list_runs(platform.database, platform.user_id, window=Window(limit=LIMIT_MAX, offset=offset))
        yield from (each.id for each in page.rows)
        offset += LIMIT_MAX
        if offset >= page.total:
            return


def _show_record(found: StepRecord, *, as_json: bool) -> None:
    if as_json:
        emit(found)
        return
    record = found.record
    pairs(
        f"{record.run_id} record {record.seq}",
        {
            "step": record.step.value,
            "status": record.status.value,
            "at": record.started_at,
            "took": f"{record.duration_us} µs",
            "reason": record.reason or None,
            "error": record.error or None,
            "strategy": f"{record.strategy_id}, revision {record.strategy_revision}",
            "version": record.code_version,
            "hash": record.hash,
            "follows": record.previous_hash,
        },
    )
    for name, evidence in (("given", found.input), ("decided", found.output)):
        if evidence is not None:
            say(f"[bold]{name}[/] [dim]{evidence.digest}, {evidence.size:,} bytes[/]")
            say(escape(json.dumps(evidence.content, indent=2, ensure_ascii=False)))
