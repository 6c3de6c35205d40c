"""From settings to an analyst that asks a language model; bootstrap alone calls this."""

from collections.abc import Callable
from decimal import Decimal
from threading import Event

from thetaloom.analysts.asking import Endpoint
from thetaloom.analysts.llm import LlmAnalyst
from thetaloom.domain.run.model_calls import DailyBudget, TokenPrices
from thetaloom.ports.clock import Clock
from thetaloom.ports.model_calls import ModelCalls


def choose_llm(
    endpoint: Endpoint,
    calls: ModelCalls,
    clock: Clock,
    *,
    attempts: int,
    tokens_per_day: int,
    cost_per_day: Decimal,
    input_price: Decimal | None,
    output_price: Decimal | None,
    wait: Callable[[float], object] | None = None,
) -> LlmAnalyst:
    """Put an analyst together; ``clock`` is the wall's, for money is spent by its days."""
    return LlmAnalyst(
        endpoint=endpoint,
        calls=calls,
        clock=clock,
        attempts_max=attempts,
        budget=DailyBudget(tokens_max=tokens_per_day, cost_usd_max=cost_per_day),
        prices=TokenPrices(input_usd=input_price, output_usd=output_price),
        wait=wait or Event().wait,
    )
