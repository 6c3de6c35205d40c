"""Step 6: an analyst's opinion, asked only when the strategy wants one."""

from thetaloom.domain.run.runs import RunStatus, StepName
from thetaloom.engine.step import skipped_step

STEP = skipped_step(StepName.ANALYZE, then=StepName.SELECT_STRUCTURE, status=RunStatus.EVALUATING)
