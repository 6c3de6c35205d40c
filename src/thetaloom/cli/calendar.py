"""``calendar``: the sessions of an exchange between two dates."""

from datetime import date, timedelta
from functools import lru_cache
from typing import Annotated

import typer

from thetaloom.cli.cases import Case, Fields, FileOption, JsonOption, Outcome, calculate, refuse
from thetaloom.cli.output import emit_cases, error_record, exit_code, table
from thetaloom.cli.price import shipped_calendar
from thetaloom.domain.values.calendar import SessionRow, TradingCalendar
from thetaloom.errors import ThetaloomError

EXCHANGE = "XNYS"
YEARS_MAX = 200


def calendar(
    exchange: Annotated[
        str | None, typer.Option("--exchange", help="Market identifier code; XNYS if not given.")
    ] = None,
    first: Annotated[str | None, typer.Option("--from", help="First date.")] = None,
    last: Annotated[str | None, typer.Option("--to", help="Last date; the first if not given.")] = None,
    file: FileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show session, open and close in UTC, and early closes, from a date to a date, both included.

    With --file each case has exchange, from and to, and its answer holds the list `sessions`.
    """
    given = {"exchange": exchange, "from": first, "to": last}
    if file is not None:
        calculate(given, file, calendar_case, title="sessions", as_json=as_json)
        return
    try:
        rows = _sessions(Fields({name: entry for name, entry in given.items() if entry is not None}))
    except ThetaloomError as error:
        if not as_json:
            raise
        record = error_record(error)
        emit_cases([{"error": {"code": record["code"], "message": record["message"]}}])
        raise typer.Exit(exit_code(error)) from None
    if as_json:
        emit_cases([dict(row) for row in rows])
        return
    names = ("session", "open", "close", "early close")
    shown = ([row["session"], row["open"], row["close"], "early" if row["early_close"] else None] for row in rows)
    table(f"{exchange or EXCHANGE}, {len(rows)} sessions", names, shown)


def calendar_case(case: Case) -> Outcome:
    """Return the sessions that one case asks for."""
    return {"sessions": [dict(row) for row in _sessions(Fields(case))]}


def _sessions(fields: Fields) -> list[SessionRow]:
    exchange = fields.text("exchange", EXCHANGE).upper()
    first_on = fields.date("from")
    last_on = fields.date("to") if fields.has("to") else first_on
    if first_on > last_on:
        refuse("to", f"{last_on} lies before {first_on}")
    if (last_on - first_on).days > YEARS_MAX * 366:
        refuse("to", f"{last_on} lies more than {YEARS_MAX} years after {first_on}")
    return _calendar(exchange, first_on, last_on).session_rows(first_on, last_on)


def _calendar(exchange: str, first_on: date, last_on: date) -> TradingCalendar:
    shipped = shipped_calendar()
    if exchange == shipped.exchange and shipped.first_on <= first_on and last_on <= shipped.last_on:
        return shipped
    return _computed(exchange, first_on, last_on)


@lru_cache(maxsize=256)
def _computed(exchange: str, first_on: date, last_on: date) -> TradingCalendar:
    from thetaloom.marketdata.calendar_table import compute_calendar

    # A table must begin with a session at or before what is asked: a fortnight holds one on any exchange.
    margin = timedelta(days=14)
    return compute_calendar(exchange, first_on - margin, last_on + margin)
