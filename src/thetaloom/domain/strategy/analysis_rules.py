"""Who reads the market before legs are chosen, and what its opinion must say."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated

from thetaloom.domain.strategy.fields import About, Word

WITNESS = Decimal(0)


class AnalystName(Word):
    """Who reads the charts."""

    NONE = "none", "Nobody; the charts alone are drawn."
    RULES = "rules", "The technical rules, computed from the charts' own numbers."
    LLM = "llm", "A language model, as a witness beside the technical rules."


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalysisRule:
    """Which opinion an entry needs; one that is unknown denies, unless it has no weight."""

    analyst: Annotated[AnalystName, About("Who reads the charts.")] = AnalystName.RULES
    weight: Annotated[
        Decimal | None,
        About(
            "Share of the analyst in the confidence that decides; the rest is the rules' for `llm` and nobody's for"
            " `rules`. With 0 the opinion is recorded and decides nothing. Absent: 1 for `rules`, 0 for `llm`.",
            at_least=0,
            at_most=1,
        ),
    ] = None
    confidence_min: Annotated[
        Decimal, About("Least confidence in the direction that decides.", at_least=0, at_most=1)
    ] = Decimal("0.5")
    r_multiple_min: Annotated[
        Decimal,
        About(
            "Least reward over risk, of the first target and the stop; 0 asks for none.",
            unit="multiples of the risk",
            at_least=0,
            at_most=100,
        ),
    ] = Decimal(1)
    return_percent_min: Annotated[
        Decimal,
        About("Least way to the first target; 0 asks for none.", unit="% of the price", at_least=0, at_most=1000),
    ] = Decimal(5)

    @property
    def share(self) -> Decimal:
        """The weight that counts: the one given, or the analyst's usual one."""
        if self.weight is not None:
            return self.weight
        return Decimal(1) if self.analyst is AnalystName.RULES else WITNESS

    @property
    def decides(self) -> bool:
        """Whether an opinion can deny an entry at all."""
        return self.analyst is not AnalystName.NONE and self.share > 0
