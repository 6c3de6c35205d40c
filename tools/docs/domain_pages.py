"""Pages from the tables of the domain: settings, limits, reasons, events, errors, strategies."""

import inspect
import json
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any

from pydantic_core import PydanticUndefined

from thetaloom import errors
from thetaloom.config import ENVIRONMENT_PREFIX, Settings
from thetaloom.domain.risk.limits import LIMITS
from thetaloom.domain.risk.limits_settings import expected
from thetaloom.domain.run.events import EventKind
from thetaloom.domain.strategy.schema import strategy_schema
from thetaloom.domain.values.reasons import Reason
from tools.docs.markdown import code, page, sentences, table

# What must be true for the event to be written; every kind has its line.
EVENTS: Mapping[EventKind, str] = {
    EventKind.RUN_STARTED: "A run left its trigger step.",
    EventKind.STEP_RECORDED: "A step was written to the lineage.",
    EventKind.PROPOSAL_CREATED: "A proposal waits for its decision.",
    EventKind.PROPOSAL_MODIFIED: "A person gave a proposal another limit or quantity: a new version took its place.",
    EventKind.APPROVAL_GRANTED: "A person or a strategy's rule approved a proposal.",
    EventKind.APPROVAL_REJECTED: "A person rejected a proposal.",
    EventKind.APPROVAL_EXPIRED: "A proposal's deadline passed without a decision.",
    EventKind.ORDER_STAGED: "An order was written down with its client order id; nothing was sent yet.",
    EventKind.ORDER_SUBMITTED: "An order is about to be sent, or was sent, and has no answer yet.",
    EventKind.ORDER_ACCEPTED: "The broker took the order.",
    EventKind.ORDER_REPLACED: "The broker moved the order's limit.",
    EventKind.ORDER_FILLED: "The broker reported a fill, of the whole order or of a part.",
    EventKind.ORDER_CANCELED: "The broker reported that the order is canceled.",
    EventKind.ORDER_REJECTED: "The broker refused the order.",
    EventKind.ORDER_EXPIRED: "The broker reported that the order expired.",
    EventKind.ORDER_UNRESOLVED: "A request was sent, or may have been, and no answer came.",
    EventKind.ORDER_RESOLVED: "The broker's books or a report answered for an order in doubt.",
    EventKind.ORDER_DENIED: "An order that was written down was refused by us at the last gate and never sent.",
    EventKind.ORDER_REFUSED: "The broker refused a request; the event carries the refusal in our words and the advice.",
    EventKind.ORDER_QUEUED: "An approved trade met a closed market and waits for the open.",
    EventKind.ORDER_CONTRADICTED: "A fill that our books did not allow for was booked; the account takes no new risk.",
    EventKind.LEG_FILLED: "The broker reported an execution of one leg.",
    EventKind.LEGS_UNBALANCED: "Legs of an order were done that make no whole structure, for longer than allowed.",
    EventKind.LEGS_BALANCED: "The legs of an order make whole structures again.",
    EventKind.POSITION_OPENED: "The first fill of an entry made a position.",
    EventKind.POSITION_REDUCED: "A closing fill left a part of the position open.",
    EventKind.POSITION_CLOSED: "The last closing fill took the position down.",
    EventKind.CONTRACTS_ENDED: "Contracts of a position ended without an order: expired, exercised, assigned, settled.",
    EventKind.EARLY_ASSIGNED: "A short leg was assigned before its expiration.",
    EventKind.SETTLEMENT_DIFFERED: "The broker settled expired contracts otherwise than the settlement price says.",
    EventKind.SETTLEMENT_MISSED: "The broker has not told what became of expired contracts.",
    EventKind.ROLL_ASKED: "A person asked for a successor of a position; its run proposes it.",
    EventKind.ROLL_STARTED: "A roll was approved and still holds: the old position is being closed.",
    EventKind.ROLL_CLOSED: "The old side of a roll is closed; its successor's order goes out with what the net leaves.",
    EventKind.ROLL_NOT_CLOSED: "The closing order of a roll did not fill: nothing has changed.",
    EventKind.ROLL_INTERRUPTED: "The old side of a roll is closed, and its successor was not opened.",
    EventKind.POSITION_ROLLED: "The first fill of a successor was booked; both positions are one chain.",
    EventKind.RUN_RESTARTED: "A completed run has started the next one, which waits until it has cooled down.",
    EventKind.TRADE_BUSTED: "The exchange took a trade back after it was reported; the position follows.",
    EventKind.TRADE_CORRECTED: "The exchange corrected a trade's price or quantity; the position follows.",
    EventKind.CONTRACTS_ENDED: "The broker told what became of expired contracts.",
    EventKind.EARLY_ASSIGNED: "A sold contract was assigned before its expiration.",
    EventKind.DEFENCE_ADVISED: "The ways out of an early assignment, in money.",
    EventKind.SETTLEMENT_DIFFERED: "The broker settled otherwise than we had worked out; it is believed.",
    EventKind.SETTLEMENT_MISSED: "Contracts have expired, and the broker does not say what became of them.",
    EventKind.LEGS_ORPHANED: "Contracts are held that belong to no whole spread; new risk is halted.",
    EventKind.TARGETS_PLACED: "Orders were staged at the profit targets of spreads.",
    EventKind.TARGETS_REPLACED: "A person had the targets placed as the strategy asks for them now.",
    EventKind.TARGET_ABANDONED: "A target ended at the broker too often today; its spread is without one.",
    EventKind.POSITION_BLINDED: "A leg's quotes have been bad for so long that nobody watches the position's price.",
    EventKind.POSITION_SIGHTED: "The quotes of a position that was blind can be believed again.",
    EventKind.EXIT_TRIGGERED: "An exit rule, or a person, asked to close a position.",
    EventKind.EXIT_BARRED: "A closing order waits, unsent, because a live gate is shut that bars exits as well.",
    EventKind.RUN_COMPLETED: "A run ended; the facts hold its outcome and reason.",
    EventKind.RUN_FAILED: "A step ended with an error and the run waits for a person.",
    EventKind.RUN_PAUSED: "A person set a run aside.",
    EventKind.RUN_RESUMED: "A person let a paused or failed run go on.",
    EventKind.TRADING_HALTED: "A person blocked new risk in a scope.",
    EventKind.ORDER_DENIED: "Our own gate refused an order before it was sent.",
    EventKind.ORDER_REFUSED: "Order refused.",
    EventKind.ORDER_QUEUED: "Order queued.",
    EventKind.ORDER_CONTRADICTED: "Order contradicted.",
    EventKind.LEG_FILLED: "Leg filled.",
    EventKind.LEGS_UNBALANCED: "Legs out of balance.",
    EventKind.LEGS_BALANCED: "Legs in balance.",
    EventKind.TRADING_RESUMED: "A person lifted a halt.",
    EventKind.LADDER_PLACED: "Near expiration, a closing order at the limit of today's rung was written.",
    EventKind.LADDER_ANNOUNCED: "The ladder cannot close a spread: a person has to.",
    EventKind.PROTECTION_CHANGED: "Who protects a position changed: an order at the broker, our watch, or nobody.",
    EventKind.ALERT_RAISED: "Something needs a person's look, or came nearer; the facts say what to do and by when.",
    EventKind.ALERT_ENDED: "What an alert told of is over.",
    EventKind.RUNAWAY_STOPPED: "A guard against a runaway stopped an order and halted the account.",
    EventKind.LIVE_ALLOWED: "An admin allowed real money on an account, in two steps.",
    EventKind.LIVE_REVOKED: "Real money is not allowed on an account any more; exits go on.",
    EventKind.CONNECTION_DROPPED: "A connection to a broker or a source is lost; the facts say since when and why.",
    EventKind.CONNECTION_RESTORED: "A connection is up again; runs that were watched keep the gap in their lineage.",
    EventKind.STRATEGY_SAVED: "A strategy was stored as its next revision.",
    EventKind.RECONCILED: "Our books were compared with the broker's; the evidence holds what each phase did.",
    EventKind.FINDING_RAISED: "A difference waits for a person, or to go away.",
    EventKind.FINDING_SETTLED: "A difference was settled by a person, or is no more.",
    EventKind.SHARES_ORDERED: "A person asked to trade away the shares that contracts turned into.",
    EventKind.SHARES_TRADED: "An order of ours for shares is in the broker's transactions.",
    EventKind.SHARES_RETAINED: "An order for shares ended without a trade; the shares are still held.",
    EventKind.POSITION_ADOPTED: "A holding from elsewhere became a position of a strategy.",
    EventKind.PROMPT_SAVED: "A prompt template was written, with the version of its text.",
    EventKind.PROMPT_REMOVED: "A prompt template was taken out of use.",
    EventKind.OPINION_RECORDED: "An analyst was asked about a market, and the answer was kept.",
    EventKind.SIGNAL_RECEIVED: "A signal came, was understood and was taken or noted.",
    EventKind.SIGNAL_REJECTED: "A message of a source could not be understood; the facts list each problem.",
    EventKind.SIGNAL_REFUSED: "A rule refused a signal.",
    EventKind.SIGNAL_QUEUED: "A signal waits for the next open.",
    EventKind.SIGNAL_STARTED: "A signal started its run, or had its positions closed.",
    EventKind.SIGNAL_EXPIRED: "A signal's time went by before it could start.",
    EventKind.SCHEDULE_ADDED: "Something starts by itself from now on.",
    EventKind.SCHEDULE_REMOVED: "A schedule was taken out; what it started goes on.",
    EventKind.SCHEDULE_PAUSED: "A schedule was set aside.",
    EventKind.SCHEDULE_RESUMED: "A schedule goes on with its next due time.",
    EventKind.SCHEDULE_FIRED: "A due time came; the facts say what started, waits or was skipped, and why.",
    EventKind.SCHEDULE_MISSED: "Due times passed while nobody was there; the facts say how many.",
    EventKind.FIRING_ENDED: "A firing that took its time is over: a daily cycle, a scan, or one that waited.",
    EventKind.WATCHLIST_CHANGED: "A list of symbols was written or taken out.",
    EventKind.SCAN_COMPLETED: "Every pair of a scan has its place or its reason, and the best have started.",
    EventKind.DESTINATION_SAVED: "Somebody says where messages go; the address itself is in no event.",
    EventKind.DESTINATION_REMOVED: "Messages go to a destination no more.",
}
REACTIONS: Mapping[type[errors.ThetaloomError], str] = {
    errors.ConfigError: "stops and says which setting",
    errors.InvariantError: "stops; going on could cost money",
    errors.DomainError: "stops this run, or refuses this input",
    errors.NotAllowed: "tells the person",
    errors.Unavailable: "tries again later",
    errors.OutcomeUnknown: "asks the broker what happened, and never resends",
    errors.ThetaloomError: "",
}


def settings_page() -> str:
    """Return the page of settings."""
    rows = [
        (
            code(name),
            code(ENVIRONMENT_PREFIX + name.upper()),
            code(_default(field.default)),
            ", ".join(_bounds(field.metadata, field.annotation)),
            field.description or "",
        )
        for name, field in Settings.model_fields.items()
    ]
    intro = (
        "A setting comes from the command line, else from the environment, else from `config.toml` in the home folder,"
        " else it has its default.\nA key that is none of these is an error.\nThe settings are read once, at start."
    )
    return page("Settings", intro, table(("Name", "Environment", "Default", "Bounds", "Meaning"), rows))


def limits_page() -> str:
    """Return the page of risk limits."""
    rows = [
        (
            code(limit.name),
            code(limit.default),
            expected(limit).removeprefix("a "),
            code(limit.reason.value),
            limit.doc + (" Can be `off`." if limit.optional else ""),
        )
        for limit in LIMITS
    ]
    intro = (
        "Every opening trade is checked against every limit, once before its proposal and once more at the last gate.\n"
        "A number that is not known denies."
    )
    return page("Risk limits", intro, table(("Name", "Default", "Bounds", "Reason of a no", "Meaning"), rows))


def reasons_page() -> str:
    """Return the page of reason codes."""
    rows = [(code(reason.value), reason.text) for reason in Reason]
    intro = (
        "Every no carries one of these codes, and the numbers behind it.\n"
        "The codes are part of the interface and keep their meaning."
    )
    return page("Reason codes", intro, table(("Code", "What it means and what to do"), rows))


def events_page() -> str:
    """Return the page of events."""
    rows = [(code(kind.value), EVENTS[kind]) for kind in EventKind]
    intro = "Each event is written in the transaction that made it true, and numbered in the order of writing."
    return page("Events", intro, table(("Event", "What is true"), rows))


def errors_page() -> str:
    """Return the page of errors."""
    rows = [
        (
            "&nbsp;&nbsp;" * depth + code(error.__name__),
            code(error.code),
            (inspect.getdoc(error) or "").splitlines()[0],
            next(reaction for parent, reaction in REACTIONS.items() if issubclass(error, parent)),
        )
        for error, depth in _tree(errors.ThetaloomError, 0)
    ]
    intro = (
        "An error is classed by what the program must do about it.\n"
        "Every error has a code, a message, advice where there is any, and its facts as details.\n"
        "`NotAllowed` carries the [reason code](reason-codes.md) of the rule that refused."
    )
    return page("Errors", intro, table(("Error", "Code", "Meaning", "What Thetaloom does"), rows))


def strategies_page() -> str:
    """Return the page of strategy fields."""
    schema = strategy_schema()
    records = {"Strategy": schema, **schema["$defs"]}
    parts = [
        f"## {name}\n\n{sentences(record['description'])}\n\n{_fields(record)}" for name, record in records.items()
    ]
    intro = (
        "A strategy is a TOML file of these fields; a key that is not listed is refused.\n"
        "The same as a [JSON Schema](strategy.schema.json), for editors."
    )
    return page("Strategy files", intro, *parts)


def strategy_schema_file() -> str:
    """Return the JSON Schema of strategies as a file."""
    return json.dumps(strategy_schema(), indent=2, ensure_ascii=False) + "\n"


def _default(default: object) -> str:
    match default:
        case StrEnum():
            return default.value
        case bool():
            return str(default).lower()
        case None | ():
            return ""
    return "" if default is PydanticUndefined else str(default)


def _bounds(metadata: list[Any], annotation: Any) -> Iterator[str]:
    if isinstance(annotation, type) and issubclass(annotation, StrEnum):
        yield " or ".join(code(member.value) for member in annotation)
    for bound in metadata:
        for name, word in (("ge", "at least"), ("gt", "above"), ("le", "at most"), ("lt", "below")):
            if (number := getattr(bound, name, None)) is not None:
                yield f"{word} {number}"
        if pattern := getattr(bound, "pattern", None):
            yield " or ".join(code(word) for word in pattern.strip("^()$").split("|"))


def _tree(error: type[errors.ThetaloomError], depth: int) -> Iterator[tuple[type[errors.ThetaloomError], int]]:
    yield error, depth
    for child in error.__subclasses__():
        if child.__module__ == errors.__name__:
            yield from _tree(child, depth + 1)


def _fields(record: Mapping[str, Any]) -> str:
    required = set(record["required"])
    rows = [
        (
            code(name),
            _kind(field),
            "required" if name in required else code(json.dumps(field["default"])) if "default" in field else "",
            field["description"],
        )
        for name, field in record["properties"].items()
    ]
    return table(("Field", "Form", "Default", "Meaning"), rows)


def _kind(field: Mapping[str, Any]) -> str:
    if "$ref" in field:
        name = field["$ref"].rsplit("/", 1)[-1]
        return f"[{name}](#{name.lower()})"
    if "enum" in field:
        return ", ".join(code(word) for word in field["enum"])
    if field.get("type") == "array":
        return f"list of {_kind(field['items'])}"
    if "anyOf" in field:
        return _kind(field["anyOf"][0])
    kind = field.get("type")
    if isinstance(kind, list) or kind in {"integer", "number"}:
        return ("whole number" if kind == "integer" else "number") + _range(field)
    return {"string": "text", "boolean": "`true` or `false`"}.get(str(kind), "")


def _range(field: Mapping[str, Any]) -> str:
    least, above, most = field.get("minimum"), field.get("exclusiveMinimum"), field.get("maximum")
    low = f"above {above}" if above is not None else f"from {least}"
    return f", {low} to {most}"
