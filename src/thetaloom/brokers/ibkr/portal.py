"""Whether the login of a Client Portal gateway is alive, asked with ``ibind`` where one is configured.

Asking is also what keeps that login: it ends after some minutes without a request.
"""

import logging
from collections.abc import Mapping
from typing import Any

from ibind import IbkrClient
from ibind.support.errors import ExternalBrokerError
from requests import RequestException

from thetaloom.ports.clock import Clock
from thetaloom.ports.links import LinkStatus

NAME = "ibkr client portal"
EVERY_SECONDS = 60.0
ASK_SECONDS_MAX = 5.0


class Portal:
    """Asks one gateway how its login stands; ``look`` blocks, so it runs in a thread of its own."""

    def __init__(self, url: str, clock: Clock) -> None:
        self._clock = clock
        self._client = IbkrClient(
            url=url if url.endswith("/") else f"{url}/",
            account_id="",
            use_oauth=False,
            timeout=ASK_SECONDS_MAX,
            max_retries=0,
            use_session=False,
            auto_register_shutdown=False,
        )
        # The SDK logs each failure as an error of its own; what people should know is told by us.
        logging.getLogger("ibind").setLevel(logging.CRITICAL)
        self._status = LinkStatus(name=NAME, is_up=False, since=None, heard_at=None, attempts=0, reason="not yet asked")

    def status(self) -> LinkStatus:
        """Return how it stood when it was asked last."""
        return self._status

    def look(self) -> LinkStatus:
        """Ask, and return how it stands."""
        before, now = self._status, self._clock.now()
        reason, was_heard = self._asked()
        is_up = not reason
        self._status = LinkStatus(
            name=NAME,
            is_up=is_up,
            since=before.since if is_up == before.is_up and before.since else now,
            heard_at=now if was_heard else before.heard_at,
            attempts=0 if is_up else before.attempts + 1,
            reason=reason,
            drops=before.drops + (before.is_up and not is_up),
        )
        return self._status

    def _asked(self) -> tuple[str, bool]:
        try:
            self._client.tickle()
            told = self._client.authentication_status(log=False).data
        except ExternalBrokerError as error:
            if error.status_code is None:
                return "the gateway is down: nothing listens there", False
            if error.status_code in {401, 403}:
                return NOT_LOGGED_IN, True
            return f"the gateway answers with status {error.status_code}", True
        except TimeoutError:
            return "the gateway does not answer in time", False
        except (RequestException, ValueError) as error:
            return f"the gateway cannot be asked: {type(error).__name__}", False
        return _reason_of(told), True


NOT_LOGGED_IN = "not logged in: log in at the gateway's page in a browser"


def _reason_of(told: Any) -> str:
    status: Mapping[str, Any] = told if isinstance(told, Mapping) else {}
    if status.get("competing"):
        return "another login of the same user has taken the session"
    if not status.get("authenticated"):
        return NOT_LOGGED_IN
    return "" if status.get("connected") else "logged in, but without a line to IBKR"
