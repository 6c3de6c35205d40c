"""One request for one chain: bounded in time and size, and every failure a ``MarketDataUnavailable`` with a reason."""

import time
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from urllib.parse import quote, urlsplit

import httpx2

from thetaloom import __version__
from thetaloom.domain.values.instruments import INDEX_ROOTS
from thetaloom.domain.values.symbols import spellings
from thetaloom.errors import ConfigError, MarketDataUnavailable
from thetaloom.links.addresses import NOT_REACHED, place_of
from thetaloom.links.network_words import deepest, words_of
from thetaloom.marketdata.cboe.settings import CboeSettings
from thetaloom.ports.clock import Clock

PATH = "/api/global/delayed_quotes/options/{}.json"
INDICES = frozenset(root.underlying for root in INDEX_ROOTS.values())
RETRY_AFTER_SECONDS_MAX = 3600.0
MAX_AGE_SECONDS_MAX = 900.0
CONNECT_SECONDS_MAX = 5.0
NOT_CARRIED = 404
REFUSED = 403  # by this server also for a file that it does not have
BUSY = 429
UNCHANGED = 304
CLASS_MARK = "."  # before a class of shares: BRKB is BRK.B to Cboe


class CboeRefused(MarketDataUnavailable):
    """The server answered, and not with a chain."""

    def __init__(self, symbol: str, status: int, why: str, retry_after_seconds: float) -> None:
        super().__init__(f"cboe: {symbol}: {why}", details={"symbol": symbol, "status": status})
        self.status = status
        self.retry_after_seconds = retry_after_seconds

    @property
    def is_of_symbol(self) -> bool:
        """Whether only this symbol was refused, so that others may be asked for."""
        return self.status in {NOT_CARRIED, REFUSED}


@dataclass(frozen=True, slots=True, kw_only=True)
class CboeAnswer:
    """What the server sent; ``None`` where it stands as it was known by its tag."""

    content: bytes | None
    tag: str
    max_age_seconds: float  # the server says that it cannot have changed before


class CboeClient:
    """Asks for chains, one at a time; safe to be used by several threads."""

    def __init__(self, settings: CboeSettings, clock: Clock) -> None:
        address = urlsplit(settings.base_url)
        if address.scheme not in {"http", "https"} or not address.hostname:
            raise ConfigError(f'cboe: base_url "{settings.base_url}" is no http address')
        self._settings = settings
        self._clock = clock
        self._names: dict[str, str] = {}  # under which chains were found
        self._client = httpx2.Client(
            base_url=settings.base_url,
            timeout=httpx2.Timeout(
                settings.request_timeout_seconds, connect=min(CONNECT_SECONDS_MAX, settings.request_timeout_seconds)
            ),
            follow_redirects=False,
            headers={"accept": "application/json", "user-agent": f"thetaloom/{__version__}"},
        )

    def fetch(self, symbol: str, tag: str) -> CboeAnswer:
        """Return the chain of ``symbol``, unless it still has the ``tag``."""
        *others, last = (self._names[symbol],) if symbol in self._names else spellings(symbol, CLASS_MARK)
        for name in others:
            try:
                return self._fetch(symbol, name, tag)
            except CboeRefused as no:
                if not no.is_of_symbol:
                    raise
        return self._fetch(symbol, last, tag)

    def _fetch(self, symbol: str, name: str, tag: str) -> CboeAnswer:
        headers = {"if-none-match": tag} if tag else {}
        try:
            with self._client.stream("GET", path_of(name), headers=headers) as response:
                if response.status_code == UNCHANGED and tag:
                    return CboeAnswer(content=None, tag=tag, max_age_seconds=_max_age(response))
                self._check(symbol, response)
                content = self._read(symbol, response)
                self._names[symbol] = name
                return CboeAnswer(
                    content=content, tag=response.headers.get("etag", ""), max_age_seconds=_max_age(response)
                )
        except httpx2.TimeoutException as error:
            raise self._failed(
                symbol, f"no answer within {self._settings.request_timeout_seconds:g} seconds"
            ) from error
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise self._failed(symbol, words_of(deepest(error))) from error

    def close(self) -> None:
        """Hang up."""
        self._client.close()

    def _check(self, symbol: str, response: httpx2.Response) -> None:
        status = response.status_code
        if status == 200:
            return
        words = {
            NOT_CARRIED: "not carried (404)",
            REFUSED: "refused (403): not carried, or too many were asked for",
            BUSY: "asked for too often (429)",
        }
        raise CboeRefused(symbol, status, words.get(status, f"answered with {status}"), self._retry_after(response))

    def _read(self, symbol: str, response: httpx2.Response) -> bytes:
        ends = time.monotonic() + self._settings.request_timeout_seconds
        parts: list[bytes] = []
        size = 0
        for part in response.iter_bytes():
            parts.append(part)
            size += len(part)
            if size > self._settings.answer_bytes_max:
                raise self._failed(symbol, f"an answer of more than {self._settings.answer_bytes_max:,} bytes")
            if time.monotonic() > ends:  # each part came in time, the whole did not
                raise self._failed(symbol, f"no end within {self._settings.request_timeout_seconds:g} seconds")
        return b"".join(parts)

    def _failed(self, symbol: str, why: str) -> MarketDataUnavailable:
        where = place_of(self._settings.base_url)
        return MarketDataUnavailable(
            f"cboe: {symbol}: {why} (at {where})", advice=NOT_REACHED, details={"symbol": symbol}
        )

    def _retry_after(self, response: httpx2.Response) -> float:
        told = response.headers.get("retry-after", "")
        if told.isdigit():
            return min(float(told), RETRY_AFTER_SECONDS_MAX)
        try:
            seconds = (parsedate_to_datetime(told) - self._clock.now()).total_seconds()
        except (ValueError, TypeError):  # none, or nonsense, or a time without a zone
            return 0.0
        return min(max(seconds, 0.0), RETRY_AFTER_SECONDS_MAX)


def path_of(name: str) -> str:
    """Return the path of a chain; indices stand there with an underscore."""
    return PATH.format(quote(f"_{name}" if name in INDICES else name, safe=""))


def _max_age(response: httpx2.Response) -> float:
    for word in response.headers.get("cache-control", "").split(","):
        name, _, number = word.strip().partition("=")
        if name.lower() == "max-age" and number.isdigit():
            return min(float(number), MAX_AGE_SECONDS_MAX)
    return 0.0
