"""Where Cboe's delayed chains are read, and how often and how much."""

from dataclasses import dataclass

SOURCE = "cboe"
BASE_URL = "https://cdn.cboe.com"


@dataclass(frozen=True, slots=True, kw_only=True)
class CboeSettings:
    """Limits of one source; the defaults are polite to a server that asks for no key."""

    base_url: str = BASE_URL
    delay_seconds: float = 900.0  # what the server's own time is ahead of its quotes
    refresh_seconds: float = 60.0  # an answer is not asked for again before
    request_timeout_seconds: float = 20.0  # for the whole of an answer, which may be 15 MB
    answer_bytes_max: int = 96_000_000
    requests_per_second: float = 2.0
    requests_burst: int = 6
    pause_seconds_first: float = 5.0  # after a refusal, doubling up to the cap
    pause_seconds_max: float = 300.0
