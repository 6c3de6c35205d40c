"""What expiration will do to a position if nobody does anything, contract by contract, and what acts before it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from thetaloom.domain.book.positions import Position
from thetaloom.domain.book.transactions import EXERCISED_FROM, worth_at
from thetaloom.domain.strategy.strategies import ExitKind, ExitRule
from thetaloom.domain.values.calendar import TradingCalendar
from thetaloom.domain.values.instruments import ExerciseStyle, OptionContract, Right, Settlement
from thetaloom.domain.values.money import Price

NEAR_DAYS = 5  # calendar days before its last trade, from which on a contract is planned for
INSTRUCTIONS_WITHIN = timedelta(minutes=90)  # OCC takes exercise notices until 17:30; brokers close earlier


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractPlan:
    """How one contract ends."""

    contract: OptionContract
    quantity: int  # sold negative
    settlement: str  # AM or PM, cash or shares, European or American
    last_trade_at: datetime
    settles_at: datetime
    instruct_by: datetime | None  # the latest for "do not exercise" and the like; None: nothing can be said
    is_near: bool
    if_nothing: str  # at the price of the underlying now


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleTurn:
    """When an exit rule acts of itself, whatever prices do."""

    rule: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpiryPlan:
    """All that time alone will do to a position."""

    as_of: datetime
    contracts: tuple[ContractPlan, ...]
    turns: tuple[RuleTurn, ...]
    acts_first: str  # what comes first: a rule or expiration


def plan_expiry(
    position: Position, rules: Iterable[ExitRule], calendar: TradingCalendar, now: datetime, spot: Price | None
) -> ExpiryPlan:
    """Return what expiration does to the position, and which rules act before."""
    held = sorted(position.held.items(), key=lambda one: (calendar.last_trading_at(one[0]), one[0].occ_symbol))
    contracts = tuple(_plan(contract, quantity, calendar, now, spot) for contract, quantity in held)
    turns = tuple(sorted(_turns(held, rules, calendar, now), key=lambda turn: turn.at))
    return ExpiryPlan(as_of=now, contracts=contracts, turns=turns, acts_first=_first(contracts, turns, now))


def _plan(
    contract: OptionContract, quantity: int, calendar: TradingCalendar, now: datetime, spot: Price | None
) -> ContractPlan:
    last, settles_at = calendar.last_trading_at(contract), calendar.settles_at(contract)
    days = (calendar.exchange_date(last) - calendar.exchange_date(now)).days
    style = "European" if contract.exercise_style is ExerciseStyle.EUROPEAN else "American"
    means = "cash" if contract.is_index else "shares"
    clock = "AM" if contract.settlement is Settlement.AM else "PM"
    return ContractPlan(
        contract=contract,
        quantity=quantity,
        settlement=f"{clock}, {means}, {style}",
        last_trade_at=last,
        settles_at=settles_at,
        instruct_by=None if contract.is_index or quantity < 0 else settles_at + INSTRUCTIONS_WITHIN,
        is_near=days <= NEAR_DAYS,
        if_nothing=_if_nothing(contract, quantity, spot),
    )


def _if_nothing(contract: OptionContract, quantity: int, spot: Price | None) -> str:
    if spot is None:
        return "unknown: the underlying has no price now"
    worth = worth_at(contract, spot)
    if worth < EXERCISED_FROM:
        return f"expires worthless at {spot}"
    if contract.is_index:
        cash = worth.times(contract.multiplier, quantity)
        return f"{'brings' if cash > 0 else 'costs'} {abs(cash)} in cash at {spot}"
    count = abs(quantity) * contract.multiplier
    buys = (quantity > 0) == (contract.right is Right.CALL)
    verb = "exercised" if quantity > 0 else "assigned"
    return f"is {verb} at {spot}: {'buys' if buys else 'sells'} {count} shares at {contract.strike}"


def _turns(
    held: list[tuple[OptionContract, int]], rules: Iterable[ExitRule], calendar: TradingCalendar, now: datetime
) -> list[RuleTurn]:
    if not held:
        return []
    front = min(contract.expires_on for contract, _ in held)
    last = min(calendar.last_trading_at(contract) for contract, _ in held)
    found = []
    for rule in rules:
        at = None
        if rule.kind is ExitKind.DTE:
            day = max(front - timedelta(days=int(rule.threshold)), calendar.exchange_date(now))
            session = calendar.session_on(day) or calendar.next_session(day)
            at = max(session.open_at, now)
        elif rule.kind is ExitKind.MINUTES_TO_CLOSE:
            at = calendar.next_close(now) - timedelta(minutes=int(rule.threshold))
        if at is not None and now <= at < last:
            found.append(RuleTurn(rule=f"{rule.kind.value} {rule.threshold:f}", at=at))
    return found


def _first(contracts: tuple[ContractPlan, ...], turns: tuple[RuleTurn, ...], now: datetime) -> str:
    if turns:
        return f"the rule {turns[0].rule} closes it first"
    if not contracts:
        return "nothing: it holds no contract"
    if contracts[0].last_trade_at <= now:
        return "the broker tells what became of what has expired"
    return "expiration: no rule acts by time before it"
