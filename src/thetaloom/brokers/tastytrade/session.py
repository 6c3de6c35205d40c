"""One OAuth session at tastytrade: the SDK's, with fresh tokens ahead of time and every failure in our words.

The SDK keeps its addresses in its modules. They are set on each session here instead, so that two sessions in one
process never cross. The SDK itself repeats nothing, and neither does anything here that could change something.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache
from math import isfinite
from ssl import SSLContext
from typing import Any

import httpx2
from tastytrade import Session
from tastytrade.utils import TastytradeError, validate_and_parse

from thetaloom.brokers.tastytrade.guarding import without_rules
from thetaloom.brokers.tastytrade.settings import TastytradeSettings
from thetaloom.errors import BrokerUnavailable, ConfigError, OutcomeUnknown
from thetaloom.links.addresses import NOT_REACHED, place_of
from thetaloom.links.network_words import deepest, words_of
from thetaloom.links.nonsense import NONSENSE, without
from thetaloom.ports.clock import Clock

REQUEST_TIMEOUT = 408  # of a proxy: the request may be on its way all the same
AGENT = "thetaloom/1"  # a request without product/version is answered with 401
REFRESH_PART = 2 / 3  # of a token's life: after 10 of its 15 minutes, long before the SDK would
UNAUTHORIZED, TOO_MANY, SERVER_FAULT = 401, 429, 500
TOKEN_SECONDS_MIN, TOKEN_SECONDS_MAX, TOKEN_SECONDS = 30.0, 86_400.0, 900.0
ANSWER_BYTES_MAX = 64 << 20  # unpacked; the largest chain is some ten
PAGES_MAX = 1_000
# The SDK writes its tokens into its debugging log, and turns that on by itself.
logging.getLogger("tastytrade").setLevel(logging.WARNING)
logging.getLogger("httpx2").setLevel(logging.WARNING)  # it writes addresses down, with the account's number in them
NOTHING_SENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.UnsupportedProtocol)


class WireRefusal(Exception):
    """tastytrade answered that it will not do it: nothing was done."""

    def __init__(self, status: int, entries: Sequence[tuple[str, str]]) -> None:
        super().__init__("; ".join(f"{code}: {text}" for code, text in entries) or f"status {status}")
        self.status = status
        self.entries = tuple(entries)

    @property
    def words(self) -> str:
        """What it said, for people."""
        return " ".join(text for _, text in self.entries) or str(self)


class TastytradeSession(Session):
    """The SDK's session with our addresses, our name, tokens renewed at two thirds of their life, and our errors."""

    def __init__(self, settings: TastytradeSettings, clock: Clock) -> None:
        super().__init__(
            settings.client_secret,
            settings.refresh_token,
            is_test=not settings.is_live,
            timeout=settings.request_timeout_seconds,
            verify=_trusted(),
        )
        if settings.api_url:
            self._client.base_url = httpx2.URL(settings.api_url)
        self._client.headers["User-Agent"] = AGENT
        # The SDK opens its web sockets with clients of their own.
        self.client_kwargs = {
            "timeout": settings.request_timeout_seconds,
            "verify": _trusted(),
            "headers": {"User-Agent": AGENT},
        }
        self._clock = clock
        self._patience_seconds = settings.request_timeout_seconds
        self._renew_at: datetime | None = None
        self._renewing = asyncio.Lock()
        self.token_renewed: Callable[[], None] = lambda: None

    @property
    def stands_on_test_site(self) -> bool:
        """Whether the address is that of tastytrade's test site."""
        return ".cert." in self._client.base_url.host

    async def close(self) -> None:
        """Give the connections back."""
        await self._client.aclose()

    async def refresh(self, force: bool = False) -> None:
        """Renew the token when two thirds of its life are over, or now. Nothing but the token changes."""
        seen = self.session_token
        async with self._renewing:
            if force and seen != self.session_token:
                return  # another call renewed it while this one waited
            if not force and self._renew_at is not None and self._clock.now() < self._renew_at:
                return
            await self._renew()

    async def _renew(self) -> None:
        try:
            request = self._client.build_request(
                "POST",
                "/oauth/token",
                json={
                    "grant_type": "refresh_token",
                    "client_secret": self.provider_secret,
                    "refresh_token": self.refresh_token,
                },
            )
            request.headers.pop("Authorization", None)  # an old token beside it is refused
            response = await self._whole(request)
        except (httpx2.HTTPError, TimeoutError) as error:
            raise BrokerUnavailable(f"tastytrade gives no token: {self._said(error)}", advice=NOT_REACHED) from error
        if response.status_code == TOO_MANY or response.status_code >= SERVER_FAULT:
            raise BrokerUnavailable(f"tastytrade gives no token now: status {response.status_code}")
        if response.status_code // 100 != 2:
            if not _is_theirs(response):
                raise BrokerUnavailable(
                    f"something that is not tastytrade answered the request for a token: status {response.status_code}"
                )
            text = without(_entries_text(response), self._secrets)
            raise ConfigError(
                f"tastytrade does not accept the client secret and refresh token: {text}",
                advice="Make a new grant at my.tastytrade (the test site has its own) and set both secrets anew.",
            )
        self._take_token(response)

    def _take_token(self, response: httpx2.Response) -> None:
        told = _json_of(response)
        token = told.get("access_token")
        if not isinstance(token, str) or not token or not token.isascii() or not token.isprintable():
            raise BrokerUnavailable("tastytrade answered without a token")
        self.session_token = token
        self._renew_at = self._clock.now() + timedelta(seconds=_life(told.get("expires_in")) * REFRESH_PART)
        self._client.headers["Authorization"] = f"Bearer {token}"
        self.token_renewed()

    async def _get(self, url: str, **kwargs: Any) -> dict[str, Any]:
        return _parsed(await self._read("GET", url, kwargs))

    async def _post(self, url: str, **kwargs: Any) -> dict[str, Any]:
        if url.endswith("/dry-run"):
            return _parsed(await self._read("POST", url, kwargs))
        return self._changed(await self._change("POST", url, kwargs))

    async def _put(self, url: str, **kwargs: Any) -> dict[str, Any]:
        return self._changed(await self._change("PUT", url, kwargs))

    async def _delete(self, url: str, **kwargs: Any) -> None:
        await self._change("DELETE", url, kwargs)

    async def _paginate(self, model: Any, url: str, params: dict[str, Any]) -> list[Any]:
        # The SDK's own goes past the checks of ``_read``; what it does is the same.
        every, found = params["page-offset"] is None, []
        asked = {key: given for key, given in params.items() if given is not None} | {
            "page-offset": params["page-offset"] or 0
        }
        for page in range(int(asked["page-offset"]), PAGES_MAX):
            told = _json_of(await self._read("GET", url, {"params": asked | {"page-offset": page}}))
            found += [model(**one) for one in _checked(told.get("data"))["items"]]
            pages = told.get("pagination") or {"total-pages": 1}
            if not every or page >= pages["total-pages"] - 1:
                return found
        raise BrokerUnavailable("tastytrade's pages have no end")

    async def _read(self, method: str, url: str, kwargs: Mapping[str, Any]) -> httpx2.Response:
        await self.refresh()
        for is_last in (False, True):
            try:
                response = await self._whole(self._client.build_request(method, url, **_content(kwargs)))
            except (httpx2.HTTPError, TimeoutError) as error:
                raise BrokerUnavailable(
                    f"tastytrade does not answer: {self._said(error)}", advice=NOT_REACHED
                ) from error
            if response.status_code != UNAUTHORIZED or is_last:
                break
            await self.refresh(force=True)  # a read may be asked again
        if response.status_code == TOO_MANY or response.status_code >= SERVER_FAULT:
            raise BrokerUnavailable(f"tastytrade does not serve this now: status {response.status_code}")
        if response.status_code // 100 != 2 and not _is_theirs(response):
            raise BrokerUnavailable(f"something that is not tastytrade answered: status {response.status_code}")
        self._raise_refusal(response)
        return response

    async def _change(self, method: str, url: str, kwargs: Mapping[str, Any]) -> httpx2.Response:
        await self.refresh()
        try:
            response = await self._whole(self._client.build_request(method, url, **_content(kwargs)))
        except NOTHING_SENT as error:
            raise BrokerUnavailable(f"tastytrade cannot be reached: {self._said(error)}", advice=NOT_REACHED) from error
        except (httpx2.HTTPError, TimeoutError) as error:
            raise OutcomeUnknown(f"tastytrade did not answer: {self._said(error)}") from error
        if response.status_code == UNAUTHORIZED:
            await self.refresh(force=True)
            raise BrokerUnavailable("tastytrade did not take the request: its token had ended, and is renewed now")
        if response.status_code == TOO_MANY:
            raise BrokerUnavailable("tastytrade did not take the request: too many in a short time")
        if response.status_code >= SERVER_FAULT:
            raise OutcomeUnknown(f"tastytrade failed with status {response.status_code}; it may have taken the request")
        if response.status_code // 100 != 2 and not _is_theirs(response):
            # A page of somebody in between is no refusal: the request may have gone through behind it.
            raise OutcomeUnknown(f"something that is not tastytrade answered: status {response.status_code}")
        self._raise_refusal(response)
        return response

    async def _whole(self, request: httpx2.Request) -> httpx2.Response:
        """Send it once and read the answer to its end, in the time of one request and no larger than can be."""
        async with asyncio.timeout(self._patience_seconds):
            response = await self._client.send(request, stream=True)
            try:
                parts, size = [], 0
                async for part in response.aiter_bytes():
                    parts.append(part)
                    size += len(part)
                    if size > ANSWER_BYTES_MAX:
                        raise httpx2.DecodingError(f"an answer of more than {ANSWER_BYTES_MAX:,} bytes")
            finally:
                await response.aclose()
        kept = {name: text for name, text in response.headers.items() if name.lower() != "content-encoding"}
        return httpx2.Response(response.status_code, headers=kept, content=b"".join(parts), request=request)

    def _said(self, error: Exception) -> str:
        is_late = isinstance(error, TimeoutError | httpx2.TimeoutException)
        cause = deepest(error) if isinstance(error, httpx2.ConnectError) else error
        why = f"nothing within {self._patience_seconds:g} seconds" if is_late else words_of(cause)
        place = place_of(self._client.base_url)
        return why if place in why else f"{why} (at {place})"

    def _raise_refusal(self, response: httpx2.Response) -> None:
        if response.status_code // 100 != 2:
            entries = [(code, without(text, self._secrets)) for code, text in _entries(response)]
            raise WireRefusal(response.status_code, entries)

    @property
    def _secrets(self) -> tuple[str, ...]:
        return (self.provider_secret or "", self.refresh_token or "", self.session_token or "")

    def _changed(self, response: httpx2.Response) -> dict[str, Any]:
        try:
            found = validate_and_parse(response)
            if not isinstance(found, dict):
                raise TypeError("no object")
            return found
        except (TastytradeError, *NONSENSE) as error:
            raise OutcomeUnknown("tastytrade took the request and answered with nothing to read") from error


def _content(kwargs: Mapping[str, Any]) -> dict[str, Any]:
    # The SDK hands JSON over as ``data``, which its own HTTP library warns of.
    return {"content" if name == "data" else name: given for name, given in kwargs.items()}


def _parsed(response: httpx2.Response) -> dict[str, Any]:
    return _checked(_json_of(response).get("data"))


def _checked(held: Any) -> dict[str, Any]:
    if not isinstance(held, dict):
        raise BrokerUnavailable("tastytrade answered without data")
    if "items" in held and not isinstance(held["items"], list):
        raise BrokerUnavailable("tastytrade answered with no list")  # which must not pass for an empty one
    plain: dict[str, Any] = without_rules(held)
    return plain


def _life(told: Any) -> float:
    try:
        seconds = float(told)
    except NONSENSE:
        seconds = TOKEN_SECONDS
    return min(max(seconds, TOKEN_SECONDS_MIN), TOKEN_SECONDS_MAX) if isfinite(seconds) else TOKEN_SECONDS


def _json_of(response: httpx2.Response) -> dict[str, Any]:
    try:
        told = response.json()
    except NONSENSE as error:
        raise BrokerUnavailable("tastytrade answered with no JSON") from error
    if not isinstance(told, dict):
        raise BrokerUnavailable("tastytrade answered with JSON of another shape")
    return told


def _is_theirs(response: httpx2.Response) -> bool:
    """Tell whether an answer refuses in the form in which tastytrade does; a proxy's page does not."""
    if not 400 <= response.status_code < 500 or response.status_code == REQUEST_TIMEOUT:
        return False
    try:
        told = response.json()
    except NONSENSE:
        return False
    return isinstance(told, dict) and (isinstance(told.get("error"), dict) or "error_code" in told)


def _entries(response: httpx2.Response) -> list[tuple[str, str]]:
    try:
        told = response.json()
    except NONSENSE:
        return []
    body = told.get("error") if isinstance(told, dict) else None
    if not isinstance(body, dict):
        return []
    errors = body.get("errors")
    found: list[Any] = errors if isinstance(errors, list) and errors else [body]
    return [
        (str(one.get("code") or one.get("domain") or ""), str(one.get("message") or one.get("reason") or ""))
        for one in found
        if isinstance(one, dict)
    ]


def _entries_text(response: httpx2.Response) -> str:
    return "; ".join(f"{code}: {text}" for code, text in _entries(response)) or f"status {response.status_code}"


@cache
def _trusted() -> SSLContext:
    """Return whose certificates are trusted; reading them costs more than all the rest of a sign-in."""
    return httpx2.create_ssl_context()
