"""``signal``: what came from outside, what became of it, and who may send."""

import sys
from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any

import typer
from rich.markup import escape

from thetaloom.cli.access import carry_out, opened, reading
from thetaloom.cli.output import JsonOption, emit, note, pairs, say, shown_instant, table, to_plain
from thetaloom.cli.paging import LimitOption, OffsetOption, shown_of, window
from thetaloom.cli.signal_sources import app as source_app
from thetaloom.domain.run.signal_bodies import read_body, without_secrets
from thetaloom.domain.run.signal_faults import Problem
from thetaloom.domain.run.signal_intake import Answer
from thetaloom.domain.run.signal_sources import WEIGHTS, SignalSource, SourceAuth
from thetaloom.domain.run.signals import SignalStage
from thetaloom.domain.values.canonical import canonical_json
from thetaloom.domain.values.reasons import Reason
from thetaloom.domain.values.symbols import canonical_symbol
from thetaloom.engine.commands import SaveSignalSource, TakeSignal
from thetaloom.engine.signals import SignalAnswer
from thetaloom.errors import InvalidInput, NotAllowed
from thetaloom.marketdata.clocks import SystemClock
from thetaloom.store.queries.signals import SignalDetail, find_source, list_signals, signal_detail

app = typer.Typer(help="Signals from outside.", no_args_is_help=True, add_completion=False)
app.add_typer(source_app, name="source")
MANUAL = "manual"


@app.callback()
def signal() -> None:
    """See what came from outside and what became of it, send a signal, and say who may."""


@app.command("list")
def list_command(
    symbol: Annotated[str | None, typer.Option("--symbol", help="Only those on this symbol.")] = None,
    source: Annotated[str | None, typer.Option("--source", help="Only those of this source.")] = None,
    stage: Annotated[SignalStage | None, typer.Option("--stage", help="Only those that stand here.")] = None,
    limit: LimitOption = 50,
    offset: OffsetOption = 0,
    as_json: JsonOption = False,
) -> None:
    """List signals, newest first."""
    wanted = canonical_symbol(symbol) if symbol else None
    with reading() as read:
        page = list_signals(
            read.database, read.user, symbol=wanted, source=source, stage=stage, window=window(limit, offset)
        )
    if as_json:
        emit(page)
        return
    names = ("signal", "source", "symbol", "direction", "action", "confidence", "stage", "reason", "run", "received")
    rows = [
        (
            one.id,
            one.source,
            one.symbol,
            one.direction.value,
            one.action.value,
            one.confidence,
            one.stage.value,
            one.reason,
            one.run_id,
            one.received_at,
        )
        for one in page.rows
    ]
    table(shown_of(page, "signal"), names, rows)


@app.command("show")
def show_command(
    signal_id: Annotated[str, typer.Argument(metavar="SIGNAL", help="The signal's id.")], as_json: JsonOption = False
) -> None:
    """Show one signal: what it said, its trail, and how it was weighed."""
    with reading() as read:
        detail = signal_detail(read.database, read.user, signal_id)
    if as_json:
        emit(to_plain(detail))
        return
    _show(detail)


@app.command("send")
def send_command(
    words: Annotated[
        list[str], typer.Argument(metavar="MESSAGE", help="Such as BUY SPY 5m, or JSON; - reads standard input.")
    ],
    source: Annotated[str, typer.Option("--source", help="As if this source had sent it.")] = MANUAL,
    strategy: Annotated[str | None, typer.Option("--strategy", metavar="ID", help="The strategy to run.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Send a signal as a source would; no signature is needed here."""
    text = sys.stdin.read() if words == ["-"] else " ".join(words)
    payload = _payload(text, strategy)
    with opened() as platform:
        wall = SystemClock().now()
        if source == MANUAL and find_source(platform.database, platform.user_id, MANUAL) is None:
            # Without a secret nobody can send in its name from outside.
            made = SignalSource(
                name=MANUAL,
                user_id=platform.user_id,
                auth=SourceAuth.HMAC,
                weight=WEIGHTS[MANUAL],
                saved_at=platform.clock.now(),
            )
            carry_out(platform, SaveSignalSource(source=made))
        payload.setdefault("timestamp", wall.isoformat())
        wish = TakeSignal(
            user_id=platform.user_id, source=source, payload=canonical_json(payload).decode(), wall_at=wall
        )
        answer = carry_out(platform, wish)
        if not isinstance(answer, SignalAnswer):
            raise TypeError("an answer was expected")
        _refuse(answer)
        detail = signal_detail(platform.database, platform.user_id, answer.signal_id or "")
    if as_json:
        emit({"status": answer.answer.value, "ignored": list(answer.reading.ignored), **to_plain(detail)})
        return
    if answer.answer is Answer.DUPLICATE:
        say(f"[bold]{answer.signal_id}[/] said the same; nothing was started again.")
    if answer.reading.ignored:
        note(f"ignored: {', '.join(answer.reading.ignored)}")
    _show(detail)


def _payload(text: str, strategy: str | None) -> dict[str, Any]:
    plain = read_body(text.encode())
    if isinstance(plain, Problem):
        raise InvalidInput(plain.message, details={plain.field: plain.fault.value})
    kept: dict[str, Any] = without_secrets(plain)
    return kept if strategy is None else {**kept, "strategy": strategy}


def _refuse(answer: SignalAnswer) -> None:
    if answer.answer is Answer.REJECTED:
        understood = ", ".join(f"{name}={word}" for name, word in answer.reading.understood.items())
        raise InvalidInput(
            "; ".join(problem.message for problem in answer.problems),
            advice=f"Understood was: {understood}" if understood else "Nothing was understood.",
            details={problem.field: problem.fault.value for problem in answer.problems},
        )
    if answer.answer is Answer.REFUSED:
        facts = ", ".join(f"{name}={fact}" for name, fact in answer.facts.items())
        raise NotAllowed(
            answer.reason,
            f"{answer.signal_id} is refused ({facts})",
            advice=Reason.of(answer.reason).text,
            details={"signal_id": answer.signal_id, **answer.facts},
        )


def _show(detail: SignalDetail) -> None:
    one = detail.signal
    lines: dict[str, object] = {
        "source": f"{one.source} ({one.shape})",
        "asks": f"{one.action.value} {one.direction.value}",
        "timeframe": one.timeframe,
        "confidence": one.confidence,
        "price": one.price,
        **{f"level {name}": level for name, level in one.levels.items()},
        **one.facts,
        "sent": None if one.sent_at is None else shown_instant(one.sent_at),
        "received": shown_instant(one.received_at),
        "came again": one.repeats,
        "strategy": one.strategy_id,
        "run": one.run_id,
    }
    pairs(f"{one.id}  {one.symbol}  {one.stage.value}", {name: word for name, word in lines.items() if word})
    rows = [
        (entry.seq, entry.stage.value, entry.actor, entry.reason, _facts(entry.facts), entry.at)
        for entry in detail.trail
    ]
    table("trail", ("#", "stage", "by", "reason", "facts", "at"), rows)
    if detail.judged is not None:
        _show_judged(detail.judged)


def _show_judged(judged: Mapping[str, Any]) -> None:
    together, sure = judged["confluence"], judged["confidence"]
    names = ("source", "stance", "weight", "age", "decay", "counts")
    rows = [
        (row["source"], row["stance"], row["weight"], f"{row['age_seconds']} s", row["decay"], row["counts"])
        for row in together["contributions"]
    ]
    share = "no other source has spoken" if together["share"] is None else f"{Decimal(together['share']):.0%} agrees"
    table(f"confluence: {share}", names, rows)
    parts = [(part["name"], part["points"], part["why"]) for part in sure["parts"]]
    table(f"confidence {sure['total']} of 100", ("part", "points", "why"), parts)


def _facts(facts: Mapping[str, str]) -> str:
    return escape(", ".join(f"{name}={fact}" for name, fact in facts.items()))
