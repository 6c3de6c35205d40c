"""Asking beforehand: a trade is sized and held against every limit as a run would, and nothing is written."""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import ConfigDict, Field, StringConstraints

from thetaloom.domain.risk.budget import RiskBudget
from thetaloom.domain.risk.limits import LimitCheck, Warned
from thetaloom.domain.risk.sizing_factors import Factor
from thetaloom.domain.strategy.structures import Leg
from thetaloom.domain.values.ids import StrategyId
from thetaloom.domain.values.instruments import OptionContract, Right, parse_option_symbol
from thetaloom.domain.values.money import Price
from thetaloom.domain.values.symbols import canonical_symbol
from thetaloom.engine.trade_validation import TradeIdea, TradeJudgement, validate_trade
from thetaloom.errors import InvalidInput
from thetaloom.web.api import records
from thetaloom.web.api.records import Exact, Record
from thetaloom.web.api.workflow import Asked
from thetaloom.web.front import FrontDoor
from thetaloom.web.problems import documented

router = APIRouter(tags=["risk"])
LEGS_MAX, RATIO_MAX, QUANTITY_MAX, PRICE_MAX = 8, 100, 10_000, 1_000_000
Symbol = Annotated[str, StringConstraints(min_length=1, max_length=12, to_upper=True, strip_whitespace=True)]
EXAMPLE: Any = {
    "symbol": "GOOG",
    "legs": [
        {"contract": "GOOG 2016-01-15 P 712.5", "ratio": -1},
        {"right": "put", "strike": "707.5", "expiration": "2016-01-15", "ratio": 1},
    ],
    "quantity": 1,
}


class AskedLeg(Asked):
    """One leg: a contract in any form of its symbol, or root, right, strike and expiration by name."""

    contract: str | None = Field(default=None, max_length=64, description="The symbol, e.g. `SPY 2026-01-16 P 560`.")
    root: str | None = Field(default=None, max_length=6, description="The symbol of the trade if not given.")
    right: str | None = Field(default=None, max_length=4, description="C, P, call or put.")
    strike: Decimal | None = Field(default=None, gt=0, lt=100_000, max_digits=9, decimal_places=3)
    expiration: date | None = None
    ratio: int = Field(ge=-RATIO_MAX, le=RATIO_MAX, description="Contracts per structure; sold is negative.")


class AskedTrade(Asked):
    """The trade to be judged."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [EXAMPLE]})

    symbol: Symbol
    strategy: str | None = Field(default=None, max_length=64, description="Whose rule of size and bounds count.")
    legs: list[AskedLeg] = Field(min_length=1, max_length=LEGS_MAX)
    quantity: int | None = Field(
        default=None, ge=1, le=QUANTITY_MAX, description="Structures; the strategy's rule, or 1, if not given."
    )
    net_price: Decimal | None = Field(
        default=None,
        gt=-PRICE_MAX,
        lt=PRICE_MAX,
        max_digits=12,
        decimal_places=4,
        description="Per share, credit positive; the mid if not given.",
    )


class FactorRecord(Record):
    """What one rule of sizing alone would trade."""

    name: str
    quantity: int | None = Field(description="null: not known, or the factor only multiplies.")
    multiplier: Exact | None
    binds: bool = Field(description="Whether it takes part; the smallest that does decides.")
    reason: str | None = Field(description="Why its quantity is not known.")
    facts: dict[str, str]


class CheckRecord(Record):
    """One limit against the number it bounds."""

    name: str
    verdict: records.Said
    value: Exact | None
    limit: Exact | None
    unit: str
    releases_at: datetime | None
    warned: Warned


class BudgetRecord(Record):
    """The risk budget."""

    tradeable_capital: Exact | None
    strategy_power: Exact | None
    risk_in_use: Exact | None
    remaining: Exact | None
    utilization_percent: Exact | None
    tolerance_percent: Exact | None


class TradeVerdict(Record):
    """The answer, and every number behind it."""

    symbol: str
    structure_name: str
    as_of: datetime
    allowed: bool
    verdict: records.Said
    quantity: int = Field(description="Structures that may be traded; 0 where none may.")
    net_price: Exact | None = Field(description="Per share, credit positive.")
    max_profit: Exact | None = Field(description="Of one structure; null is unlimited or unknown.")
    max_loss: Exact | None = Field(description="Of the whole trade; null is unlimited or unknown.")
    buying_power_effect: Exact | None = Field(description="Of the whole trade, positive is tied up.")
    needs_confirmation: bool
    warnings: list[str]
    decided_by: str = Field(description="The factor of sizing that is the smallest.")
    factors: list[FactorRecord]
    checks: list[CheckRecord]
    budget_before: BudgetRecord | None
    budget_after: BudgetRecord | None


@router.post("/validate-trade-risk", responses=documented(400, 404, 413))
async def validate_trade_risk(front: FrontDoor, asked: AskedTrade) -> TradeVerdict:
    """Size a trade and hold it against every limit; nothing is written or sent."""
    symbol = canonical_symbol(asked.symbol)
    idea = TradeIdea(
        symbol=symbol,
        legs=tuple(_leg(leg, symbol) for leg in asked.legs),
        quantity=asked.quantity,
        net_price=None if asked.net_price is None else Price(asked.net_price),
        strategy_id=None if asked.strategy is None else StrategyId(asked.strategy),
    )
    return _answer(await front.read(lambda: validate_trade(front.platform.desk, front.user, idea)))


def _leg(asked: AskedLeg, symbol: str) -> Leg:
    if asked.contract is not None:
        if any(part is not None for part in (asked.root, asked.right, asked.strike, asked.expiration)):
            raise InvalidInput("a leg names its contract, or its root, right, strike and expiration, and not both")
        return Leg(contract=parse_option_symbol(asked.contract), ratio=asked.ratio)
    if asked.right is None or asked.strike is None or asked.expiration is None:
        raise InvalidInput("a leg needs its contract, or its right, strike and expiration")
    contract = OptionContract(
        root=canonical_symbol(asked.root or symbol),
        expires_on=asked.expiration,
        right=Right.parse(asked.right),
        strike=asked.strike,
    )
    return Leg(contract=contract, ratio=asked.ratio)


def _answer(found: TradeJudgement) -> TradeVerdict:
    finding, evaluation, sizing = found.finding, found.evaluation, found.finding.sizing
    allowed = found.verdict.is_allowed
    return TradeVerdict(
        symbol=found.idea.symbol,
        structure_name=evaluation.structure_name,
        as_of=found.as_of,
        allowed=allowed,
        verdict=found.verdict,
        quantity=finding.quantity if allowed else 0,
        net_price=evaluation.mid_price,
        max_profit=evaluation.max_profit,
        max_loss=finding.max_loss,
        buying_power_effect=finding.buying_power_effect,
        needs_confirmation=finding.needs_confirmation,
        warnings=list(finding.warnings),
        decided_by="" if sizing is None else sizing.decided_by,
        factors=[_factor(factor) for factor in (() if sizing is None else sizing.factors)],
        checks=[_check(check) for check in finding.checks],
        budget_before=_budget(finding.budget),
        budget_after=_budget(finding.budget_after if allowed else None),
    )


def _factor(factor: Factor) -> FactorRecord:
    reason = None if factor.reason is None else factor.reason.value
    return FactorRecord(
        name=factor.name,
        quantity=factor.quantity,
        multiplier=factor.multiplier,
        binds=factor.binds,
        reason=reason,
        facts=dict(factor.facts),
    )


def _check(check: LimitCheck) -> CheckRecord:
    return CheckRecord.model_validate(check)


def _budget(budget: RiskBudget | None) -> BudgetRecord | None:
    return None if budget is None else BudgetRecord.model_validate(budget)
