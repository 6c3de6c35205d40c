"""Which expirations a strategy may trade, in the order of its wishes: one, or a near and a later one."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cache

from thetaloom.domain.market.expirations import Expiration
from thetaloom.domain.strategy.strategies import BackRule, ExpirationRule, Preference
from thetaloom.domain.values.instruments import OptionContract, Right
from thetaloom.domain.values.reasons import ALLOWED, Reason, Verdict, denied

ANY_DAY = date(2030, 1, 18)  # whether a root is adjusted does not depend on the day


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejection:
    """Why an expiration could not be used; ``leg`` is the one that found no strike, if it came to that."""

    expires_on: date
    leg: str | None
    verdict: Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """The expiration of the legs in front, and of those in the back where a strategy has two."""

    front: Expiration
    back: Expiration | None = None


def list_terms(
    rule: ExpirationRule, back: BackRule | None, expirations: Sequence[Expiration], now: datetime
) -> tuple[list[Terms], list[Rejection]]:
    """Return every choice of expirations, the best first, and why the other expirations are none."""
    fronts, rejections = _sort_out(rule, expirations, now)
    if back is None:
        # The sort is stable, so that of two as good the earlier date comes first.
        fronts.sort(key=lambda one: (_is_second_choice(rule.prefer, one), abs(one.dte - rule.dte_target)))
        return [Terms(front=front) for front in fronts], rejections
    backs = [one for one in expirations if _judge_window(back, one, now).is_allowed]
    pairs = [Terms(front=front, back=later) for front in fronts for later in backs if _is_pair(back, front, later)]
    paired = {pair.front for pair in pairs}
    rejections += [
        Rejection(expires_on=front.expires_on, leg=None, verdict=_no_back(back, front, backs))
        for front in fronts
        if front not in paired
    ]
    return sorted(pairs, key=lambda pair: _pair_order(rule, back, pair)), rejections


def no_terms(rule: ExpirationRule, rejections: Sequence[Rejection], expirations: Sequence[Expiration]) -> Verdict:
    """Return the no of a strategy that found no expiration at all."""
    without_back = [one.verdict for one in rejections if "back_window" in one.verdict.facts]
    if without_back:
        return without_back[0]
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


def why_terms(
    rule: ExpirationRule, back: BackRule | None, chosen: Terms, candidates: int, refused: Sequence[Rejection]
) -> list[str]:
    """Say in plain words why these expirations were taken."""
    front = chosen.front
    days = {rejection.expires_on for rejection in refused}
    before = f", after {len(days)} refused" if days else ""
    pairs = " pairs" if chosen.back else ""
    why = [
        f"expiration: {_described(front)}, target {rule.dte_target}, "
        f"first by preference {rule.prefer.value} of {candidates}{pairs} listed within {_window(rule)}{before}"
    ]
    if back is not None and chosen.back is not None:
        ratio = f", {_ratio(front, chosen.back):.2f} times the front's" if front.dte else ""
        why.append(f"back expiration: {_described(chosen.back)}, target {back.dte_target}{ratio}")
    return why


def _described(chosen: Expiration) -> str:
    sort = "monthly" if chosen.is_monthly else "weekly"
    return f"{chosen.expires_on} ({sort}, {chosen.root}) has {chosen.dte} DTE"


def _sort_out(
    rule: ExpirationRule, expirations: Sequence[Expiration], now: datetime
) -> tuple[list[Expiration], list[Rejection]]:
    candidates, rejections = [], []
    for expiration in sorted(expirations, key=lambda one: (one.expires_on, one.root)):
        verdict = _judge_window(rule, expiration, now)
        if verdict.is_allowed:
            candidates.append(expiration)
        else:
            rejections.append(Rejection(expires_on=expiration.expires_on, leg=None, verdict=verdict))
    return candidates, rejections


@cache
def _is_adjusted(root: str) -> bool:
    return OptionContract(root=root, expires_on=ANY_DAY, right=Right.CALL, strike=Decimal(1)).is_adjusted


def _judge_window(rule: ExpirationRule | BackRule, expiration: Expiration, now: datetime) -> Verdict:
    if _is_adjusted(expiration.root):
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
    return expiration.is_monthly is not (prefer is Preference.MONTHLY)


def _is_pair(back: BackRule, front: Expiration, later: Expiration) -> bool:
    if later.expires_on <= front.expires_on:
        return False
    # Compared by products: a front of 0 DTE has no ratio, and is no pair for whoever asks for one.
    least = back.ratio_min is None or (front.dte > 0 and later.dte >= back.ratio_min * front.dte)
    return least and (back.ratio_max is None or later.dte <= back.ratio_max * front.dte)


def _pair_order(rule: ExpirationRule, back: BackRule, pair: Terms) -> tuple[int, int, Decimal, date, date, str, str]:
    front, later = pair.front, pair.back or pair.front
    second = _is_second_choice(rule.prefer, front) + _is_second_choice(rule.prefer, later)
    days = abs(front.dte - rule.dte_target) + abs(later.dte - back.dte_target)
    # Of two pairs as near the one whose ratio is nearer to that of the targets.
    ratio = abs(Decimal(later.dte * rule.dte_target - back.dte_target * front.dte)) / max(front.dte, 1)
    return second, days, ratio, front.expires_on, later.expires_on, front.root, later.root


def _no_back(back: BackRule, front: Expiration, backs: Sequence[Expiration]) -> Verdict:
    limits = {"ratio_min": back.ratio_min, "ratio_max": back.ratio_max}
    return denied(
        Reason.NO_EXPIRATION,
        dte=front.dte,
        back_window=_window(back),
        back_listed=", ".join(str(dte) for dte in sorted({one.dte for one in backs})) or "none",
        **{name: str(limit) for name, limit in limits.items() if limit is not None},
    )


def _ratio(front: Expiration, later: Expiration) -> Decimal:
    return Decimal(later.dte) / front.dte


def _window(rule: ExpirationRule | BackRule) -> str:
    return f"{rule.dte_min} to {rule.dte_max} DTE"
