"""The line of prices on a proposal: what it says is what the tiles beside it say."""

from decimal import Decimal

from thetaloom.domain.values.money import Price
from thetaloom.testing import builders
from thetaloom.web.pages.filters import money
from thetaloom.web.pages.price_line import price_line


def test_a_breakeven_between_two_cents_is_written_as_it_is() -> None:
    legs = builders.legs("-1 SPY 2026-01-16 P 529", "+1 SPY 2026-01-16 P 524")

    [tick] = price_line(legs, [Price("528.515")], Price("558.95")).breakevens

    assert tick.text == "528.515" and f"${tick.text}" == money(Decimal("528.515"))
