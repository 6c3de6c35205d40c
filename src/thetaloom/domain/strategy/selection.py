"""From a strategy and a chain to the legs of one structure, with the reason for each choice and each refusal."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal

from thetaloom.domain.market.chain import OptionChain
from thetaloom.domain.market.expirations import Expiration
from thetaloom.domain.market.quotes import judge_quote
from thetaloom.domain.strategy.listing import Market, Pick, list_side
from thetaloom.domain.strategy.strategies import ExpirationRule, LegRule, Preference, Side, Strategy
from thetaloom.domain.strategy.strikes import pick_strike
from thetaloom.domain.strategy.structures import Leg
from thetaloom.domain.values.instruments import OptionContract, Right
from thetaloom.domain.values.reasons import ALLOWED, Reason, Verdict, denied, unknown

ANY_AGE = timedelta.max  # how old a quote may be is for the checks to say; selection only wants it sane


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejection:
    """Why an expiration could not be used; ``leg`` is the one that found no strike, if it came to that."""

    expires_on: date
    leg: str | None
    verdict: Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """The legs found, in the strategy's order, or the reason why there are none."""

    verdict: Verdict
    legs: tuple[Leg, ...]
    expires_on: date | None
    reasons: tuple[str, ...]  # why this expiration and each strike, in plain words
    rejections: tuple[Rejection, ...]  # every expiration looked at and not taken


def select_structure(
    strategy: Strategy,
    chain: OptionChain,
    expirations: tuple[Expiration, ...],
    *,
    now: datetime,
    rate: float,
    dividend_yield: float,
) -> Selection:
    """Take the first expiration, by the strategy's preference, in which every leg finds its strike."""
    if len(chain) == 0:
        return _nothing(denied(Reason.EMPTY_CHAIN, underlying=chain.underlying), [])
    if chain.spot is None or chain.spot <= 0:
        return _nothing(unknown(Reason.NO_SPOT, underlying=chain.underlying, spot=chain.spot), [])
    candidates, rejections = _sort_out(strategy.expiration, expirations, now)
    if not candidates:
        return _nothing(_no_expiration(strategy.expiration, rejections, expirations), rejections)
    refused: list[Rejection] = []
    for expiration in candidates:
        market = Market(
            chain=chain,
            expiration=expiration,
            spot=Decimal(chain.spot),
            rate=rate,
            dividend_yield=dividend_yield,
        )
        picks, failures = _select_legs(strategy.legs, market, now)
        if not failures:
            reasons = (
                _why_expiration(strategy.expiration, expiration, len(candidates), refused),
                *(f"{leg.name}: {picks[leg.name].because}" for leg in strategy.legs),
            )
            return Selection(
                verdict=ALLOWED,
                legs=tuple(_leg(chain, leg, picks[leg.name]) for leg in strategy.legs),
                expires_on=expiration.expires_on,
                reasons=reasons,
                rejections=(*refused, *rejections),
            )
        refused.extend(failures)
    first = refused[0]
    facts = {"expires_on": str(first.expires_on), "leg": str(first.leg), **first.verdict.facts}
    return _nothing(replace(first.verdict, facts=facts), refused + rejections)


def _nothing(verdict: Verdict, rejections: Sequence[Rejection]) -> Selection:
    return Selection(verdict=verdict, legs=(), expires_on=None, reasons=(), rejections=tuple(rejections))


def _sort_out(
    rule: ExpirationRule, expirations: Sequence[Expiration], now: datetime
) -> tuple[list[Expiration], list[Rejection]]:
    candidates, rejections = [], []
    for expiration in sorted(expirations, key=lambda one: (one.expires_on, one.root)):
        verdict = _judge_expiration(rule, expiration, now)
        if verdict.is_allowed:
            candidates.append(expiration)
        else:
            rejections.append(Rejection(expires_on=expiration.expires_on, leg=None, verdict=verdict))
    # The sort is stable, so that of two as good the earlier date comes first.
    candidates.sort(key=lambda one: (_is_second_choice(rule.prefer, one), abs(one.dte - rule.dte_target)))
    return candidates, rejections


def _judge_expiration(rule: ExpirationRule, expiration: Expiration, now: datetime) -> Verdict:
    any_contract = OptionContract(
        root=expiration.root, expires_on=expiration.expires_on, right=Right.CALL, strike=Decimal(1)
    )
    if any_contract.is_adjusted:
        return denied(Reason.ADJUSTED_CONTRACT, root=expiration.root)
    window = _window(rule)
    if expiration.last_trading_at <= now:
        return denied(
            Reason.NO_EXPIRATION, dte=expiration.dte, window=window, last_trading_at=expiration.last_trading_at
        )
    if rule.dte_min <= expiration.dte <= rule.dte_max:
        return ALLOWED
    days = max(rule.dte_min - expiration.dte, expiration.dte - rule.dte_max)
    return denied(Reason.NO_EXPIRATION, dte=expiration.dte, window=window, days_outside=days)


def _is_second_choice(prefer: Preference, expiration: Expiration) -> bool:
    if prefer is Preference.NEAREST:
        return False
    return expiration.is_monthly is (prefer is Preference.WEEKLY)


def _no_expiration(rule: ExpirationRule, rejections: Sequence[Rejection], expirations: Sequence[Expiration]) -> Verdict:
    listed = sorted({expiration.dte for expiration in expirations})
    below = [dte for dte in listed if dte < rule.dte_min]
    above = [dte for dte in listed if dte > rule.dte_max]
    adjusted = sum(rejection.verdict.reason is Reason.ADJUSTED_CONTRACT for rejection in rejections)
    return denied(
        Reason.NO_EXPIRATION,
        window=_window(rule),
        nearest_below=below[-1] if below else "none",
        nearest_above=above[0] if above else "none",
        listed=len(listed),
        **({"adjusted": adjusted} if adjusted else {}),
    )


def _window(rule: ExpirationRule) -> str:
    return f"{rule.dte_min} to {rule.dte_max} DTE"


def _select_legs(legs: Sequence[LegRule], market: Market, now: datetime) -> tuple[dict[str, Pick], list[Rejection]]:
    picks: dict[str, Pick] = {}
    failures: dict[str, Verdict] = {}
    for leg in _measured_last(legs):
        if leg.strike.of is not None and leg.strike.of not in picks:
            continue  # nothing to measure from; the other leg's reason says it all
        found = pick_strike(leg, list_side(market, leg), picks)
        verdict = found if isinstance(found, Verdict) else _judge_pick(leg, found, market, now)
        if isinstance(found, Pick) and verdict.is_allowed:
            picks[leg.name] = found
        else:
            failures[leg.name] = verdict
    failures |= _coinciding(picks)
    day = market.expiration.expires_on
    return picks, [Rejection(expires_on=day, leg=name, verdict=verdict) for name, verdict in failures.items()]


def _measured_last(legs: Sequence[LegRule]) -> list[LegRule]:
    # A strategy refuses circles and unknown names, so that every round places at least one leg.
    ordered: list[LegRule] = []
    waiting = list(legs)
    while waiting:
        placed = {leg.name for leg in ordered}
        ordered.extend(leg for leg in waiting if leg.strike.of is None or leg.strike.of in placed)
        waiting = [leg for leg in waiting if leg not in ordered]
    return ordered


def _judge_pick(leg: LegRule, pick: Pick, market: Market, now: datetime) -> Verdict:
    verdict = judge_quote(market.chain.quote(pick.index), now, ANY_AGE, to_sell=leg.side is Side.SELL)
    if verdict.is_allowed:
        return verdict
    return replace(verdict, facts={"strike": str(pick.strike), **verdict.facts})


def _coinciding(picks: dict[str, Pick]) -> dict[str, Verdict]:
    first: dict[int, str] = {}
    coinciding = {}
    for name, pick in picks.items():
        other = first.setdefault(pick.index, name)
        if other != name:
            coinciding[name] = denied(Reason.LEGS_COINCIDE, strike=pick.strike, other_leg=other)
    return coinciding


def _leg(chain: OptionChain, rule: LegRule, pick: Pick) -> Leg:
    return Leg(contract=chain.contract(pick.index), ratio=rule.ratio if rule.side is Side.BUY else -rule.ratio)


def _why_expiration(rule: ExpirationRule, chosen: Expiration, candidates: int, refused: Sequence[Rejection]) -> str:
    sort = "monthly" if chosen.is_monthly else "weekly"
    days = {rejection.expires_on for rejection in refused}
    before = f", after {len(days)} refused" if days else ""
    return (
        f"expiration: {chosen.expires_on} ({sort}, {chosen.root}) has {chosen.dte} DTE, target {rule.dte_target}, "
        f"first by preference {rule.prefer.value} of {candidates} listed within {_window(rule)}{before}"
    )
