"""Who asks: the person behind a connection, by a token or by the cookie of a session."""

import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs

from starlette.datastructures import Headers
from starlette.types import Scope

from thetaloom.domain.values.people import Person
from thetaloom.store.database import Database
from thetaloom.store.people import touch_session
from thetaloom.store.queries.people import person_of_session, person_of_token

COOKIE = "thetaloom_session"
COOKIE_HTTPS = f"__Host-{COOKIE}"
BEARER = "bearer "
CSRF_FIELD = "csrf"
CSRF_HEADER = "x-csrf-token"
SEEN_EVERY = timedelta(minutes=5)
FORM = "application/x-www-form-urlencoded"
ASKER = "thetaloom.asker"  # where the guard leaves it in the scope


@dataclass(frozen=True, slots=True, kw_only=True)
class Asker:
    """A person, and what their browser must send with a change; a token needs nothing."""

    person: Person
    csrf: str = ""


def find_asker(scope: Scope, database: Database, now: datetime) -> Asker | None:
    """Return who asks; ``None`` when nobody does who is known. A token counts before a cookie."""
    headers = Headers(scope=scope)
    token = token_of(scope, headers)
    if token is not None:
        person = person_of_token(database, token, now)
        return None if person is None else Asker(person=person)
    secret = cookie_of(headers, scope["scheme"])
    found = None if secret is None else person_of_session(database, secret, now)
    if found is None or secret is None:
        return None
    if now - found.seen_at > SEEN_EVERY:
        touch_session(database, found.person.session_id, now)
    return Asker(person=found.person, csrf=csrf_of(secret))


def token_of(scope: Scope, headers: Headers) -> str | None:
    """Return the token that is sent; a WebSocket of a browser can carry it in its address alone."""
    sent = headers.get("authorization", "")
    if sent:
        return sent[len(BEARER) :].strip() if sent.lower().startswith(BEARER) else ""
    if scope["type"] == "websocket":
        given = parse_qs(scope["query_string"].decode("latin-1")).get("token")
        return given[0] if given else None
    return None


def cookie_of(headers: Headers, scheme: str) -> str | None:
    """Return the secret of the session that the cookie names."""
    try:
        cookies = SimpleCookie(headers.get("cookie", ""))
    except CookieError:
        return None
    found = cookies.get(cookie_name(scheme))
    return None if found is None else found.value


def cookie_name(scheme: str) -> str:
    """Return the cookie's name; a browser lets nobody else set one of the other name."""
    return COOKIE_HTTPS if scheme in {"https", "wss"} else COOKIE


def csrf_of(secret: str) -> str:
    """Return what every change of a session carries: known to its pages alone."""
    return hmac.new(secret.encode(), b"csrf", sha256).hexdigest()


def is_meant(asker: Asker, headers: Headers, body: bytes) -> bool:
    """Whether a change was asked for by one of our own pages, or by a token."""
    if not asker.csrf:
        return True
    sent = headers.get(CSRF_HEADER)
    if sent is None and headers.get("content-type", "").partition(";")[0].strip().lower() == FORM:
        fields = parse_qs(body.decode("latin-1"), max_num_fields=1000) if body.count(b"&") < 1000 else {}
        sent = fields.get(CSRF_FIELD, [None])[0]
    return sent is not None and hmac.compare_digest(sent.encode(), asker.csrf.encode())
