"""Of ``thetaloom bench``: a token and a session for those who measure over HTTP."""

from dataclasses import dataclass
from typing import Any

from thetaloom.bootstrap import LOCAL_USER
from thetaloom.config import load_settings
from thetaloom.domain.values.people import Scope
from thetaloom.marketdata.clocks import SystemClock
from thetaloom.store.database import Database, open_database
from thetaloom.store.people import make_token, open_session
from thetaloom.web.asking import COOKIE


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """What shows who asks: a header for a program, a cookie for a browser."""

    headers: dict[str, str]
    cookie: str

    def cookies(self, port: int) -> list[Any]:
        """Return the cookie as a browser is given it."""
        return [{"name": COOKIE, "value": self.cookie, "url": f"http://127.0.0.1:{port}"}]


def sign_in(database: Database) -> Signed:
    """Give the first user a token and a session."""
    now = SystemClock().now()
    made = make_token(database, LOCAL_USER, "bench", Scope, 1, now)
    return Signed(
        headers={"authorization": f"Bearer {made.token}"}, cookie=open_session(database, LOCAL_USER, "bench", now)
    )


def sign_in_at(home: str) -> Signed:
    """Give the first user of a home with a running server a token and a session."""
    database = open_database(load_settings(home=home).database)
    try:
        return sign_in(database)
    finally:
        database.close()
