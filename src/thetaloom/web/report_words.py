"""The words of a report: what each step does, what the terms mean, and the whole run in a sentence."""

from collections.abc import Mapping

from thetaloom.domain.run.runs import StepName
from thetaloom.domain.run.why import Why
from thetaloom.store.queries.runs import RunDetail
from thetaloom.web.pages.filters import money

STEP_WORDS: Mapping[str, tuple[str, str]] = {
    StepName.TRIGGER: ("Start", "May a run begin at all: is the strategy on, is nothing halted?"),
    StepName.RESOLVE_SYMBOL: ("Find the symbol", "What is traded, where, and when."),
    StepName.FETCH_MARKET: ("Read the market", "All option prices of this moment, kept as they were."),
    StepName.COMPUTE_INDICATORS: ("Measure", "Volatility, trend and other numbers, computed from those prices."),
    StepName.DRAW_CHART: ("Draw charts", "The daily and the weekly chart, from the numbers recorded."),
    StepName.ANALYZE: ("Ask analysts", "Opinions on the charts, by fixed rules or a language model."),
    StepName.SELECT_STRUCTURE: ("Choose contracts", "The expiration and the strikes that the strategy asks for."),
    StepName.EVALUATE: ("Evaluate", "What it could earn and lose, and whether the conditions are met."),
    StepName.CHECK_RISK: ("Check the risk", "How large, and whether all limits of the account are kept."),
    StepName.REQUEST_APPROVAL: ("Ask for approval", "A person, or a rule, decides on exactly what is shown."),
    StepName.SUBMIT_ORDER: ("Place the order", "Send it, and move its price no further than was approved."),
    StepName.MANAGE_POSITION: ("Watch the position", "Compare with the exit rules; book what the broker reports."),
    StepName.CLOSE_POSITION: ("Close", "Trade the position away."),
}
WORDS = (
    ("Option", "The right to buy (call) or to sell (put) 100 shares at a fixed price until a fixed day."),
    ("Strike, expiration", "That fixed price, and that fixed day."),
    ("Underlying", "The share or fund that an option is about."),
    ("Credit, debit", "Money received or paid when a trade opens. Here a credit is positive, a debit negative."),
    ("Spread", "Several options traded as one, so that one limits the loss of another."),
    ("Bid, ask, mid", "What buyers offer, what sellers ask, and the price half-way between."),
    ("Natural price", "What is got at once: sell at the bid, buy at the ask."),
    ("Breakeven", "The price of the underlying at which the trade neither earns nor loses at expiration."),
    ("Chance of profit", "By a model, from the prices of the options. It is an estimate, no promise."),
    ("Buying power", "The part of the account that the broker ties up while the trade is open."),
)


def headline_of(detail: RunDetail, why: Why) -> str:
    """Say in a sentence or two what came of the run."""
    run, held = detail.run, detail.position
    if held is None:
        if not run.is_final:
            return f"Nothing was traded so far; the run stands at {run.status.value.replace('_', ' ').lower()}."
        return f"Nothing was traded. {why.text}".strip()
    opened = f"A position of {held.opened_quantity} was opened on {run.symbol}"
    if held.is_open:
        return f"{opened} and is still held. Booked so far: {money(held.realized_pnl)}."
    word = "profit" if held.realized_pnl > 0 else "loss" if held.realized_pnl < 0 else "result"
    result = abs(held.realized_pnl)
    return f"{opened} and closed with a {word} of {money(result)}, fees included. {why.text}".strip()
