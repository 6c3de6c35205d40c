"""Messages by apprise: e-mail, Telegram, Slack, Discord, ntfy, webhooks and a hundred others.

An address holds passwords and tokens. It never leaves this module: not in an error, not in a log.
"""

import logging
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from thetaloom.domain.values.ids import UserId
from thetaloom.errors import InvalidInput
from thetaloom.ports.notifier import Letter, NotSent

if TYPE_CHECKING:
    from apprise import NotifyBase

ANSWER_SECONDS_MAX = 10.0  # for a connection, and again for an answer
STATUS = re.compile(r"error[=:]\s*(\d{3})\b")
REFUSED_FOR_GOOD = frozenset({400, 401, 403, 404, 405, 410, 413, 422})
HOSTED = frozenset({"json", "jsons", "xml", "xmls", "form", "forms", "mailto", "mailtos"})  # the host tells no secret
LOCAL = frozenset({"dbus", "glib", "gnome", "kde", "macosx", "qt", "syslog", "windows"})  # reach nobody elsewhere
APPRISE = "apprise"  # the name of its logger
KEY_HEADER = "Idempotency-Key"
ADVICE = "Good ones: mailto://user:password@example.com, ntfy://topic, tgram://token/chat, https://example.com/hook."


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """What may be shown of an address."""

    name: str
    shown: str


def read_service(url: str) -> Service:
    """Return what may be shown of an address. Raises ``InvalidInput``, without the address, when it is none."""
    plugin = _plugin_of(url)
    if plugin is None:
        raise InvalidInput("this is no address that a message can go to", advice=ADVICE)
    schema = _schema_of(plugin)
    if schema in LOCAL:
        raise InvalidInput(f"{schema}:// shows a message on this machine only", advice=ADVICE)
    host = str(getattr(plugin, "host", "") or "")
    port = getattr(plugin, "port", None)
    place = f"{host}:{port}" if port else host
    return Service(name=str(plugin.service_name), shown=f"{schema}://{place if schema in HOSTED else '…'}")


class AppriseNotifier:
    """Carries letters to addresses that are looked up by name, each time anew."""

    def __init__(
        self, url_of: Callable[[UserId, str], str | None], *, answer_seconds: float = ANSWER_SECONDS_MAX
    ) -> None:
        self._url_of = url_of
        self._answer_seconds = answer_seconds

    def send(self, user: UserId, destination: str, letter: Letter) -> NotSent | None:
        """Carry a letter; ``None`` when the service took it."""
        url = self._url_of(user, destination)
        if url is None:
            return NotSent(reason="its address is missing", is_final=True)
        plugin = _plugin_of(url)
        if plugin is None:
            return NotSent(reason="its address cannot be read", is_final=True)
        plugin.socket_connect_timeout = plugin.socket_read_timeout = self._answer_seconds
        return _deliver(plugin, letter)


class _Heard(logging.Handler):
    """What a service says while this thread asks it: others ask others at the same time."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._thread = threading.get_ident()
        self.status: int | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Note the last status that the service answered, and nothing else: lines may hold addresses."""
        if record.thread == self._thread and (found := STATUS.search(record.getMessage())):
            self.status = int(found[1])

    def __enter__(self) -> Self:
        logging.getLogger(APPRISE).addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        logging.getLogger(APPRISE).removeHandler(self)


def _deliver(plugin: "NotifyBase", letter: Letter) -> NotSent | None:
    from apprise import NotifyFormat, NotifyType

    headers = getattr(plugin, "headers", None)
    if isinstance(headers, dict):
        headers[KEY_HEADER] = letter.id
    kind = NotifyType.WARNING if letter.is_urgent else NotifyType.INFO
    try:
        with _Heard() as heard:
            # Said to be text: otherwise a mail takes it for HTML, with the words of a broker or a signal as its markup.
            if plugin.notify(body=letter.body, title=letter.title, notify_type=kind, body_format=NotifyFormat.TEXT):
                return None
    except Exception as error:  # noqa: BLE001  # a hundred services, each with errors of its own; texts may hold secrets
        return NotSent(reason=f"{plugin.service_name}: {type(error).__name__}")
    said = "did not take it or does not answer" if heard.status is None else f"answered {heard.status}"
    return NotSent(reason=f"{plugin.service_name} {said}", is_final=heard.status in REFUSED_FOR_GOOD)


def _plugin_of(url: str) -> "NotifyBase | None":
    import apprise

    logger = logging.getLogger(APPRISE)
    logger.propagate = False  # its lines hold addresses, and so do those of what it sends by
    for talkative in (logger, logging.getLogger("urllib3")):
        talkative.setLevel(logging.WARNING)
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
    plain = url.strip()
    found: Any = apprise.Apprise.instantiate(plain, suppress_exceptions=True)
    if found is None and plain.lower().startswith(("http://", "https://")):
        secure = "s" if plain.lower().startswith("https") else ""
        found = apprise.Apprise.instantiate(f"json{secure}://{plain.split('://', 1)[1]}", suppress_exceptions=True)
    return found if isinstance(found, apprise.NotifyBase) else None


def _schema_of(plugin: "NotifyBase") -> str:
    return str(plugin.url(privacy=True)).split("://", 1)[0]  # type: ignore[no-untyped-call]  # apprise types it not
