"""The law of the fill: only at valid quotes, at the limit, legs within their quotes and adding up."""

import json
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thetaloom.brokers.paper.fill_model import draw_quantity, is_exact_divisor, judge_fill
from thetaloom.domain.market.quotes import Quote
from thetaloom.domain.strategy.structures import Leg
from thetaloom.domain.values.instruments import OptionContract
from thetaloom.domain.values.money import Price
from thetaloom.testing import builders as b

AGE_MAX = timedelta(minutes=2)
HALF = Decimal("0.5")
LEGS = b.legs()
QUOTES = {LEGS[0].contract: b.quote("1.90", "2.10"), LEGS[1].contract: b.quote("0.90", "1.10")}

markets = st.lists(
    st.tuples(
        st.sampled_from([-3, -2, -1, 1, 2, 3]),
        st.integers(1, 5000),  # bid, in cents
        st.integers(0, 200),  # width, in cents
    ),
    min_size=1,
    max_size=4,
).filter(lambda rows: any(abs(ratio) < 3 for ratio, _, _ in rows))


@given(rows=markets, fill_at=st.decimals(0, 1, places=2), place=st.decimals(-1, 1, places=3))
def test_a_fill_is_at_the_limit_and_within_every_quote(
    rows: list[tuple[int, int, int]], fill_at: Decimal, place: Decimal
) -> None:
    legs = [
        Leg(contract=b.contract(f"SPY 2026-01-16 P {500 + i}"), ratio=ratio) for i, (ratio, _, _) in enumerate(rows)
    ]
    quotes = {
        leg.contract: b.quote(Decimal(bid) / 100, Decimal(bid + width) / 100)
        for leg, (_, bid, width) in zip(legs, rows, strict=True)
    }
    mid = sum((-leg.ratio * Decimal(quotes[leg.contract].mid or 0) for leg in legs), Decimal(0))
    widths = (abs(leg.ratio) * Decimal(quotes[leg.contract].bid_ask_width or 0) for leg in legs)
    half = sum(widths, Decimal(0)) / 2
    limit = Price(mid - place * half)

    priced = judge_fill(legs, limit, quotes, now=b.NOW, fill_at=fill_at, age_max=AGE_MAX)

    assert (priced is not None) == (limit <= Price(mid - fill_at * half))
    if priced is not None:
        prices = dict(zip(legs, priced.leg_prices, strict=True))
        assert sum(-leg.ratio * Decimal(price) for leg, price in prices.items()) == limit
        movable = any(abs(leg.ratio) < 3 and quotes[leg.contract].bid_ask_width for leg in legs)
        for leg, price in prices.items():
            quote = quotes[leg.contract]
            assert quote.bid is not None and quote.ask is not None
            # Thirds that only legs of three could take up leave a rest that no decimal writes.
            rest = Price(0) if movable else Price("1e-15")
            assert quote.bid - rest <= price <= quote.ask + rest


@given(limit=st.decimals(-20, "0.79", places=2), texts=st.sampled_from([LEGS, b.legs("-1 SPY 2026-01-16 P 560")]))
def test_a_limit_beyond_natural_still_fills_at_the_limit(limit: Decimal, texts: tuple[Leg, ...]) -> None:
    limit = max(limit, Decimal(0)) if len(texts) == 1 else limit

    priced = judge_fill(texts, Price(limit), QUOTES, now=b.NOW, fill_at=HALF, age_max=AGE_MAX)

    assert priced is not None and json.loads(priced.model)["beyond_natural"]
    assert sum(-leg.ratio * Decimal(p) for leg, p in zip(texts, priced.leg_prices, strict=True)) == limit
    assert all(price >= Price(0) for price in priced.leg_prices)


@pytest.mark.parametrize(
    ("fill_at", "limit", "fills"),
    [
        ("0", "1.00", True),
        ("0", "1.01", False),
        ("0.5", "0.90", True),
        ("0.5", "0.91", False),
        ("1", "0.80", True),
        ("1", "0.81", False),
    ],
)
def test_the_fill_point_lies_between_mid_and_natural(fill_at: str, limit: str, fills: bool) -> None:
    priced = judge_fill(LEGS, Price(limit), QUOTES, now=b.NOW, fill_at=Decimal(fill_at), age_max=AGE_MAX)

    assert (priced is not None) is fills


@pytest.mark.parametrize(
    ("texts", "limit", "fills"),
    [
        (("+1 SPY 2026-01-16 P 560",), "-2.05", True),  # mid 2.00, natural 2.10
        (("+1 SPY 2026-01-16 P 560",), "-2.04", False),
        (("+1 SPY 2026-01-16 P 560", "-1 SPY 2026-01-16 P 555"), "-1.10", True),  # mid 1.00, natural 1.20
        (("+1 SPY 2026-01-16 P 560", "-1 SPY 2026-01-16 P 555"), "-1.09", False),
    ],
)
def test_a_debit_fills_by_the_same_rule_as_a_credit(texts: tuple[str, ...], limit: str, fills: bool) -> None:
    priced = judge_fill(b.legs(*texts), Price(limit), QUOTES, now=b.NOW, fill_at=HALF, age_max=AGE_MAX)

    assert (priced is not None) is fills


@pytest.mark.parametrize(
    ("of", "quote"),
    [
        (0, None),
        (0, b.quote(None, "2.10")),
        (0, b.quote("0", "2.10")),  # a leg to sell needs a bid
        (0, b.quote("1.90", None)),
        (0, b.quote("2.11", "2.10")),
        (0, b.quote("1.90", "2.10", at=b.NOW - timedelta(seconds=121))),
        (1, b.quote("1.20", "1.10")),
        (1, b.quote("0.90", "1.10", at=b.NOW - timedelta(seconds=121))),
        (1, b.quote(None, None)),
    ],
)
def test_one_bad_quote_keeps_the_whole_order_from_filling(of: int, quote: Quote | None) -> None:
    quotes: dict[OptionContract, Quote] = {k: v for k, v in QUOTES.items() if k != LEGS[of].contract}
    if quote is not None:
        quotes[LEGS[of].contract] = quote

    assert judge_fill(LEGS, Price(-20), quotes, now=b.NOW, fill_at=HALF, age_max=AGE_MAX) is None


def test_a_leg_to_buy_may_have_a_bid_of_zero() -> None:
    quotes = QUOTES | {LEGS[1].contract: b.quote("0", "0.10")}

    priced = judge_fill(LEGS, Price("1.85"), quotes, now=b.NOW, fill_at=HALF, age_max=AGE_MAX)

    assert priced is not None
    assert priced.leg_prices[0] - priced.leg_prices[1] == Price("1.85")


def test_the_evidence_is_canonical_and_complete() -> None:
    priced = judge_fill(LEGS, Price("0.85"), QUOTES, now=b.NOW, fill_at=HALF, age_max=AGE_MAX)

    assert priced is not None
    model = json.loads(priced.model)
    assert priced.model == json.dumps(model, sort_keys=True, separators=(",", ":"))
    assert {name: Decimal(model[name]) for name in ("mid", "natural", "point", "fill_at", "limit")} == {
        "mid": Decimal(1),
        "natural": Decimal("0.8"),
        "point": Decimal("0.9"),
        "fill_at": HALF,
        "limit": Decimal("0.85"),
    }
    assert model["as_of"].startswith("2026-01-05T15:30:00") and not model["beyond_natural"]
    assert [quote["quote"]["bid"] for quote in model["quotes"]] == ["1.90", "0.90"]
    assert priced.leg_prices == (Price("1.925"), Price("1.075"))


@given(remaining=st.integers(1, 50), seed=st.integers(), number=st.integers(0, 9))
def test_a_drawn_quantity_is_repeatable_and_never_too_much(remaining: int, seed: int, number: int) -> None:
    whole = draw_quantity(remaining, Decimal(0), seed, "tl-1", number)
    part = draw_quantity(remaining, Decimal(1), seed, "tl-1", number)

    assert whole == remaining
    assert part == draw_quantity(remaining, Decimal(1), seed, "tl-1", number)
    assert part == 1 if remaining == 1 else 0 < part < remaining


def test_some_ratios_divide_every_decimal() -> None:
    assert [ratio for ratio in range(-10, 11) if ratio and is_exact_divisor(ratio)] == [
        *(-10, -8, -5, -4, -2, -1),
        *(1, 2, 4, 5, 8, 10),
    ]


@pytest.mark.parametrize(
    ("ask", "limit", "within"),
    [
        # The leg of one has room for a millionth of a dollar only, so that prices need more digits.
        ("0.5001", "2.50021", Decimal(0)),
        # It has none: what thirds leave over is put on it all the same, so that the net is exact.
        ("0.5000", "2.5010", Decimal("1e-15")),
    ],
)
def test_prices_get_more_digits_where_the_quotes_are_narrow(ask: str, limit: str, within: Decimal) -> None:
    legs = b.legs("-3 SPY 2026-01-16 P 560", "+1 SPY 2026-01-16 P 555")
    quotes = {legs[0].contract: b.quote("1.0001", "1.0101"), legs[1].contract: b.quote("0.5000", ask)}

    priced = judge_fill(legs, Price(limit), quotes, now=b.NOW, fill_at=HALF, age_max=AGE_MAX)

    assert priced is not None
    sold, bought = (Decimal(price) for price in priced.leg_prices)
    assert 3 * sold - bought == Decimal(limit)
    assert Decimal("1.0001") <= sold <= Decimal("1.0101")
    assert Decimal("0.5000") - within <= bought <= Decimal(ask) + within
