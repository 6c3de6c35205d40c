"""``signal source``: who may send signals, how they prove it, and what their words mean."""

import secrets
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from typing import Annotated

import typer

from thetaloom.cli.access import carry_out, opened, reading
from thetaloom.cli.output import JsonOption, emit, pairs, say, table, to_plain
from thetaloom.config import Mode
from thetaloom.domain.run.signal_reading import SYNONYMS
from thetaloom.domain.run.signal_records import SourceRecord
from thetaloom.domain.run.signal_sources import WEIGHT_DEFAULT, WEIGHTS, SellMeaning, SignalSource, SourceAuth
from thetaloom.domain.values.ids import StrategyId
from thetaloom.engine.commands import SaveSignalSource
from thetaloom.errors import InvalidInput, NotAllowed
from thetaloom.store.queries.signals import find_source, list_sources, source_records

app = typer.Typer(help="Who may send signals.", no_args_is_help=True, add_completion=False)

NameArgument = Annotated[str, typer.Argument(help="As in the address: POST /webhook/NAME.")]
AuthOption = Annotated[
    SourceAuth | None,
    typer.Option("--auth", help="How it proves itself; hmac for a new one. Unsigned is for paper mode alone."),
]
SecretOption = Annotated[
    str | None, typer.Option("--secret", help="The shared secret; without it, one is made and shown once.")
]
StrategyOption = Annotated[
    str | None, typer.Option("--strategy", metavar="ID", help="The strategy of signals that name none.")
]
SellOption = Annotated[SellMeaning | None, typer.Option("--sell", help="What SELL means.")]
AddressOption = Annotated[
    list[str] | None, typer.Option("--address", metavar="NETWORK", help="May send from here; can be repeated.")
]
MapOption = Annotated[
    list[str] | None,
    typer.Option("--map", metavar="PATH=FIELD", help="What a path in its messages stands for; can be repeated."),
]
FixOption = Annotated[
    list[str] | None,
    typer.Option("--fix", metavar="FIELD=WORD", help="A field that it leaves out; can be repeated."),
]
ScaleOption = Annotated[
    str | None, typer.Option("--confidence-scale", metavar="N", help="Its full confidence: 1, 10, 100 …")
]
WeightOption = Annotated[str | None, typer.Option("--weight", metavar="W", help="How much its word counts.")]
HalfLifeOption = Annotated[
    int | None, typer.Option("--half-life", metavar="MINUTES", help="After which its word counts half.")
]
VoteOption = Annotated[
    int | None, typer.Option("--vote-minutes", metavar="N", help="After which its word counts no more.")
]
AgeOption = Annotated[int | None, typer.Option("--age", metavar="SECONDS", help="Older signals are refused.")]
CooldownOption = Annotated[
    int | None, typer.Option("--cooldown", metavar="SECONDS", help="Between two openings of symbol and direction.")
]
QueuesOption = Annotated[bool | None, typer.Option("--queues/--no-queues", help="Leave signals for the next open.")]
LeastOption = Annotated[
    int | None, typer.Option("--confidence-min", metavar="N", help="Of the whole, 0 to 100; less denies the run.")
]
RecordOption = Annotated[
    bool | None, typer.Option("--by-record/--plain-weight", help="Let its weight follow how often it was right.")
]
EnabledOption = Annotated[bool | None, typer.Option("--on/--off", help="Whether it may send at all.")]


@app.callback()
def source() -> None:
    """Say who may send signals, how they prove it, and what their words mean."""


@app.command("list")
def list_command(as_json: JsonOption = False) -> None:
    """List the sources; no secret is ever shown."""
    with reading() as read:
        found = list_sources(read.database, read.user)
        records = source_records(read.database, read.user)
    if as_json:
        emit([{**to_plain(one), "record": record_shown(records.get(one.name))} for one in found])
        return
    names = ("source", "proof", "on", "strategy", "SELL means", "weight", "right", "cool-down", "queues", "addresses")
    rows = [
        (
            one.name,
            one.auth.value,
            "yes" if one.enabled else "no",
            one.strategy_id,
            None if one.sell is None else one.sell.value,
            f"{one.weight} by record" if one.weighs_by_record else one.weight,
            _right(records.get(one.name)),
            f"{one.cooldown_seconds} s",
            "yes" if one.queues else "no",
            ", ".join(one.addresses) or "any",
        )
        for one in found
    ]
    table("1 source" if len(rows) == 1 else f"{len(rows)} sources", names, rows)


@app.command("add")
def add_command(
    name: NameArgument,
    auth: AuthOption = None,
    secret: SecretOption = None,
    strategy: StrategyOption = None,
    sell: SellOption = None,
    address: AddressOption = None,
    mapping: MapOption = None,
    fixed: FixOption = None,
    confidence_scale: ScaleOption = None,
    weight: WeightOption = None,
    half_life: HalfLifeOption = None,
    vote_minutes: VoteOption = None,
    age: AgeOption = None,
    cooldown: CooldownOption = None,
    queues: QueuesOption = None,
    confidence_min: LeastOption = None,
    by_record: RecordOption = None,
    enabled: EnabledOption = None,
    as_json: JsonOption = False,
) -> None:
    """Add a source, or change what is named of one; its new secret is shown this once."""
    changes = {
        "auth": auth,
        "strategy_id": None if strategy is None else StrategyId(strategy),
        "sell": sell,
        "addresses": None if address is None else tuple(address),
        "mapping": None if mapping is None else _fields(mapping, "--map", by_value=True),
        "fixed": None if fixed is None else _fields(fixed, "--fix", by_value=False),
        "confidence_scale": _number(confidence_scale, "--confidence-scale"),
        "weight": _number(weight, "--weight"),
        "half_life_minutes": half_life,
        "vote_minutes_max": vote_minutes,
        "age_seconds_max": age,
        "cooldown_seconds": cooldown,
        "queues": queues,
        "confidence_min": confidence_min,
        "weighs_by_record": by_record,
        "enabled": enabled,
    }
    saved, told = _save(name, {key: entry for key, entry in changes.items() if entry is not None}, secret)
    if as_json:
        emit({**to_plain(saved), "secret": told})
        return
    pairs(f"source {saved.name}", {"proof": saved.auth.value, "strategy": saved.strategy_id, "weight": saved.weight})
    if told is not None:
        say(f"[bold]secret:[/] {told}  (shown this once)")
    say(f"It sends to [bold]POST /webhook/{saved.name}[/].")


def record_shown(record: SourceRecord | None) -> dict[str, object]:
    """Return a source's record for a program; a share that is not known is null."""
    found = record or SourceRecord()
    shares = {"lifetime": found.lifetime, "recent": found.recent, "credibility": found.credibility}
    return {**to_plain(found), **to_plain(shares)}


def _right(record: SourceRecord | None) -> str:
    if record is None or record.lifetime is None or record.recent is None:
        return "not judged yet"
    return f"{record.right} of {record.judged} ({record.lifetime:.0%}, of late {record.recent:.0%})"


def _save(name: str, changes: dict[str, object], secret: str | None) -> tuple[SignalSource, str | None]:
    with opened() as platform:
        before = find_source(platform.database, platform.user_id, name)
        fresh = SignalSource(
            name=name,
            user_id=platform.user_id,
            auth=SourceAuth.HMAC,
            weight=WEIGHTS.get(name, WEIGHT_DEFAULT),
            saved_at=platform.clock.now(),
        )
        wanted = replace(before or fresh, saved_at=platform.clock.now(), **changes)  # type: ignore[arg-type]  # by name
        is_unsigned = wanted.auth is SourceAuth.UNSIGNED
        if is_unsigned and platform.settings.mode is not Mode.PAPER:
            raise NotAllowed("unsigned_live", "a source without a secret is taken in paper mode only")
        if is_unsigned and secret is not None:
            raise InvalidInput("an unsigned source has no secret", advice="Choose --auth hmac or body.")
        kept = platform.source_secrets
        told = None
        if not is_unsigned and (secret is not None or kept.get(name) is None):
            told = secret or secrets.token_urlsafe(32)
            kept.put(name, told)
        saved = carry_out(platform, SaveSignalSource(source=wanted))
        if not isinstance(saved, SignalSource):
            raise TypeError("a source was expected")
    return saved, None if secret is not None else told


def _fields(given: list[str], option: str, *, by_value: bool) -> dict[str, str]:
    found = {}
    for entry in given:
        key, is_there, word = entry.partition("=")
        field = word if by_value else key
        if not is_there or not key or field not in SYNONYMS:
            raise InvalidInput(f"{option} {entry!r}: one of {', '.join(SYNONYMS)} is expected")
        found[key] = word
    return found


def _number(text: str | None, option: str) -> Decimal | None:
    if text is None:
        return None
    try:
        number = Decimal(text)
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite():
        raise InvalidInput(f"{option}: {text!r} is no number")
    return number
