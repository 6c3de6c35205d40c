"""How much of each limit is in use."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from thetaloom.domain.risk.limits import LIMITS, Portfolio, RiskLimits
from thetaloom.domain.risk.use import limit_use
from thetaloom.domain.values.money import Money

WORTH = Money(100_000)


def portfolio(*, worth: Money | None = WORTH, risk: Money | None = WORTH, delta: Decimal | None = None) -> Portfolio:
    """An account with two positions on SPY and one on QQQ."""
    return Portfolio(
        net_liquidating_value=worth,
        cash=worth,
        buying_power=worth,
        open_positions=3,
        positions_by_symbol={"SPY": 2, "QQQ": 1},
        risk_in_use=risk,
        opened_today=1,
        realized_today=Money(-250),
        net_delta=delta,
    )


def test_every_limit_is_listed_in_the_order_of_the_checks() -> None:
    assert [use.name for use in limit_use(RiskLimits(), portfolio())] == [limit.name for limit in LIMITS]


def test_percentages_are_bounds_in_dollars_of_what_the_account_is_worth() -> None:
    uses = {use.name: use for use in limit_use(RiskLimits(), portfolio(risk=Money(20_000)))}

    assert uses["max_allocation_percent"].bound == 80_000
    assert uses["max_allocation_percent"].left == 60_000
    assert uses["max_loss_per_day_percent"].used == 250
    assert uses["max_positions_per_symbol"].used == 2
    assert uses["buying_power_reserve"].left == 99_000


def test_the_unknown_stays_unknown() -> None:
    uses = {use.name: use for use in limit_use(RiskLimits(), portfolio(worth=None, risk=None))}

    for name in ("max_allocation_percent", "buying_power_reserve", "max_loss_per_day_percent", "max_delta"):
        assert uses[name].left is None


@given(st.decimals(min_value=-500, max_value=500, places=2), st.integers(min_value=0, max_value=400))
def test_what_is_used_and_what_is_left_make_the_bound(delta: Decimal, bound: int) -> None:
    for use in limit_use(RiskLimits(max_delta=Decimal(bound)), portfolio(delta=delta)):
        if use.left is not None and use.used is not None:
            assert use.used + use.left == use.bound
