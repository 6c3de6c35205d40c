"""What stands between tastytrade's answers and whoever called: errors of ours alone, and the right ones."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from thetaloom.domain.book.refusals import Refusal
from thetaloom.errors import BrokerUnavailable, OutcomeUnknown
from thetaloom.links.nonsense import NONSENSE
from thetaloom.ports.broker import Preview

# Where an answer or a message holds orders.
HOLDERS = ("items", "order", "orders", "trigger-order", "complex-order")


def without_rules(told: Any) -> Any:
    """Return orders without the rules of conditional ones, which somebody may have placed in an app.

    The SDK demands fields of a rule that tastytrade leaves out, and would read none of the orders beside it.
    """
    if isinstance(told, list):
        return [without_rules(one) for one in told]
    if not isinstance(told, dict):
        return told
    held = {name: without_rules(told[name]) for name in HOLDERS if name in told}
    return {name: one for name, one in told.items() if name != "order-rule"} | held


@contextmanager
def read_whole() -> Iterator[None]:
    """Read an answer; one that cannot be read is none."""
    try:
        yield
    except NONSENSE as error:
        raise BrokerUnavailable(f"tastytrade's answer cannot be read: {type(error).__name__}") from error


@contextmanager
def taken_already(what: str) -> Iterator[None]:
    """Do what comes after a change: that it cannot be read does not mean that nothing was done."""
    try:
        yield
    except BrokerUnavailable as error:
        raise OutcomeUnknown(f"tastytrade took {what}, and does not tell what came of it: {error.message}") from error
    except NONSENSE as error:
        raise OutcomeUnknown(f"tastytrade took {what}, and its answer cannot be read") from error


def refused_preview(refusal: Refusal, words: str) -> Preview:
    """Return the preview of an order that would be refused."""
    return Preview(
        buying_power_effect=None, buying_power_after=None, fees=None, refusal=refusal, message=words or refusal.text
    )
