"""The technical rules as an analyst: no model, no cost, the same answer to the same charts every time."""

from thetaloom.domain.market.chart_reading import ANALYST, opinion_of, read_charts
from thetaloom.domain.market.opinions import AnalysisRequest, NoOpinion, Opinion


class RulesAnalyst:
    """Reads charts by the rules of ``domain.market.chart_reading``."""

    name = ANALYST

    def opine(self, request: AnalysisRequest) -> Opinion | NoOpinion:
        """Return what the rules say of the charts, or why they say nothing."""
        return opinion_of(request, read_charts(request))
