"""The account's limits with their use at this moment."""

from thetaloom.domain.book.reports import AccountSnapshot
from thetaloom.domain.risk.limits import RiskLimits
from thetaloom.domain.risk.use import LimitUse, limit_use
from thetaloom.domain.values.ids import RunId
from thetaloom.engine.portfolio import portfolio_of
from thetaloom.web.front import Front


def limits_now(front: Front) -> tuple[AccountSnapshot, tuple[LimitUse, ...]]:
    """Return the balances and every limit with its use."""
    desk = front.platform.desk
    snapshot = desk.broker.account()
    with front.platform.store.reading() as seen:
        limits = RiskLimits.from_settings(seen.accounts.limits(front.user))
        portfolio = portfolio_of(desk, seen, snapshot, limits, front.now, without=RunId(""))
    return snapshot, limit_use(limits, portfolio)
