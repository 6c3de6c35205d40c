"""``up``: pages, engine, and the paper broker or the line to a real one, in one process."""

import asyncio
import gc
import logging
import signal
import socket
import sys
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from rich.markup import escape

from thetaloom.cli.access import lives
from thetaloom.cli.known_names import check_broker, check_market
from thetaloom.cli.output import say, shown_instant
from thetaloom.config import PAPER_BROKER, MarketSource, Mode, Settings, load_settings
from thetaloom.errors import ConfigError, InvariantError, NotAllowed, Unavailable

if TYPE_CHECKING:
    from thetaloom.bootstrap import Platform, Pulse

FIRST_LINK_DAYS = 3650  # until it is used, or until the next start
STOP_SECONDS = 5  # how long open connections may keep a stopping server
BACKLOG = 2048
SWITCH_SECONDS = 0.0005  # between two threads that both have work


def up(
    port: Annotated[int | None, typer.Option("--port", min=1, max=65535, help="Port; 8787 if not set.")] = None,
    market: Annotated[
        str | None,
        typer.Option("--market", help="Source of market data: synthetic, recorded, cboe, broker, or a broker's name."),
    ] = None,
    broker: Annotated[str | None, typer.Option("--broker", help="Where orders go: paper, or a broker by name.")] = None,
    paper: Annotated[bool, typer.Option("--paper", help="Paper trading, whatever the settings say.")] = False,
    speed: Annotated[
        float | None, typer.Option("--speed", help="How many times faster than real the market's clock runs.")
    ] = None,
    host: Annotated[str | None, typer.Option("--host", help="Address to listen on; loopback if not set.")] = None,
) -> None:
    """Start pages, engine and broker, print the link, and go on until Ctrl-C."""
    mode = Mode.PAPER if paper else None
    check_broker(broker)
    check_market(market)
    settings = load_settings(port=port, host=host, market=market, broker=broker, speed=speed, mode=mode)
    _refuse_live_unallowed(settings)
    listening = _listen(settings)
    try:
        _serve(settings, listening)
    finally:
        listening.close()


def _refuse_live_unallowed(settings: Settings) -> None:
    # No other command is refused for this: what is held must come off after the leave was withdrawn, too.
    if settings.wants_live and not settings.allow_live:
        raise ConfigError(
            "mode is live but allow_live is false",
            advice='Set `allow_live = true` in config.toml as well, or mode = "paper".',
            details=settings.model_dump(include={"mode", "allow_live", "broker"}),
        )


def _serve(settings: Settings, listening: socket.socket) -> None:
    from thetaloom import log
    from thetaloom.bootstrap import build, engine_loop, prepare_home, read_pulse, with_its_market, write_pulse
    from thetaloom.notify_parts import post_office_of
    from thetaloom.store.database import open_database
    from thetaloom.store.upgrading import upgrade
    from thetaloom.web.app import create_app

    log.configure(settings.log_level)
    prepare_home(settings)
    database = open_database(settings.database)
    upgrade(database)
    pulse = read_pulse(database)
    _refuse_second(pulse)
    settings = with_its_market(settings, pulse)
    platform = build(settings, database, start=None if pulse is None else pulse.now, clock_kind="paced")
    loop = engine_loop(platform, on_failure=lambda: signal.raise_signal(signal.SIGTERM))
    post = post_office_of(settings, platform.desk, database, platform.destination_urls)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        write_pulse(platform)
        application = create_app(platform, loop)
        leave_out_of_collections()
        # A webhook's answer asks the database a dozen times, and may wait so long for the engine's thread each time.
        sys.setswitchinterval(SWITCH_SECONDS)
        loop.start()
        post.start(None if pulse is None or pulse.has_ended else pulse.wall)
        _listen_and_answer(application, platform, listening)
    except KeyboardInterrupt:
        pass  # the ordinary end
    finally:
        loop.stop()
        post.stop(engine_failed=loop.failure is not None)
        write_pulse(platform, alive=False)
        platform.close()
    if loop.failure is not None:
        raise InvariantError(
            f"the engine stopped: {loop.failure}",
            advice="Nothing was sent after that. Run `thetaloom doctor`, then start again.",
        ) from loop.failure
    say("stopped; what rests at the broker stays there")


def leave_out_of_collections() -> None:
    """Keep all that is there by now for good: a full garbage collection over it holds every thread for 200 ms."""
    gc.freeze()


def _listen(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((settings.host, settings.port))
        listening.listen(BACKLOG)
    except OSError as error:
        listening.close()
        raise Unavailable(
            f"cannot listen on {settings.host}:{settings.port}: {error.strerror}",
            advice="Is another program on that port? Choose one with --port.",
            details={"host": settings.host, "port": settings.port},
        ) from error
    return listening


def _refuse_second(pulse: "Pulse | None") -> None:
    if pulse is not None and lives(pulse):
        raise NotAllowed(
            "server_is_running",
            f"another server works on this database (process {pulse.process})",
            advice="Use that one, stop it, or set another THETALOOM_HOME.",
            details={"process": pulse.process},
        )


def _interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def _listen_and_answer(application: Any, platform: "Platform", listening: socket.socket) -> None:
    import uvicorn

    from thetaloom.web.connections import BoundedConnection
    from thetaloom.web.wire.messages import FRAME_BYTES_MAX

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            _greet(platform)

        def handle_exit(self, sig: int, frame: FrameType | None) -> None:
            if not self.should_exit:  # asked again it goes on stopping, which takes STOP_SECONDS at most
                super().handle_exit(sig, frame)

    configuration = uvicorn.Config(
        application,
        http=BoundedConnection,
        ws="websockets-sansio",
        ws_max_size=FRAME_BYTES_MAX,
        ws_per_message_deflate=False,  # pages are near, and packing the same quotes for each would cost a core
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=STOP_SECONDS,
    )
    server = Server(configuration)
    # Who stops cuts off what is under way: that is no fault, and needs no trace.
    logging.getLogger("uvicorn.error").addFilter(lambda record: not (server.should_exit and _was_cut_off(record)))
    server.run(sockets=[listening])


def _was_cut_off(record: logging.LogRecord) -> bool:
    return record.exc_info is not None and isinstance(record.exc_info[1], asyncio.CancelledError)


def _first_key(platform: "Platform") -> str | None:
    """Make the key of the first user's link, in the place of the one of the last start."""
    from thetaloom.store.people import invite
    from thetaloom.store.queries.people import has_password

    if has_password(platform.database, platform.user_id):
        return None
    return invite(platform.database, platform.user_id, platform.wall.now(), days=FIRST_LINK_DAYS)


def _greet(platform: "Platform") -> None:
    settings = platform.settings
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    made = ", made by a seed" if settings.market is MarketSource.SYNTHETIC else ""
    key = _first_key(platform)
    path = "" if key is None else f"welcome?key={key}"
    say(f"[bold green]Thetaloom[/] is at [bold]http://{escape(host)}:{settings.port}/{path}[/]")
    if key is not None:
        say("[dim]this link works once: you choose a name and a password there[/]")
    say(
        f"{settings.mode.value} trading{_where(platform)} on {_market(settings)}{made}; "
        f"its clock is at {shown_instant(platform.clock.now())}, speed {platform.speed:g}"
    )
    if settings.market is MarketSource.CBOE:
        say("[dim]a symbol is asked for when it is first named; thetaloom doctor says whether Cboe answers[/]")
    if not platform.desk.may_compute():
        say("[dim]its kernels are being compiled, once for this version; new runs wait for them, orders do not[/]")
    say("[dim]stop with Ctrl-C[/]")


def _market(settings: Settings) -> str:
    return "its own quotes" if settings.market is MarketSource.BROKER else f"the {settings.market} market"


def _where(platform: "Platform") -> str:
    broker = platform.broker
    if platform.settings.broker == PAPER_BROKER:
        return ""
    simulated = " (a simulated server)" if platform.settings.is_simulated else ""
    return f" at {broker.name}{simulated}, account {broker.account_id},"
