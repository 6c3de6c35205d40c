"""What the adapter has to know before it can sign in, read once from what a person gave."""

from dataclasses import dataclass, field

from thetaloom.errors import NotAllowed
from thetaloom.links.addresses import STREAM
from thetaloom.links.given_setup import GivenSetup
from thetaloom.ports.broker_plugin import BrokerSetup, SetupField

PAPER_KEY, LIVE_KEY = "PK", "AK"  # how the keys of the two kinds of accounts begin
PAPER_NUMBER = "PA"  # how the numbers of paper accounts begin
OPTION_FEEDS = ("indicative", "opra")
STOCK_FEEDS = ("iex", "sip", "delayed_sip")

FIELDS = (
    SetupField(name="key-id", text="The API key id, from the account's page of API keys", is_secret=True),
    SetupField(name="secret-key", text="The secret key, shown once beside the key id", is_secret=True),
    SetupField(
        name="option_feed",
        text="Feed of option quotes: indicative (free, 15 minutes late) or opra (subscription)",
        is_needed=False,
        default="indicative",
    ),
    SetupField(
        name="stock_feed",
        text="Feed of stock prices: iex (free), sip (subscription) or delayed_sip",
        is_needed=False,
        default="iex",
    ),
    SetupField(name="api_url", text="Address of the trading API, if not Alpaca's own", is_needed=False),
    SetupField(name="data_url", text="Address of the data API, if not Alpaca's own", is_needed=False),
    SetupField(name="stream_url", text="Address of the stream of trade updates", is_needed=False),
    SetupField(name="data_stream_url", text="Address of the stream of option quotes", is_needed=False),
    SetupField(
        name="requests_per_minute",
        text="How many requests Alpaca takes from the account",
        is_needed=False,
        default="200",
    ),
    SetupField(name="request_timeout_seconds", text="How long to wait for an answer", is_needed=False, default="10"),
    SetupField(
        name="silence_seconds",
        text="How long a stream may say nothing before it counts as lost",
        is_needed=False,
        default="30",
    ),
    SetupField(
        name="fresh_seconds",
        text="How long balances and positions are kept while nothing is told to have changed",
        is_needed=False,
        default="2",
    ),
    SetupField(
        name="sweep_seconds",
        text="How often the books are read though no stream said that anything changed",
        is_needed=False,
        default="30",
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AlpacaSettings:
    """Keys, addresses and limits; an empty address is Alpaca's own."""

    key_id: str = field(repr=False)
    secret_key: str = field(repr=False)
    is_live: bool
    account: str
    option_feed: str
    stock_feed: str
    api_url: str
    data_url: str
    stream_url: str
    data_stream_url: str
    requests_per_minute: float
    request_timeout_seconds: float
    silence_seconds: float
    fresh_seconds: float
    sweep_seconds: float


def settings_of(setup: BrokerSetup) -> AlpacaSettings:
    """Read what was given. Raises ``ConfigError`` where it is wrong, ``NotAllowed`` where it is of the other mode."""
    given = GivenSetup("alpaca", FIELDS, setup.options, setup.secrets)
    _check_mode(given.secret("key-id"), is_live=setup.is_live)
    return AlpacaSettings(
        key_id=given.secret("key-id"),
        secret_key=given.secret("secret-key"),
        is_live=setup.is_live,
        account=setup.account,
        option_feed=given.one_of("option_feed", OPTION_FEEDS),
        stock_feed=given.one_of("stock_feed", STOCK_FEEDS),
        api_url=given.address("api_url"),
        data_url=given.address("data_url"),
        stream_url=given.address("stream_url", STREAM),
        data_stream_url=given.address("data_stream_url", STREAM),
        requests_per_minute=given.number("requests_per_minute", 1, 100_000),
        request_timeout_seconds=given.number("request_timeout_seconds", 0.01, 120),
        silence_seconds=given.number("silence_seconds", 0.01, 600),
        fresh_seconds=given.number("fresh_seconds", 0.001, 600),
        sweep_seconds=given.number("sweep_seconds", 0.01, 3600),
    )


def says_live(key_id: str, account_number: str, *, at_live_address: bool | None) -> bool:
    """Tell whether an account trades real money; one word of it is enough, and so is no word at all.

    The address decides where it is Alpaca's own, because it takes only the keys of its own kind (``None``: another
    address). Keys and numbers are named for their kind too.
    """
    if at_live_address is not None:
        return at_live_address or key_id.startswith(LIVE_KEY)
    if key_id.startswith(LIVE_KEY) or account_number.isdigit():
        return True
    return not (key_id.startswith(PAPER_KEY) or account_number.startswith(PAPER_NUMBER))


def check_kind(*, is_live: bool, wanted_live: bool) -> None:
    """Refuse an account that is not of the kind that is wanted."""
    if is_live and not wanted_live:
        raise NotAllowed(
            "live_account_in_paper_mode",
            "the keys are of a live account at Alpaca, and the mode is paper",
            advice="Give the keys of the paper account, which begin with PK.",
        )
    if wanted_live and not is_live:
        raise NotAllowed(
            "paper_account_in_live_mode",
            "the keys are of a paper account at Alpaca, and the mode is live",
            advice="Give the keys of the live account, or trade in paper mode.",
        )


def _check_mode(key_id: str, *, is_live: bool) -> None:
    for prefix, kind in ((PAPER_KEY, False), (LIVE_KEY, True)):
        if key_id.startswith(prefix):
            check_kind(is_live=kind, wanted_live=is_live)
