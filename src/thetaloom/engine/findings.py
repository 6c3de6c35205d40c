"""What one step finds and later steps build on."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

from thetaloom.domain.book.exits import ExitDecision, Marks
from thetaloom.domain.book.imbalance import LegsDecision
from thetaloom.domain.book.ladder_plan import LadderStep
from thetaloom.domain.book.resting import Resting
from thetaloom.domain.book.watch import PositionWatch
from thetaloom.domain.market.chain import OptionChain
from thetaloom.domain.market.chart_reading import ChartReading
from thetaloom.domain.market.chart_series import ChartSeries, DrawnChart
from thetaloom.domain.market.expirations import Expiration
from thetaloom.domain.market.opinions import NoOpinion, Opinion
from thetaloom.domain.market.view import MarketView
from thetaloom.domain.risk.budget import RiskBudget
from thetaloom.domain.risk.limits import LimitCheck, Trade
from thetaloom.domain.risk.sizing import Sizing
from thetaloom.domain.strategy.evaluation import Evaluation
from thetaloom.domain.strategy.one_check import Check
from thetaloom.domain.strategy.opinion_checks import Weighed
from thetaloom.domain.strategy.scoring import Score
from thetaloom.domain.strategy.selection import Rejection
from thetaloom.domain.strategy.strategies import Metric
from thetaloom.domain.strategy.structures import Leg
from thetaloom.domain.values.ids import RunId
from thetaloom.domain.values.money import Money, Price
from thetaloom.domain.values.reasons import Verdict
from thetaloom.ports.broker import Preview


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketReading:
    """What the chain holds, in numbers, and the chain itself."""

    verdict: Verdict
    as_of: datetime | None = None
    age_seconds: int | None = None
    source: str = ""
    synthetic: bool = False
    spot: Price | None = None
    contracts: int = 0
    two_sided: int = 0
    crossed: int = 0
    expirations: tuple[Expiration, ...] = ()
    chain: OptionChain | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Indicators:
    """Market metrics by name; an absent one is unknown. ``view`` has them with their times and sources."""

    verdict: Verdict
    metrics: dict[Metric, Decimal]
    sessions_of_history: int
    view: MarketView = field(default_factory=MarketView)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartFinding:
    """What the charts were drawn from, and the charts; a timeframe with fewer than two sound candles has none."""

    verdict: Verdict
    daily: ChartSeries | None = None
    weekly: ChartSeries | None = None
    charts: tuple[DrawnChart, ...] = ()
    waits: bool = False  # they are being drawn; never recorded


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalysisFinding:
    """What the analysts said, what it comes to, and whether that suffices for an entry."""

    verdict: Verdict
    reading: ChartReading  # by the rules, which always read
    witness: Opinion | None = None  # of another analyst, where the strategy asks for one
    silence: NoOpinion | None = None  # why that one said nothing
    share: Decimal  # of the analyst that the strategy names
    weighed: Weighed
    checks: tuple[Check, ...] = ()
    decides: bool = True  # False: recorded only


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """The legs selected, and why these."""

    verdict: Verdict
    legs: tuple[Leg, ...]
    leg_names: tuple[str, ...] = ()  # of ``legs``, as the strategy names them
    expires_on: date | None
    reasons: tuple[str, ...]
    rejections: tuple[Rejection, ...]
    expected_move: Price | None  # ATM straddle of the chosen expiration


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """The candidate in numbers, and every check it had to pass."""

    verdict: Verdict
    evaluation: Evaluation
    checks: tuple[Check, ...]
    spot: Price | None
    synthetic: bool
    as_of: datetime | None
    structures_max: int | None = None  # for which the account's shares last; ``None`` = none are needed
    score: Score | None = None  # of the market for the strategy
    decision_floor: Price | None = None  # at any worse net price a check would fail; None = none within reach


@dataclass(frozen=True, slots=True, kw_only=True)
class DryRun:
    """What the broker said that the entry would do, or why it said nothing."""

    limit_price: Price  # at which it was asked
    quantity: int
    told: Preview | None
    silence: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskFinding:
    """How many structures may be traded, and every limit that was looked at."""

    verdict: Verdict
    quantity: int
    max_loss: Money | None  # of the whole quantity, positive; None = unlimited
    buying_power_effect: Money | None  # of the whole quantity beside what is held; positive = tied up
    checks: tuple[LimitCheck, ...]
    sizing: Sizing | None = None
    trade: Trade | None = None  # as it was judged: its loss is what it adds to that of shares held already
    budget: RiskBudget | None = None  # before the trade
    needs_confirmation: bool = False
    warnings: tuple[str, ...] = ()
    dry_run: DryRun | None = None  # None: not asked, as at a broker that tells nothing beforehand
    releases: Money | None = None  # of a roll: the buying power that closing frees; None = none, or not known

    @property
    def budget_after(self) -> RiskBudget | None:
        """The budget after the trade; ``None`` where nothing may be traded or a number is not known."""
        trade, budget = self.trade, self.budget
        if trade is None or budget is None or self.quantity == 0:
            return None
        if trade.risk is None or trade.buying_power_effect is None:
            return None
        return budget.after(trade.risk, trade.buying_power_effect)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExitFinding:
    """Whether to hold or close a position, and the rules as they stood."""

    verdict: Verdict  # its reason is the exit's
    kind: str  # hold or close
    keep_quantity: int  # structures that stay
    exit: ExitDecision | None
    marks: Marks | None
    floor: Price | None = None  # the worst net price to close at; a profit target is not given away by its order
    watch: PositionWatch | None = None  # what is remembered of it from now on
    keep: Mapping[str, int] | None = None  # spreads that stay, by name
    place: tuple[Resting, ...] = ()  # target orders to be placed
    look_at: datetime | None = None  # when a target may be placed that may not be yet
    ladder: tuple[LadderStep, ...] = ()  # what the ladder does
    wish_met: bool = False  # a person's partial close has had its fill
    legs: LegsDecision | None = None  # about legs that stand alone
    unwind: bool = False  # such a leg goes, and nothing else
    asks: bool = False  # a person must find out what became of expired contracts
    roll: RunId | None = None  # the successor that the position makes way for
