"""What the engine works with: one market, one broker account, one database, one clock."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from thetaloom.domain.book.imbalance import ImbalancePolicy
from thetaloom.domain.market.rates import RateCurve
from thetaloom.domain.run.prompts import PromptLanguage
from thetaloom.domain.strategy.ending_rules import SharesPolicy
from thetaloom.domain.values.calendar import TradingCalendar
from thetaloom.domain.values.money import Money
from thetaloom.engine.errands import Errands
from thetaloom.engine.guard_book import GuardBook
from thetaloom.ports.analyst import Analyst
from thetaloom.ports.aside import Aside
from thetaloom.ports.broker import Broker
from thetaloom.ports.charts import ChartPainter
from thetaloom.ports.clock import Clock
from thetaloom.ports.dispatch import Dispatch
from thetaloom.ports.evidence import ChainCodec
from thetaloom.ports.halt_flags import HaltFlags
from thetaloom.ports.live_switches import LiveSwitches, SwitchedOff
from thetaloom.ports.market_data import MarketData
from thetaloom.ports.store import Store

FEE_PER_CONTRACT = Money("0.65")
FLAT_RATES = RateCurve.flat(0.04)


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSettings:
    """The engine's own numbers; each has a reader and a test."""

    fee_per_contract: Money = FEE_PER_CONTRACT  # expected, for the proposal; the broker's fills say the truth
    rates: RateCurve = FLAT_RATES
    dividend_yield: float = 0.0  # continuously compounded, per year
    data_age_seconds_max: int = 300  # of the chain, for any decision
    approved_age_seconds_max: int = 600  # of the quotes a person approved, at submission
    order_minutes_max: int = 60  # an entry order is canceled after this long, whatever its walk
    exit_interval_seconds: int = 60  # between the steps of a closing order's walk
    proposals_max: int = 3  # how often a run may ask again after the price left the approved band
    attempts_max: int = 5  # how often a step is tried while an outside system is unavailable
    retry_seconds: int = 2  # doubled with every attempt
    penny_classes: tuple[str, ...] = ()  # roots known to be in the penny program; see ``domain.values.ticks``
    reconcile_minutes: int = 30  # of market hours, between two comparisons with the broker
    relook_seconds: int = 5  # how soon a difference seen for the first time is looked at again, and news looked for
    adopt: str = "ask"  # what becomes of holdings from elsewhere: ask, ignore, or the id of a strategy
    imbalance_seconds: int = 1  # how long the legs of an order may be out of balance before somebody is told
    imbalance_policy: ImbalancePolicy = ImbalancePolicy.BY_RISK
    assignment_policy: SharesPolicy = SharesPolicy.ASK
    complete_seconds: int = 30  # how long an order for missing legs works before it is given up
    prompt_language: PromptLanguage = PromptLanguage.ENGLISH  # of what a language model is shown
    preview_tolerance: Decimal = Decimal("0.25")  # share of our margin by which the broker's may differ unsaid
    preview_seconds: float = 5.0  # that a dry run may take; without it the trade is judged by our numbers alone
    unwind_interval_seconds: int = 5  # between the steps of the walk that takes back a leg that stands alone


def _at_once() -> bool:
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """The parts that the engine is given."""

    store: Store
    market: MarketData
    broker: Broker
    halts: HaltFlags
    clock: Clock
    calendar: TradingCalendar
    dispatch: Dispatch
    codec: ChainCodec
    code_version: str
    settings: EngineSettings
    switches: LiveSwitches = field(default_factory=SwitchedOff)
    analysts: Mapping[str, Analyst] = field(default_factory=dict)  # by name; one that is not there has no opinion
    painter: ChartPainter | None = None  # None: charts are kept as numbers only
    aside: Aside | None = None  # None: what takes long is done in small slices on the engine's own thread
    may_compute: Callable[[], bool] = _at_once  # False while the kernels of pricing are being compiled
    errands: Errands = field(default_factory=Errands)  # calls to the broker that no turn waits for
    guards: GuardBook = field(default_factory=GuardBook)  # of this process
    unknown_symbols: dict[str, datetime] = field(default_factory=dict)  # when the source last did not know them
