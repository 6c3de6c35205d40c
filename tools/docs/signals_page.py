"""The page of signals: how to send, which words are known, and every message that a sender can be answered with."""

from collections.abc import Iterable

from thetaloom.domain.run import signal_intake as intake
from thetaloom.domain.run import signal_records as records
from thetaloom.domain.run.signal_faults import Fault
from thetaloom.domain.run.signal_reading import KEPT, LEVELS, SYNONYMS
from thetaloom.domain.run.signal_shapes import EVERY_SHAPE
from thetaloom.domain.run.signal_sources import WEIGHTS
from thetaloom.domain.run.signal_words import ACTIONS, DIRECTIONS, MINUTES, ORDER_TYPES, TIMES_IN_FORCE
from thetaloom.domain.run.signals import SignalStage
from thetaloom.domain.values.reasons import Reason
from thetaloom.web.api.signals import NOT_UNDERSTOOD
from thetaloom.web.webhooks import BYTES_MAX, REFUSALS
from tools.docs.markdown import code, page, table

ANSWERS = (
    ("accepted", 202, "Taken: its run, or the closing it asks for, starts at once."),
    ("noted", 202, "Kept as evidence for other signals; it starts nothing."),
    ("queued", 202, "Waits for the next open; `due_at` says when."),
    ("duplicate", 200, "The signal came before; `signal_id` is the first one's."),
    ("rejected", 400, "Not understood: `details.problems` lists each problem, `details.understood` the rest."),
    ("refused", 409, "Understood, and refused by a rule; the code is the reason."),
)
SHAPES = {
    "strat-engine": "`journal` and `signal` with a `side`",
    "saty-phase": "`event` with `instrument` or `regime_context`",
    "mtf-trend-dots": "`timeframes` and `alignment_score`; it only observes",
    "ultimate-option": "`signal` and `score`",
    "orb-bhch": "`indicator` is ORB, Stretch, BHCH or EMA",
    "context": "no action, but `vix`, `trend`, `bias`, `regime` or `gex_strength`; it only observes",
    "tradingview": "any other JSON with `exchange`, `interval`, `timenow`, `market_position` or `bar_time`",
    "text": "a line that begins with no bracket, such as `BUY SPY 5m @ 575.20` or `action=buy, symbol=SPY`",
    "generic": "any other JSON",
}
REASONS = (*(one for one in Reason if one.value.startswith("signal_")), Reason.STRATEGY_NOT_FOUND)


def signals_page() -> str:
    """Return the page."""
    intro = (
        "A source sends to `POST /webhook/NAME`, or to `POST /webhook` with `source` in its body or as the source "
        "called `default`.\n"
        "`thetaloom signal source add NAME` makes a source; [Use signals](../how-to/use-signals.md) shows how.\n"
        f"A message is JSON or a line of text of at most {BYTES_MAX:,} bytes.\n"
        "Nothing is made up: what is missing or ambiguous is refused and told, and what no rule reads is listed.\n"
        "Legs, price and size of a trade are the strategy's, whatever a message says; by the rules of its form and "
        "of the market a signal may cut the size."
    )
    return page("Signals", intro, *_answers(), *_fields(), *_rules())


def _answers() -> Iterable[str]:
    yield "## Answers"
    yield table(("Status", "HTTP", "Meaning"), [(code(word), str(status), text) for word, status, text in ANSWERS])
    yield "## Who is not believed"
    rows = [(code(one.code), str(one.status), f"{one.message}. {one.advice}") for one in REFUSALS]
    yield table(("Code", "HTTP", "Meaning and what to do"), rows)
    yield f"## What is not understood\n\nThe answer's code is {code(NOT_UNDERSTOOD)}; each problem has one of these."
    yield table(("Code", "Meaning"), [(code(fault.value), fault.text) for fault in Fault])
    yield "## What a rule refuses\n\nThe signal is kept, with the reason in its trail."
    yield table(("Code", "Meaning"), [(code(reason.value), reason.text) for reason in REASONS])


def _fields() -> Iterable[str]:
    yield "## Fields"
    rows = [
        (code(name), ", ".join(map(code, names)), "kept as evidence" if name in KEPT else "")
        for name, names in SYNONYMS.items()
    ]
    yield table(("Field", "Its names", "Use"), rows)
    yield "Capital letters, dashes and `camelCase` make no difference to a name."
    yield "## Words"
    words = [
        ("action", ", ".join(map(code, (*ACTIONS, "OPEN")))),
        ("direction", ", ".join(map(code, DIRECTIONS))),
        ("timeframe", ", ".join(map(code, MINUTES.values())) + "; a bare number counts minutes"),
        ("order_type", ", ".join(map(code, ORDER_TYPES))),
        ("time_in_force", ", ".join(map(code, TIMES_IN_FORCE))),
        ("levels", ", ".join(map(code, LEVELS))),
    ]
    yield table(("Field", "Known words"), [(code(name), text) for name, text in words])
    yield "## Forms\n\nThe first that fits, from the top."
    yield table(("Form", "Known by"), [(code(name), SHAPES[name]) for name in EVERY_SHAPE])


def _rules() -> Iterable[str]:
    yield "## Stages"
    yield ", ".join(code(stage.value) for stage in SignalStage) + "."
    yield "## Rules"
    numbers = [
        ("the same content from one source is a copy for", f"{intake.REPEAT_WINDOW.seconds // 60} minutes"),
        ("the sender's own id is taken", "once, for ever"),
        ("oldest signal", "300 s, unless the source says otherwise"),
        ("a sender's clock may lead by", f"{intake.AHEAD_MAX.seconds} s"),
        ("between two openings of a symbol in a direction", "300 s, unless the source says otherwise"),
        ("signals open positions until", f"{intake.BEFORE_CLOSE_MINUTES} minutes before the close"),
        ("least confidence to wait for the open", str(intake.QUEUE_CONFIDENCE_MIN)),
        ("after the open a queued signal still starts for", f"{intake.QUEUE_WINDOW.seconds // 60} minutes"),
        ("a record weighs, where the profile says so, from", f"{records.JUDGED_MIN} judged runs"),
        ("credibility", f"{records.LIFETIME_SHARE} lifetime, {records.RECENT_SHARE} last {records.RECENT}"),
        ("weights of sources", ", ".join(f"{name} {weight}" for name, weight in WEIGHTS.items()) + ", any other 1.0"),
    ]
    yield table(("Rule", "Number"), numbers)
