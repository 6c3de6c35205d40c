"""Analysts: who reads a market before legs are chosen, and gives an opinion of it."""

from typing import Protocol

from thetaloom.domain.market.opinions import AnalysisRequest, NoOpinion, Opinion


class Analyst(Protocol):
    """One reader of markets. Whatever goes wrong inside of it is an answer without an opinion, never an error."""

    name: str

    def opine(self, request: AnalysisRequest) -> Opinion | NoOpinion:
        """Return the opinion of the market as shown, or why there is none."""
        ...
