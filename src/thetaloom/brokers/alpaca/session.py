"""Every request to Alpaca goes through here: bounded in time and rate, sent once, its failure in our words."""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import isfinite
from typing import Any

from requests import exceptions as wire
from urllib3 import exceptions as pool

from thetaloom.brokers.alpaca import sdk
from thetaloom.brokers.alpaca.parse import Raw
from thetaloom.brokers.alpaca.settings import AlpacaSettings, says_live
from thetaloom.domain.book.refusals import Refusal
from thetaloom.errors import BrokerUnavailable, OutcomeUnknown
from thetaloom.links.addresses import NOT_REACHED, place_of
from thetaloom.links.bounded_requests import BoundedAdapter
from thetaloom.links.network_words import deepest, words_of
from thetaloom.links.nonsense import NONSENSE, without
from thetaloom.links.request_budget import RequestBudget

# A burst of three tenths and the rest within the minute after it stay below the limit.
BURST_SHARE, STEADY_SHARE = 0.3, 0.69
TOO_MANY, UNAUTHORIZED, NOT_THERE, SERVER_FAILED = 429, 401, 404, 500
WORDS_MAX = 200  # of what is no answer
PAUSE_SECONDS_MAX = 60.0  # of what the other side asks for
ACTIVITY_PAGE, ACTIVITY_PAGES_MAX = 100, 2_000
MISSING_CODES = 404  # how the codes begin that say so; a page without one is of somebody in between
NEVER_SENT = (pool.NewConnectionError, pool.ConnectTimeoutError)


@dataclass(frozen=True, slots=True, kw_only=True)
class No:
    """What Alpaca refused, in its words."""

    status: int
    code: int | None
    message: str
    request_id: str  # its name for the request, unique
    is_told: bool = True  # in the form in which Alpaca refuses

    @property
    def is_missing(self) -> bool:
        """Whether what was asked for is not there."""
        return self.status == NOT_THERE and self.code is not None and self.code // 100_000 == MISSING_CODES


class AlpacaSession:
    """The SDK's clients for one account, each request of them sent at most once.

    The SDK would send again after 429 and 504 and wait for ever for an answer; both are switched off here. An order
    that was answered with 504 may work, and one that is sent again may work twice.
    """

    def __init__(self, settings: AlpacaSettings) -> None:
        self.settings = settings
        keys: dict[str, Any] = {"api_key": settings.key_id, "secret_key": settings.secret_key, "raw_data": True}
        self.trading = sdk.TradingClient(paper=not settings.is_live, url_override=settings.api_url or None, **keys)
        self.options = sdk.OptionHistoricalDataClient(url_override=settings.data_url or None, **keys)
        self.stocks = sdk.StockHistoricalDataClient(url_override=settings.data_url or None, **keys)
        self._clients = (self.trading, self.options, self.stocks)
        # Alpaca counts market data by itself: too much of it must not keep an order waiting.
        orders, data = _budget(settings.requests_per_minute), _budget(settings.requests_per_minute)
        for client, budget in zip(self._clients, (orders, data, data), strict=True):
            client._retry = 0
            for scheme in ("http://", "https://"):
                client._session.mount(scheme, BoundedAdapter())
            bounded = partial(client._session.request, timeout=settings.request_timeout_seconds)
            setattr(client._session, "request", partial(self._in_turn, budget, bounded))  # noqa: B010  # no setting
        self._secrets = (settings.secret_key, settings.key_id)
        self._pause = threading.Event()  # set once it is closed

    def close(self) -> None:
        """Give the connections back."""
        self._pause.set()
        for client in self._clients:
            client._session.close()

    def says_live(self, account_number: str) -> bool:
        """Tell whether the account trades real money."""
        at_live = None
        if self.trading._base_url == sdk.BaseURL.TRADING_LIVE:
            at_live = True
        elif self.trading._base_url == sdk.BaseURL.TRADING_PAPER:
            at_live = False
        return says_live(self.settings.key_id, account_number, at_live_address=at_live)

    def read(self, call: Callable[[], Any]) -> Any | No:
        """Ask something that changes nothing; raises ``BrokerUnavailable`` where no answer came."""
        try:
            return self._send(call)
        except OutcomeUnknown as error:
            raise BrokerUnavailable(error.message, advice=error.advice, details=error.details) from error

    def change(self, call: Callable[[], Any]) -> Any | No:
        """Ask for a change, once; raises ``OutcomeUnknown`` where it may have been made."""
        return self._send(call)

    def must(self, call: Callable[[], Any], what: str) -> Any:
        """Ask for what is always there; raises ``BrokerUnavailable`` where it is refused."""
        answer = self.read(call)
        if isinstance(answer, No):
            raise BrokerUnavailable(f"alpaca refused to tell {what}: {answer.message}", details=_details(answer))
        return answer

    def activities(self, after: str | None) -> list[Raw]:
        """Return what moved in the account since an instant, oldest first, all pages of it."""
        found: list[Raw] = []
        asked: dict[str, Any] = {"direction": "asc", "page_size": ACTIVITY_PAGE}
        if after is not None:
            asked["after"] = after
        for _ in range(ACTIVITY_PAGES_MAX):
            page = self.must(partial(self.trading.get, "/account/activities", dict(asked)), "the activities")
            if not isinstance(page, list):
                raise BrokerUnavailable("alpaca told no list of activities")
            found += [one for one in page if isinstance(one, Mapping)]
            last = page[-1].get("id") if page and isinstance(page[-1], Mapping) else None
            if len(page) < ACTIVITY_PAGE or last is None or last == asked.get("page_token"):
                return found
            asked["page_token"] = last
        raise BrokerUnavailable("alpaca's activities have no end")

    def _send(self, call: Callable[[], Any]) -> Any | No:
        try:
            return call()
        except sdk.APIError as error:
            return self._no_of(error)
        except wire.TooManyRedirects as error:
            raise OutcomeUnknown(f"alpaca's address answers with {error}") from error
        except wire.ConnectionError as error:
            where = _where(error)
            if _was_never_sent(error):
                raise BrokerUnavailable(
                    f"alpaca cannot be reached at {where}: {words_of(deepest(error))}", advice=NOT_REACHED
                ) from error
            raise OutcomeUnknown(f"alpaca hung up at {where} before it answered: {words_of(deepest(error))}") from error
        except wire.Timeout as error:
            raise OutcomeUnknown(
                f"alpaca did not answer within {self.settings.request_timeout_seconds:g} seconds at {_where(error)}",
                advice=NOT_REACHED,
            ) from error
        except wire.ChunkedEncodingError as error:
            raise OutcomeUnknown(f"alpaca hung up at {_where(error)} in the middle of its answer") from error
        except (wire.RequestException, *NONSENSE) as error:
            text = without(str(error)[:WORDS_MAX], self._secrets)
            raise OutcomeUnknown(f"alpaca's answer cannot be read: {text or type(error).__name__}") from None

    def _in_turn(self, budget: RequestBudget, request: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Send one request, a page of many too, when there is room for it."""
        # Who asks is not kept longer than an answer may take; after a refusal the pause can be a minute.
        wait = budget.take()
        if wait > self.settings.request_timeout_seconds:
            budget.take(-1)
            raise BrokerUnavailable(
                f"alpaca takes no more requests for {wait:.0f} seconds", details={"retry_after_seconds": wait}
            )
        self._pause.wait(wait)
        response = _straight(request, *args, **kwargs)
        if response.status_code == TOO_MANY:
            budget.pause(_retry_after(response))
        return response

    def _no_of(self, error: Any) -> No:
        no = no_of(error, self._secrets)
        if no.status == TOO_MANY:
            seconds = _retry_after(error.response)
            message = f"alpaca takes no more requests for {seconds:g} seconds"
            raise BrokerUnavailable(message, details={"retry_after_seconds": seconds}) from error
        if no.status == UNAUTHORIZED:
            raise BrokerUnavailable(
                f"alpaca does not take the keys: {no.message}",
                advice="Make new keys and store them.",
                details=_details(no),
            ) from error
        if no.status >= SERVER_FAILED:
            raise OutcomeUnknown(f"alpaca failed with {no.status}: {no.message}", details=_details(no)) from error
        if not no.is_told:
            # A page of somebody in between proves nothing: neither a refusal, nor that an order is not there.
            raise OutcomeUnknown(
                f"something that is not alpaca answered with {no.status}: {no.message}", details=_details(no)
            ) from error
        return no


def no_of(error: Any, secrets: Sequence[str] = ()) -> No:
    """Read the SDK's error, whose text may be JSON or anything."""
    response = error.response
    try:
        body = response.json()
    except NONSENSE:
        body = {}
    if not isinstance(body, Mapping):
        body = {}
    code = body.get("code")
    return No(
        status=response.status_code,
        code=code if isinstance(code, int) else None,
        message=without(str(body.get("message") or response.text or response.reason)[:WORDS_MAX], secrets),
        request_id=response.headers.get("X-Request-ID", ""),
        is_told=isinstance(code, int) or isinstance(body.get("message"), str),
    )


def refusal_words(no: No, refusal: Refusal) -> str:
    """Return the message of a no, kept for people."""
    return f"{no.message} ({no.code})" if no.code else f"{no.message} ({no.status}, {refusal.value})"


def _straight(request: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Send it, and follow nobody elsewhere: the keys are for Alpaca alone."""
    response = request(*args, **kwargs | {"allow_redirects": False})
    if 300 <= response.status_code < 400:
        raise wire.TooManyRedirects(f"status {response.status_code}: a redirect, which is not followed")
    return response


def _details(no: No) -> dict[str, object]:
    return {"status": no.status, "code": no.code, "request_id": no.request_id}


def _budget(per_minute: float) -> RequestBudget:
    return RequestBudget(per_minute * STEADY_SHARE / 60, max(1.0, per_minute * BURST_SHARE))


def _retry_after(response: Any) -> float:
    try:
        asked = float(response.headers.get("Retry-After", ""))
    except ValueError:
        asked = 1.0  # a date, or nothing at all
    return min(max(asked, 0.0), PAUSE_SECONDS_MAX) if isfinite(asked) else PAUSE_SECONDS_MAX


def _was_never_sent(error: Exception) -> bool:
    if isinstance(error, wire.ConnectTimeout | wire.ProxyError | wire.SSLError):
        return True
    return any(isinstance(getattr(one, "reason", one), NEVER_SENT) for one in error.args)


def _where(error: wire.RequestException) -> str:
    return place_of(getattr(error.request, "url", ""))
