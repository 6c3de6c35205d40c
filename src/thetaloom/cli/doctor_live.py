"""``doctor`` on a broker: what it lacks before it can be reached, and gate by gate what is missing for real money."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from thetaloom.broker_parts import broker_named, kept_secrets, missing_sdk, sentence
from thetaloom.config import PAPER_BROKER, Mode, Settings
from thetaloom.domain.book.live_gates import GateFacts, shut_gates
from thetaloom.errors import ThetaloomError

if TYPE_CHECKING:
    from thetaloom.bootstrap import Platform


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What one look found; ``advice`` says what to do where it is not well."""

    name: str
    is_well: bool
    found: str
    advice: str = ""


NO_GATES = Finding(
    name="live gates", is_well=True, found="the broker is paper: no order of this home can reach real money"
)


def setup_findings(settings: Settings) -> list[Finding]:
    """Say whether the adapter of the settings can be opened at all: its SDK, and the names of its secrets."""
    name = settings.broker if settings.broker != PAPER_BROKER else settings.data_broker
    if name is None:
        return []
    try:
        plugin = broker_named(name)
        kept = kept_secrets(settings, name)
    except ThetaloomError as error:
        return [Finding(name="broker setup", is_well=False, found=error.message, advice=error.advice)]
    sdk = missing_sdk(name)
    wanted = [one for one in plugin.fields if one.is_secret and one.is_needed]
    missing = [one for one in wanted if one.name not in kept]
    advice = (
        [] if sdk is None else [f"Install the SDK: `make env`, or `pip install '.[{name}]'` in Thetaloom's folder."]
    )
    advice += [f"`thetaloom secret set {name} {one.name}`: {sentence(one.text)}" for one in missing]
    found = "SDK installed" if sdk is None else f"the SDK {sdk} is not installed"
    found += f"; {len(wanted) - len(missing)} of {len(wanted)} secrets kept" if wanted else "; it needs no secrets"
    return [Finding(name="broker setup", is_well=not advice, found=f"{plugin.title}: {found}", advice=" ".join(advice))]


def gates_before_signing_in(settings: Settings) -> list[Finding]:
    """Go through the gates of live trading as far as the settings tell: the broker cannot be asked yet."""
    if settings.broker == PAPER_BROKER:
        return [NO_GATES]
    return _gates_unasked(is_live=settings.wants_live, allows_live=settings.allow_live)


def gates_before_settings(error: ThetaloomError) -> list[Finding]:
    """Go through the gates where live trading was asked for, and its settings contradict themselves."""
    is_live, allows_live = (error.details.get(name) for name in ("mode", "allow_live"))
    if is_live != Mode.LIVE or error.details.get("broker") == PAPER_BROKER:
        return []
    return _gates_unasked(is_live=True, allows_live=bool(allows_live))


def _gates_unasked(*, is_live: bool, allows_live: bool) -> list[Finding]:
    unknown = "not known until the sign-in at the broker works"
    later = [Finding(name=f"gate: {name}", is_well=not is_live, found=unknown) for name in ("account", "session")]
    return [*_gates_of_settings(is_live=is_live, allows_live=allows_live), *later]


def connections(platform: "Platform") -> Finding:
    """Say how the connections stand that this process has opened."""
    from thetaloom.engine.line_watch import links_of, lost_links

    links, down = links_of(platform.desk), lost_links(platform.desk)
    return Finding(
        name="connections",
        is_well=not down,
        found="; ".join(f"{link.name} is down: {link.reason or 'not up yet'}" for link in down)
        or (f"{len(links)} up" if links else "none are open in this process; /readyz tells a server's"),
        advice="See the runbook: a broker or a stream is down." if down else "",
    )


def gate_findings(platform: "Platform") -> list[Finding]:
    """Go through the gates of live trading in plain words; in paper mode a shut gate is as it should be."""
    from thetaloom.engine.live_gates import facts_of, session_is_live

    settings = platform.settings
    if settings.broker == PAPER_BROKER:
        return [NO_GATES]
    session: bool | None
    try:
        session = session_is_live(platform.desk)
    except ThetaloomError:
        session = None
    with platform.store.reading() as uow:
        facts = facts_of(platform.desk, uow, session=bool(session))
    return [
        *_gates_of_settings(is_live=settings.wants_live, allows_live=facts.allows_live),
        _gate(
            "account",
            settings.wants_live,
            is_open=facts.account_allowed,
            to_open=f"`thetaloom broker allow-live {platform.broker.account_id}`, in two steps.",
        ),
        _gate(
            "session",
            settings.wants_live,
            is_open=session is True,
            to_open="Give the credentials of the live account." if session is False else "The broker must be reached.",
        ),
        _verdict(facts, is_known=session is not None),
    ]


def _gates_of_settings(*, is_live: bool, allows_live: bool) -> list[Finding]:
    return [
        _gate("mode", is_live, is_open=is_live, to_open='Set `mode = "live"` in config.toml.'),
        _gate("allow_live", is_live, is_open=allows_live, to_open="Set `allow_live = true` in config.toml as well."),
    ]


def _gate(name: str, wants_live: bool, *, is_open: bool, to_open: str) -> Finding:
    word = "open" if is_open else "shut"
    return Finding(
        name=f"gate: {name}",
        is_well=is_open or not wants_live,
        found=word if wants_live else f"{word}; paper mode does not need it",
        advice="" if is_open else (to_open if wants_live else f"For real money: {to_open}"),
    )


def _verdict(facts: GateFacts, *, is_known: bool) -> Finding:
    shut = shut_gates(facts)
    if facts.wants_live and is_known and not shut:
        return Finding(name="live gates", is_well=True, found="all are open: orders are about REAL MONEY")
    if not facts.wants_live and is_known and not shut:
        return Finding(name="live gates", is_well=True, found="paper mode at an account without real money")
    return Finding(
        name="live gates",
        is_well=not facts.wants_live and not shut,
        found=f"no order may pass: {', '.join(shut)}" if shut else "the broker is not reached",
        advice=" ".join(reason.text for reason in shut),
    )
