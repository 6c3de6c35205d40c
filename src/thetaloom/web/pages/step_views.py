"""Which view a recorded step is shown by: one for each kind of step, and the generic one for all else."""

from collections.abc import Callable, Mapping, Sequence

from thetaloom.domain.run.runs import StepName, StepStatus
from thetaloom.store.queries.lineage import StepRecord
from thetaloom.web.pages.market_step_views import (
    analysis_view,
    charts_view,
    given_of,
    indicators_view,
    market_view,
    said_of,
    signal_view,
    strategy_view,
    symbol_view,
)
from thetaloom.web.pages.order_step_views import (
    order_view,
    portfolio_view,
    proposal_view,
    report_view,
    risk_view,
    settled_view,
    structure_view,
)
from thetaloom.web.pages.shown import Shown, Told

GENERIC = Shown(kind="generic")
ORDERS = frozenset({StepName.SUBMIT_ORDER, StepName.CLOSE_POSITION})
_ALONE: Mapping[StepName, Callable[[StepRecord], Shown]] = {
    StepName.RESOLVE_SYMBOL: symbol_view,
    StepName.FETCH_MARKET: market_view,
    StepName.COMPUTE_INDICATORS: indicators_view,
    StepName.DRAW_CHART: charts_view,
    StepName.ANALYZE: analysis_view,
    StepName.SELECT_STRUCTURE: structure_view,
    StepName.EVALUATE: signal_view,
    StepName.CHECK_RISK: risk_view,
    StepName.REQUEST_APPROVAL: proposal_view,
    StepName.MANAGE_POSITION: portfolio_view,
}


def view_of(step: StepRecord, strategy: Told | None = None, walk: Sequence[StepRecord] = ()) -> Shown:
    """Return the view of a step; ``strategy`` is what the run used, ``walk`` the moves of the step's order.

    A record that a view can't read, because it failed, was skipped, is older or was altered, is shown as it is.
    """
    if step.record.status in {StepStatus.SKIPPED, StepStatus.FAILED}:
        return GENERIC
    try:
        return _chosen(step, strategy, walk)
    except (KeyError, TypeError, IndexError, AttributeError, ValueError):
        return GENERIC


def _chosen(step: StepRecord, strategy: Told | None, walk: Sequence[StepRecord]) -> Shown:
    said, name = said_of(step), step.record.step
    if "order" in said and "position" in said:
        return report_view(step, walk)
    if "position" in said:
        return settled_view(step)
    if name is StepName.TRIGGER:
        return strategy_view(step, strategy)
    return order_view(step, walk) if name in ORDERS else _ALONE[name](step)


def strategy_in(steps: Sequence[StepRecord]) -> Told | None:
    """Return the strategy as the first of these steps recorded it."""
    return next((given["strategy"] for step in steps if "strategy" in (given := given_of(step))), None)


def order_of(step: StepRecord) -> str:
    """Return the id of the order that a step moved or was told of; empty where it is about none."""
    order = said_of(step).get("order")
    own = order if isinstance(order, dict) else given_of(step)
    return str(own.get("client_order_id") or "")
