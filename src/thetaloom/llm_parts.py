"""Who reads charts by the settings: the technical rules, and a language model where one is set up."""

from collections.abc import Mapping
from threading import Event

from thetaloom.analysts.asking import Endpoint
from thetaloom.analysts.background import BackgroundAnalyst
from thetaloom.analysts.llm import LlmAnalyst
from thetaloom.analysts.rules import RulesAnalyst
from thetaloom.config import Settings
from thetaloom.domain.run.model_calls import DailyBudget, TokenPrices
from thetaloom.ports.analyst import Analyst
from thetaloom.ports.clock import Clock
from thetaloom.store.database import Database
from thetaloom.store.model_calls import SqlModelCalls


def analysts_of(settings: Settings, database: Database, wall: Clock, *, aside: bool) -> Mapping[str, Analyst]:
    """Return the analysts by name; with ``aside`` a model is asked in a thread of its own, as a server needs it."""
    rules = RulesAnalyst()
    if not settings.llm_model:
        return {rules.name: rules}
    llm = llm_analyst(settings, database, wall)
    return {rules.name: rules, llm.name: BackgroundAnalyst(llm) if aside else llm}


def llm_analyst(settings: Settings, database: Database, wall: Clock) -> LlmAnalyst:
    """Return the analyst that asks the model of the settings; ``wall`` counts the days of its budget."""
    return LlmAnalyst(
        endpoint=Endpoint(
            model=settings.llm_model,
            base_url=settings.llm_base_url,
            key="" if settings.llm_key is None else settings.llm_key.get_secret_value(),
            timeout_seconds=settings.llm_timeout_seconds,
            temperature=settings.llm_temperature,
            tokens_max=settings.llm_tokens_max,
            is_constrained=settings.llm_schema,
        ),
        calls=SqlModelCalls(database),
        clock=wall,
        attempts_max=settings.llm_attempts,
        budget=DailyBudget(tokens_max=settings.llm_tokens_per_day, cost_usd_max=settings.llm_cost_per_day),
        prices=TokenPrices(input_usd=settings.llm_input_price, output_usd=settings.llm_output_price),
        wait=Event().wait,
    )
