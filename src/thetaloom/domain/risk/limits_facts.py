"""What the limits look at: the account as it stands, the trade to be judged, and the market around it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

from thetaloom.domain.values.money import NOTHING, Money, Price
from thetaloom.errors import InvalidInput


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """Where the risk of positions and of orders in flight lies; a mapping that is ``None`` is not known."""

    by_symbol: Mapping[str, Money] | None = None
    by_sector: Mapping[str, Money] | None = None
    by_strategy: Mapping[str, Money] | None = None
    by_expiration: Mapping[str, Money] | None = None  # ISO date of the leg that expires first
    in_equities: Money | None = None  # on single stocks, funds and indices left out


@dataclass(frozen=True, slots=True, kw_only=True)
class LossRecord:
    """What closed positions brought, as the loss guards count it; instants of release by the exchange's calendar."""

    as_of: datetime | None = None
    realized_week: Money | None = None  # of this exchange week; loss negative
    realized_total: Money | None = None  # of the account's whole life
    losses_in_a_row: int | None = None
    day_ends_at: datetime | None = None  # the open of the next session
    week_ends_at: datetime | None = None  # the open of next week's first session
    streak_ends_at: datetime | None = None  # the open of the session after that of the last loss
    cool_downs: Mapping[str, datetime] | None = None  # symbol → when it is free again; only those still to come


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What entry orders were sent up to now, counted from the committed ones; cancels take nothing off."""

    orders_in_second: int = 0
    orders_in_minute: int = 0
    orders_in_hour: int = 0
    orders_in_session: int = 0
    contracts_in_minute: int = 0
    contracts_in_hour: int = 0
    contracts_in_session: int = 0
    contracts_by_symbol: Mapping[str, int] = field(default_factory=dict)  # of the session
    notional_in_session: Money = NOTHING


@dataclass(frozen=True, slots=True, kw_only=True)
class Portfolio:
    """An account as it stands before the trade. ``None`` is unknown."""

    net_liquidating_value: Money | None
    cash: Money | None
    buying_power: Money | None
    open_positions: int  # with those that an order in flight is about to open
    positions_by_symbol: Mapping[str, int]
    risk_in_use: Money | None  # max losses of open positions and of orders in flight
    opened_today: int
    realized_today: Money | None  # loss negative
    net_delta: Decimal | None  # share equivalents
    opened_today_by_symbol: Mapping[str, int] | None = None
    positions_by_strategy: Mapping[str, int] | None = None
    beta_delta: Decimal | None = None  # share equivalents of the benchmark
    net_gamma: Decimal | None = None  # shares per dollar
    net_theta: Decimal | None = None  # dollars per calendar day
    net_vega: Decimal | None = None  # dollars per vol point
    exposure: Exposure = Exposure()
    record: LossRecord = LossRecord()
    sent: Sent = Sent()


@dataclass(frozen=True, slots=True, kw_only=True)
class LegMarket:
    """The worst of the trade's legs in each respect. ``None`` is unknown."""

    bid_ask_percent: Decimal | None = None  # widest, of its mid
    bid_ask_width: Price | None = None  # widest
    open_interest: int | None = None  # least
    volume: int | None = None  # least
    quote_age_seconds: int | None = None  # oldest


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """The market around the trade. ``None`` is unknown."""

    vix: Decimal | None = None
    stress: Decimal | None = None  # 0 to 100
    days_to_earnings: Decimal | None = None
    days_to_ex_dividend: Decimal | None = None
    minutes_since_open: int | None = None  # None while the exchange is closed
    minutes_to_close: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trade:
    """An opening trade to be checked; all numbers are of its whole quantity. ``None`` is unknown."""

    symbol: str
    quantity: int
    max_loss: Money | None  # positive; None = unlimited
    buying_power_effect: Money | None  # positive = tied up
    net_delta: Decimal | None  # share equivalents
    undefined_risk_allowed: bool = False  # by the strategy
    beta_delta: Decimal | None = None
    net_gamma: Decimal | None = None
    net_theta: Decimal | None = None
    net_vega: Decimal | None = None
    net_price: Price | None = None  # per share
    expires_on: date | None = None  # of the leg that expires first
    sector: str | None = None
    is_equity: bool | None = None  # a single stock, neither fund nor index
    strategy_id: str = ""
    strategy_positions_max: int | None = None  # the strategy's own; None = it has none
    strategy_capital_percent_max: Decimal | None = None
    legs: LegMarket = LegMarket()
    around: Surroundings = Surroundings()
    is_entry: bool = False  # judged at the last gate before an order
    approval_age_seconds: int | None = None  # since the decision; only at that gate
    at_wire: bool = False  # judged right before it is sent
    contracts: int = 0
    notional: Money = NOTHING  # strike times multiplier of every contract
    replaces: int = 0  # so far

    def __post_init__(self) -> None:
        if self.quantity < 1:
            raise InvalidInput(f"a trade of {self.quantity} structures is no trade")

    @property
    def risk(self) -> Money | None:
        """The figure put at risk: the max loss, or the buying power effect where the loss is unlimited."""
        figure = self.buying_power_effect if self.max_loss is None else self.max_loss
        return None if figure is None else max(figure, NOTHING)

    @property
    def risk_figure(self) -> str:
        """Which of the two ``risk`` is."""
        return "buying_power_effect" if self.max_loss is None else "max_loss"
