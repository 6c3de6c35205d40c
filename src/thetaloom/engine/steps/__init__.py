"""The thirteen steps. Each has ``gather`` (collect inputs), ``decide`` (pure) and ``act`` (write the effect).

A new step is one file here and one line in ``PIPELINE``. Steps do not know each other.
"""

from collections.abc import Mapping

from thetaloom.domain.run.runs import StepName
from thetaloom.engine.lineage import Decider
from thetaloom.engine.step import Step
from thetaloom.engine.steps import (
    analyze,
    check_risk,
    close_position,
    compute_indicators,
    draw_chart,
    evaluate,
    fetch_market,
    manage_position,
    request_approval,
    resolve_symbol,
    select_structure,
    submit_order,
    trigger,
)

PIPELINE: Mapping[StepName, Step] = {
    step.name: step
    for step in (
        trigger.STEP,
        resolve_symbol.STEP,
        fetch_market.STEP,
        compute_indicators.STEP,
        draw_chart.STEP,
        analyze.STEP,
        select_structure.STEP,
        evaluate.STEP,
        check_risk.STEP,
        request_approval.STEP,
        submit_order.STEP,
        manage_position.STEP,
        close_position.STEP,
    )
}

STEP_DECIDERS: Mapping[str, Decider] = {step.decider.name: step.decider for step in PIPELINE.values()}
