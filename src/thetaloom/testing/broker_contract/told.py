"""What a broker told of one order, the executions of its legs put together as the engine does it."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from thetaloom.domain.book.leg_fills import LegExecution, assemble
from thetaloom.domain.book.reports import BrokerReport, ReportKind
from thetaloom.domain.strategy.structures import Leg


def folded(legs: Sequence[Leg], reports: Iterable[BrokerReport]) -> list[BrokerReport]:
    """Return the reports of one order with a FILLED where the executions so far make whole structures.

    A broker that reports by leg is so held to the same sentences as one that reports fills.
    """
    told: list[BrokerReport] = []
    executions: list[LegExecution] = []
    booked = 0
    for report in reports:
        if report.execution is None:
            told.append(report)
            continue
        executions.append(report.execution)
        for fill in assemble(legs, executions, booked=booked).fills:
            booked += fill.quantity
            told.append(replace(report, kind=ReportKind.FILLED, execution=None, fill=fill))
    return told
