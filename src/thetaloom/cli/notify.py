"""``notify``: where people are told what happens, of what, and what became of each message."""

import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from thetaloom.cli.access import carry_out, opened, reading
from thetaloom.cli.output import JsonOption, emit, say, table
from thetaloom.cli.paging import LimitOption, OffsetOption, shown_of, window
from thetaloom.cli.schedule import window_times
from thetaloom.domain.run.notifications import (
    CHOICES,
    DeliveryStatus,
    Destination,
    check_destination_name,
    topics_of,
)
from thetaloom.engine.notification_commands import RemoveDestination, SaveDestination
from thetaloom.errors import InvalidInput, Unavailable
from thetaloom.store.queries.notifications import destination_named, list_deliveries, list_destinations

if TYPE_CHECKING:
    from thetaloom.bootstrap import Platform

app = typer.Typer(help="Messages outside the pages.", no_args_is_help=True, add_completion=False)
NameArgument = Annotated[str, typer.Argument(help="Any name for the destination, such as phone.")]


@app.callback()
def notify() -> None:
    """Say where you are told what happens, of what, and when not."""


@app.command("list")
def list_command(as_json: JsonOption = False) -> None:
    """List the destinations; no address is ever shown."""
    with reading() as read:
        found = list_destinations(read.database, read.user)
    if as_json:
        emit(list(found))
        return
    names = ("destination", "service", "address", "on", "told of", "quiet", "an hour")
    rows = [
        (
            one.name,
            one.service,
            one.shown,
            "yes" if one.enabled else "no",
            " ".join(one.topics),
            _quiet(one),
            one.rate_per_hour,
        )
        for one in found
    ]
    table("1 destination" if len(rows) == 1 else f"{len(rows)} destinations", names, rows)


@app.command("add")
def add_command(
    name: NameArgument,
    url: Annotated[
        str | None,
        typer.Argument(metavar="[ADDRESS]", help="Such as ntfy://topic; - reads it from standard input."),
    ] = None,
    topic: Annotated[
        list[str] | None, typer.Option("--topic", help=f"Told of this: {', '.join(CHOICES)}; may be repeated.")
    ] = None,
    quiet: Annotated[
        str | None, typer.Option("--quiet", metavar="HH:MM-HH:MM", help="Only what is urgent then; empty: never.")
    ] = None,
    zone: Annotated[str | None, typer.Option("--zone", help="The time zone of the quiet hours.")] = None,
    rate: Annotated[int | None, typer.Option("--rate", metavar="N", help="Messages an hour; urgent ones pass.")] = None,
    enabled: Annotated[bool | None, typer.Option("--on/--off", help="Whether it is told anything.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Add a destination, or change the one of that name; its address goes into a file of yours alone."""
    check_destination_name(name)
    address = sys.stdin.readline().strip() if url == "-" else url
    changes: dict[str, object] = {"zone": zone, "rate_per_hour": rate, "enabled": enabled}
    if topic:
        changes["topics"] = topics_of(tuple(topic))
    with opened(chooses=False) as platform:
        known = {one.name: one for one in list_destinations(platform.database, platform.user_id)}.get(name)
        wanted = _with_address(platform, known, name, address)
        if quiet is not None:
            start, end = window_times(quiet)
            wanted = replace(wanted, quiet_from=start, quiet_to=end)
        given = {field: entry for field, entry in changes.items() if entry is not None}
        wanted = replace(wanted, **given)  # type: ignore[arg-type]  # by name
        if address is not None:
            platform.destination_urls.put(platform.user_id, name, address)
        saved = carry_out(platform, SaveDestination(destination=wanted))
    if as_json:
        emit(saved)
    else:
        say(f"[bold]{name}[/] is told by {escape(wanted.service)}. Try it: thetaloom notify test {name}")


@app.command("remove")
def remove_command(name: NameArgument, as_json: JsonOption = False) -> None:
    """Take a destination out and forget its address."""
    with opened(chooses=False) as platform:
        carry_out(platform, RemoveDestination(user_id=platform.user_id, name=name))
        platform.destination_urls.remove(platform.user_id, name)
    if as_json:
        emit({"removed": name})
    else:
        say(f"[bold]{escape(name)}[/] is removed")


@app.command("test")
def test_command(name: NameArgument, as_json: JsonOption = False) -> None:
    """Send a test message now and say whether the service took it."""
    from thetaloom.notify_parts import postman_of

    with opened(chooses=False) as platform:
        found = destination_named(platform.database, platform.user_id, name)
        told = postman_of(platform.settings, platform.desk, platform.destination_urls).test(found)
    if told.status is not DeliveryStatus.SENT:
        raise Unavailable(
            f"{name}: {told.error}", advice="Is its address right, and the service up?", details={"message": told.id}
        )
    if as_json:
        emit(told)
    else:
        say(f"[bold]{name}[/] took it: {told.id}")


@app.command("log")
def log_command(
    name: Annotated[str | None, typer.Option("--to", metavar="NAME", help="Only to this destination.")] = None,
    status: Annotated[DeliveryStatus | None, typer.Option("--status", help="Only those that stand so.")] = None,
    limit: LimitOption = 50,
    offset: OffsetOption = 0,
    as_json: JsonOption = False,
) -> None:
    """List messages, newest first, with what became of each."""
    with reading() as read:
        page = list_deliveries(read.database, read.user, destination=name, status=status, window=window(limit, offset))
    if as_json:
        emit(page)
        return
    names = ("message", "to", "about", "title", "status", "tries", "made", "why")
    rows = [
        (one.id, one.destination, one.topic.value, one.title, one.status.value, one.attempts, one.made_at, one.error)
        for one in page.rows
    ]
    table(shown_of(page, "message"), names, rows)


def _with_address(platform: "Platform", known: Destination | None, name: str, address: str | None) -> Destination:
    from thetaloom.notify_parts import read_service

    if address is None:
        if known is None:
            raise InvalidInput(f"{name} is new and needs an address", advice="Such as ntfy://topic.")
        return known
    service = read_service(address)
    fresh = known or Destination(
        user_id=platform.user_id, name=name, service="", shown="", saved_at=platform.clock.now()
    )
    return replace(fresh, service=service.name, shown=service.shown)


def _quiet(one: Destination) -> str:
    if one.quiet_from is None or one.quiet_to is None:
        return ""
    return f"{one.quiet_from:%H:%M}-{one.quiet_to:%H:%M} {one.zone}"
