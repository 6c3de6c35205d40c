"""What the adapter needs to reach an account at tastytrade."""

from dataclasses import dataclass, field

from thetaloom.links.addresses import STREAM
from thetaloom.links.given_setup import GivenSetup
from thetaloom.ports.broker_plugin import BrokerSetup, SetupField

NAME = "tastytrade"
CLIENT_SECRET, REFRESH_TOKEN = "client-secret", "refresh-token"  # the names of secrets, not secrets
FIELDS = (
    SetupField(
        name=CLIENT_SECRET,
        text="The client secret of your own OAuth application: my.tastytrade, Manage, API access, OAuth applications.",
        is_secret=True,
    ),
    SetupField(
        name=REFRESH_TOKEN,
        text="The refresh token of a grant of that application; it never ends. The test site has its own.",
        is_secret=True,
    ),
    SetupField(name="api_url", text="The address of the REST interface, if not tastytrade's own.", is_needed=False),
    SetupField(name="stream_url", text="The address of the account streamer, if not tastytrade's.", is_needed=False),
    SetupField(name="request_timeout_seconds", text="How long an answer may take.", is_needed=False, default="10"),
    SetupField(
        name="silence_seconds",
        text="How long a stream may say nothing, heartbeats included, before it counts as lost.",
        is_needed=False,
        default="45",
    ),
    SetupField(
        name="fresh_seconds",
        text="How long balances, positions and transactions are kept while nothing is told to have changed.",
        is_needed=False,
        default="3",
    ),
    SetupField(
        name="heartbeat_seconds",
        text="How often the account streamer is told that we are here; it wants 2 to 60.",
        is_needed=False,
        default="20",
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TastytradeSettings:
    """Where the account is and how it is reached; secrets are never shown."""

    is_live: bool
    account: str
    client_secret: str = field(repr=False)
    refresh_token: str = field(repr=False)
    api_url: str = ""  # empty: tastytrade's own, of the site that is wanted
    stream_url: str = ""
    request_timeout_seconds: float = 10.0
    silence_seconds: float = 45.0
    fresh_seconds: float = 3.0
    heartbeat_seconds: float = 20.0


def settings_of(setup: BrokerSetup) -> TastytradeSettings:
    """Read the settings. Raises ``ConfigError`` that names what is missing or wrong."""
    given = GivenSetup(NAME, FIELDS, setup.options, setup.secrets)
    return TastytradeSettings(
        is_live=setup.is_live,
        account=setup.account.strip(),
        client_secret=given.secret(CLIENT_SECRET),
        refresh_token=given.secret(REFRESH_TOKEN),
        api_url=given.address("api_url"),
        stream_url=given.address("stream_url", STREAM),
        request_timeout_seconds=given.number("request_timeout_seconds", 0.05, 120),
        silence_seconds=given.number("silence_seconds", 0.1, 600),
        fresh_seconds=given.number("fresh_seconds", 0, 60),
        heartbeat_seconds=given.number("heartbeat_seconds", 0.02, 60),
    )
