"""``broker simulate``: a broker's server of our own on loopback, to practise on with the real adapter."""

import contextlib
import json
import signal
import tempfile
from datetime import datetime
from pathlib import Path
from types import FrameType
from typing import Annotated, NoReturn

import typer

from thetaloom.broker_parts import broker_named
from thetaloom.cli.cases import as_instant, refuse, shown
from thetaloom.cli.known_names import check_connectable
from thetaloom.cli.output import JsonOption, emit, say
from thetaloom.config import SIMULATOR_URL
from thetaloom.testing.broker_servers.practice import CONTROL_ROUTES, Practice, open_practice


def simulate_command(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The broker, as in `thetaloom broker list`.")],
    market: Annotated[str, typer.Option("--market", help="What is traded there; synthetic is all there is.")] = (
        "synthetic"
    ),
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="Port of the control routes; 0: any.")] = 0,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of the market.")] = 1,
    start: Annotated[str | None, typer.Option("--start", help="Where its clock begins, as 2026-01-05T14:30Z.")] = None,
    speed: Annotated[float, typer.Option("--speed", min=0.01, max=100_000, help="How many times faster it runs.")] = 1,
    as_json: JsonOption = False,
) -> None:
    """Run a simulated broker on loopback until Ctrl-C, and print how to connect to it."""
    if market != "synthetic":
        refuse("market", f"{shown(market)} is no market of a simulated broker; there is synthetic")
    check_connectable(name)
    broker_named(name)
    begins = None if start is None else as_instant("start", start)
    if begins is not None and not isinstance(begins, datetime):
        refuse("start", f"{shown(start)} has no time of day; write it like 2026-01-05T14:30:00Z")
    signal.signal(signal.SIGTERM, _interrupt)
    with (
        tempfile.TemporaryDirectory(prefix="thetaloom-simulate-") as folder,
        open_practice(name, Path(folder), seed=seed, start=begins, speed=speed, port=port) as practice,
    ):
        _tell(practice, as_json=as_json)
        with contextlib.suppress(KeyboardInterrupt):  # the ordinary end
            practice.run()


def _tell(practice: Practice, *, as_json: bool) -> None:
    options = practice.options | {SIMULATOR_URL: practice.url}
    if as_json:
        emit(
            {
                "broker": practice.name,
                "control": practice.url,
                "account": practice.server.account,
                "options": options,
                "secrets": practice.server.secrets,
                "environment": {"THETALOOM_BROKER": practice.name, "THETALOOM_BROKER_OPTIONS": json.dumps(options)},
            }
        )
        return
    say(f"a simulated {practice.name} runs; its clock is at {practice.clock.now():%Y-%m-%d %H:%M:%S}Z")
    say("Paste this into another terminal; it makes a home of its own:\n")
    # A home keeps its broker, so what is practised on another one needs another.
    home = f"~/.thetaloom-practice-{practice.name}"
    lines = [f"export THETALOOM_HOME={home}", f"export THETALOOM_BROKER={practice.name}"]
    lines += [f"export THETALOOM_BROKER_OPTIONS='{json.dumps(options)}'"]
    secrets = practice.server.secrets
    lines += [f"echo {secret} | thetaloom secret set {practice.name} {known}" for known, secret in secrets.items()]
    lines += [f"thetaloom up --broker {practice.name}"]
    for line in lines:
        typer.echo(f"  {line}")
    say(f"\nits books and what can go wrong: {practice.url}{', '.join(CONTROL_ROUTES)}")
    say("stop with Ctrl-C; what it holds ends with it, so begin with an empty home the next time")


def _interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt
