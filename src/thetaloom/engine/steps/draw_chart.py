"""Step 5: the chart, drawn only when the strategy asks for one."""

from thetaloom.domain.run.runs import RunStatus, StepName
from thetaloom.engine.step import skipped_step

STEP = skipped_step(StepName.DRAW_CHART, then=StepName.ANALYZE, status=RunStatus.SCANNING)
