"""Settings: one frozen record, read once from ``config.toml``, the environment and the command line, in that order.

An unknown key is an error, so that a misspelt limit can never be silently absent. Secrets print as stars.
"""

from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from thetaloom.brokers.paper.settings import FillModel, PaperSettings, read_shares
from thetaloom.domain.book.imbalance import ImbalancePolicy
from thetaloom.domain.market.rates import RateCurve
from thetaloom.domain.run.prompts import PromptLanguage
from thetaloom.domain.strategy.ending_rules import SharesPolicy
from thetaloom.domain.values.money import Money
from thetaloom.errors import ConfigError, InvalidInput

ENVIRONMENT_PREFIX = "THETALOOM_"
DEFAULT_HOME = Path("~/.thetaloom")


class Mode(StrEnum):
    """Whether orders can reach real money."""

    PAPER = "paper"
    LIVE = "live"


class MarketSource(StrEnum):
    """Where market data comes from."""

    SYNTHETIC = "synthetic"
    RECORDED = "recorded"
    CBOE = "cboe"
    BROKER = "broker"


REPLAYED = frozenset({MarketSource.SYNTHETIC, MarketSource.RECORDED})  # by a clock of their own; never for real money
BrokerName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,31}$")]
PAPER_BROKER = "paper"
SIMULATOR_URL = "simulator_url"  # the option that `thetaloom broker simulate` prints


class Settings(BaseSettings):
    """All settings. Every one can be set as ``THETALOOM_<NAME>`` or in ``config.toml`` in the home folder."""

    model_config = SettingsConfigDict(env_prefix=ENVIRONMENT_PREFIX, frozen=True, extra="forbid")

    home: Path = Field(DEFAULT_HOME, description="Folder of everything Thetaloom writes.")
    database_url: SecretStr | None = Field(
        None, description="sqlite:///… or postgresql://…; without it thetaloom.db in the home folder."
    )
    mode: Mode = Field(Mode.PAPER, description="paper, or live; live needs allow_live and a live account as well.")
    allow_live: bool = Field(False, description="The second of the switches that live trading needs.")
    broker: BrokerName = Field(
        PAPER_BROKER,
        description="Where orders go: paper, or a broker by name; `thetaloom broker list` shows them.",
    )
    broker_account: str = Field(
        "", max_length=64, description="The broker's number of the account; empty: the only one there is."
    )
    broker_options: dict[str, str] = Field(
        {}, description="What the broker's adapter is told beside its secrets, by name; never a secret."
    )
    market: MarketSource | BrokerName = Field(
        MarketSource.SYNTHETIC,
        union_mode="left_to_right",
        description="Source of market data: synthetic, recorded, cboe (15 minutes old), broker (the broker's own; "
        "what a broker brings unless you say otherwise), or a broker's name for paper trading on its data.",
    )
    market_sources: str = Field(
        "", max_length=500, description="Sources by preference with their age limits, as tastytrade:30,cboe:1200."
    )
    cboe_url: str = Field("", max_length=200, description="Where the cboe source reads; empty: Cboe's own server.")
    market_files: tuple[Path, ...] = Field((), description="Files of the recorded source; none: the package's own day.")
    history_files: tuple[Path, ...] = Field(
        (), description="Daily bars for the recorded source: Parquet or CSV with date, open, high, low, close, …"
    )
    events_file: Path | None = Field(
        None, description="Earnings and dividends for the recorded source: CSV with symbol,kind,date,amount."
    )
    seed: int = Field(1, ge=0, description="Seed of the synthetic market and of the paper broker.")
    speed: float = Field(1.0, gt=0, le=100_000, description="How many times faster than real a replayed market runs.")
    host: str = Field("127.0.0.1", description="Address the web server listens on; loopback unless you say otherwise.")
    port: int = Field(8787, ge=1, le=65535, description="Port of the web server.")
    rate: float = Field(0.04, ge=-0.1, le=1, description="Risk-free rate per year, continuously compounded.")
    rates: str = Field(
        "",
        description="Risk-free rates by days to expiration, as 30:0.041,365:0.039: between them a straight line, "
        "beyond them flat; takes the place of rate.",
    )
    dividend_yield: float = Field(0.0, ge=-0.1, le=1, description="Dividend yield per year, continuously compounded.")
    fee_per_contract: Decimal = Field(Decimal("0.65"), ge=0, le=100, description="Dollars a contract and side.")
    paper_cash: Decimal = Field(Decimal(100_000), gt=0, description="Cash of a new paper account, dollars.")
    paper_fill_at: Decimal = Field(
        Decimal("0.5"), ge=0, le=1, description="Where paper orders fill: 0 at mid, 1 at natural."
    )
    paper_cash_account: bool = Field(False, description="Whether the paper account is a cash account.")
    paper_shares: str = Field(
        "",
        max_length=1000,
        description="Shares that the paper account holds beside its options, like AAPL=100,SPY=200.",
    )
    penny_classes: str = Field(
        "",
        max_length=10_000,
        pattern=r"^([A-Z0-9]{1,6}(,[A-Z0-9]{1,6})*)?$",
        description="Option roots known to be in the penny program, like AAPL,MSFT; "
        "any other class counts as nickel until its quotes prove that it moves in pennies.",
    )
    preview_tolerance: Decimal = Field(
        Decimal("0.25"), ge=0, le=10, description="Share of our margin by which a dry run may differ unwarned."
    )
    imbalance_policy: ImbalancePolicy = Field(
        ImbalancePolicy.BY_RISK,
        description="What is done about legs that stand alone: ask, complete (order the missing legs, no worse than "
        "approved), unwind, or by_risk (unwind a sold leg without cover, ask about the rest).",
    )
    assignment_policy: SharesPolicy = Field(
        SharesPolicy.ASK,
        description="What is done about shares that an assignment or exercise left: ask, close (trade them away at the "
        "market, as soon as it is open), or keep.",
    )
    paper_fill_model: FillModel = Field(
        FillModel.AT,
        description="How paper orders fill: at their limit, queue (after a drawn time there), or improve (better).",
    )
    paper_interest_rate: Decimal = Field(
        Decimal(0), gt=-1, lt=1, description="Interest on the paper account's cash of either sign, per year; 0 = none."
    )
    paper_early_assignment: bool = Field(
        False, description="Whether calls sold by the paper account are assigned before dividends that pay for it."
    )
    evaluations_max: int = Field(5, ge=1, le=100, description="Runs evaluated at once.")
    executions_max: int = Field(3, ge=1, le=100, description="Runs executed at once.")
    data_age_seconds_max: int = Field(300, ge=1, description="Oldest chain that a decision may rest on.")
    approved_age_seconds_max: int = Field(600, ge=1, description="How long after approval an order may be staged.")
    adopt: str = Field(
        "ask",
        min_length=1,
        max_length=64,
        description="What becomes of holdings that came from elsewhere: ask, ignore, or the id of a strategy.",
    )
    llm_model: str = Field(
        "",
        max_length=200,
        description="Language model that reads charts, as provider:name such as openai:gpt-5-mini; with llm_base_url "
        "the name alone. Empty: none.",
    )
    llm_base_url: str = Field(
        "",
        max_length=500,
        pattern=r"^(https?://[^@\s]+)?$",
        description="Address of any server that speaks OpenAI's protocol, such as http://127.0.0.1:8080/v1; no "
        "user or password in it.",
    )
    llm_key: SecretStr | None = Field(
        None, description="Key of the model's provider; without it the provider's own environment variable counts."
    )
    secret_keys: SecretStr | None = Field(
        None, description="Keys for stored credentials, the newest first, with commas; without it a file in keys/."
    )
    llm_timeout_seconds: float = Field(60.0, gt=0, le=600, description="How long one try may take.")
    llm_attempts: int = Field(3, ge=1, le=10, description="Tries where a server is busy, limits, or does not answer.")
    llm_temperature: float = Field(0.1, ge=0, le=2, description="How freely a model may choose its words.")
    llm_tokens_max: int = Field(4096, ge=100, le=200_000, description="Longest answer, in tokens.")
    llm_schema: bool = Field(True, description="Whether the server is told the answer's form as a JSON schema.")
    llm_language: PromptLanguage = Field(PromptLanguage.ENGLISH, description="Language of prompts: en or zh.")
    llm_tokens_per_day: int = Field(500_000, ge=0, description="Tokens that models may use in a day, UTC.")
    llm_cost_per_day: Decimal = Field(
        Decimal(5), ge=0, description="Dollars that models may cost in a day; counted where both prices are set."
    )
    llm_input_price: Decimal | None = Field(None, ge=0, description="Dollars for a million tokens of a question.")
    llm_output_price: Decimal | None = Field(None, ge=0, description="Dollars for a million tokens of an answer.")
    public_url: str = Field(
        "",
        max_length=300,
        pattern=r"^(https?://[^@\s]+)?$",
        description="Address under which people reach the pages, for links in messages; "
        "without it host and port of the web server.",
    )
    live_pages_max: int = Field(
        500, ge=1, le=10_000, description="Pages that may be connected to the live wire at once."
    )
    request_rate_factor: float = Field(
        1.0, ge=0, le=1000, description="How many times the usual rates of requests are allowed; 0: any rate."
    )
    log_level: str = Field("warning", pattern="^(debug|info|warning|error)$", description="What is logged.")

    @property
    def home_folder(self) -> Path:
        """The home folder with ``~`` resolved."""
        return self.home.expanduser()

    @property
    def is_simulated(self) -> bool:
        """Whether the broker is a server of our own, see ``thetaloom broker simulate``; never with real money."""
        return bool(self.broker_options.get(SIMULATOR_URL))

    @property
    def wants_live(self) -> bool:
        """Whether real money is meant."""
        return self.mode is Mode.LIVE

    @property
    def data_broker(self) -> str | None:
        """The broker whose market data are used; ``None`` where they come from elsewhere."""
        if self.market is MarketSource.BROKER:
            return self.broker
        return None if isinstance(self.market, MarketSource) else self.market

    @property
    def link_base(self) -> str:
        """What links in messages begin with."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return self.public_url.rstrip("/") or f"http://{host}:{self.port}"

    @property
    def rate_curve(self) -> RateCurve:
        """The risk-free rates by life."""
        return RateCurve.parse(self.rates) if self.rates.strip() else RateCurve.flat(self.rate)

    @property
    def database(self) -> str:
        """The address of the database."""
        if self.database_url is not None:
            return self.database_url.get_secret_value()
        return f"sqlite:///{self.home_folder / 'thetaloom.db'}"

    def books_url(self, broker: str) -> str:
        """Return the address of a broker's books."""
        # On SQLite they are a file of their own: it is another party, with commits of its own.
        if self.database.startswith("sqlite"):
            main = Path(self.database.removeprefix("sqlite:///"))
            return f"sqlite:///{main.with_name(f'{main.stem}-{broker}-broker.db')}"
        return self.database

    @property
    def paper(self) -> PaperSettings:
        """The settings of the paper broker."""
        return PaperSettings(
            seed=self.seed,
            fill_at=self.paper_fill_at,
            fee_per_contract=Money(self.fee_per_contract),
            starting_cash=Money(self.paper_cash),
            is_cash_account=self.paper_cash_account,
            shares=read_shares(self.paper_shares),
            fill_model=self.paper_fill_model,
            interest_rate=self.paper_interest_rate,
            early_assignment=self.paper_early_assignment,
        )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Command line first, then environment, then the file."""
        environment = EnvSettingsSource(settings_cls)()
        asked = init_settings().get("home") or environment.get("home") or DEFAULT_HOME
        file = Path(str(asked)).expanduser() / "config.toml"
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, file)


def load_settings(**given: Any) -> Settings:
    """Read the settings; ``given`` come from the command line, ``None`` among them meaning "not given"."""
    _refuse_unknown_environment()
    try:
        settings = Settings(**{name: entry for name, entry in given.items() if entry is not None})
    except ValidationError as error:
        problems = {".".join(map(str, each["loc"])): each["msg"] for each in error.errors()}
        listed = "; ".join(f"{name}: {message}" for name, message in problems.items())
        raise ConfigError(f"settings: {listed}", advice="See `thetaloom config show`.", details=problems) from None
    except (OSError, ValueError) as error:
        raise ConfigError(f"settings: {error}", advice="Is config.toml in the home folder well-formed TOML?") from error
    try:
        _ = settings.rate_curve
    except InvalidInput as error:
        raise ConfigError(f"settings: {error.message}", advice="See `thetaloom config show`.") from None
    if settings.broker != PAPER_BROKER and "market" not in settings.model_fields_set:
        settings = settings.model_copy(update={"market": MarketSource.BROKER})
    _refuse_contradictions(settings)
    return settings


def shown(settings: Settings) -> dict[str, object]:
    """Return the effective settings with secrets as stars."""
    return {name: _shown(getattr(settings, name)) for name in Settings.model_fields}


def origins(settings: Settings) -> dict[str, str]:
    """Return where each setting comes from: given at start, the environment, the file, or its default."""
    environment = EnvSettingsSource(Settings)()
    file = TomlConfigSettingsSource(Settings, settings.home_folder / "config.toml")()

    def origin(name: str) -> str:
        if name not in settings.model_fields_set:
            return "default"
        if name in environment:
            return "environment"
        return "config.toml" if name in file else "given at start"

    return {name: origin(name) for name in Settings.model_fields}


def _shown(entry: object) -> object:
    match entry:
        case SecretStr():
            return "**********"
        case None | bool() | int() | float():
            return entry
        case tuple():
            return [str(part) for part in entry]
        case dict():
            return dict(entry)
    return str(entry)


def _refuse_contradictions(settings: Settings) -> None:
    if found := [(message, advice) for holds, message, advice in _contradictions(settings) if holds]:
        messages, advices = zip(*found, strict=True)
        told = settings.model_dump(include={"mode", "allow_live", "broker"})
        raise ConfigError("; ".join(messages), advice=" ".join(advices), details=told)


def _contradictions(settings: Settings) -> tuple[tuple[bool, str, str], ...]:
    broker, on_paper = settings.broker, settings.broker == PAPER_BROKER
    market, is_live, named = str(settings.market), settings.wants_live, ENVIRONMENT_PREFIX
    return (
        (
            is_live and on_paper,
            "mode is live but the broker is paper, which has no real money",
            f"Set {named}BROKER to a broker, or mode = paper.",
        ),
        (
            is_live and settings.is_simulated,
            f"mode is live but {SIMULATOR_URL} makes the broker a simulated one",
            "Take the option out of broker_options, or set mode = paper.",
        ),
        (
            not on_paper and settings.market in REPLAYED,
            f"the {market} market may never reach an order at a broker, and the broker is {broker}",
            f"Set {named}MARKET=broker, or {named}BROKER=paper.",
        ),
        (
            settings.market in REPLAYED and bool(settings.market_sources),
            f"market_sources is set, but the market is {market}: it speaks alone and nobody else is asked",
            f"Set {named}MARKET to cboe or to the name of a broker, or take market_sources out.",
        ),
        (
            on_paper and market in (MarketSource.BROKER, PAPER_BROKER),
            f"market is {market}, but the paper broker has no data of its own",
            f"Set {named}MARKET to synthetic, recorded, cboe or the name of a broker.",
        ),
        (
            not on_paper and settings.data_broker not in (None, broker),
            f"the broker is {broker} but the market is that of {market}: orders would rest on another broker's prices",
            f"Set {named}MARKET=broker.",
        ),
        (
            on_paper and settings.data_broker is None and bool(settings.broker_options or settings.broker_account),
            "broker_account or broker_options is set, but no broker is: neither as broker nor as market",
            f"Set {named}BROKER or {named}MARKET to it, or take them out.",
        ),
        (
            settings.market not in REPLAYED and "speed" in settings.model_fields_set and settings.speed != 1,
            f"speed is {settings.speed:g} but the {market} market is not replayed: it runs by itself",
            f"Take {named}SPEED out; a simulated broker's speed is an option of `thetaloom broker simulate`.",
        ),
    )


def _refuse_unknown_environment() -> None:
    import os

    known = {ENVIRONMENT_PREFIX + name.upper() for name in Settings.model_fields}
    unknown = sorted(name for name in os.environ if name.startswith(ENVIRONMENT_PREFIX) and name not in known)
    if unknown:
        raise ConfigError(
            f"no setting is called {', '.join(unknown)}", advice="`thetaloom config show` lists the settings."
        )
