"""Laws that hold for any sequence of requests and quotes."""

import json
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from thetaloom.domain.book.orders import Order
from thetaloom.domain.book.transactions import TransactionKind, balance_of
from thetaloom.domain.values.ids import ClientOrderId
from thetaloom.domain.values.money import Money, Price
from thetaloom.testing import builders as b
from thetaloom.testing.bench import PaperBench, followed

LEGS = [
    ("-1 SPY 2026-01-16 P 560", "+1 SPY 2026-01-16 P 555"),
    ("+2 SPY 2026-01-16 P 555",),
    ("-1 SPY 2026-01-16 P 560", "+1 SPY 2026-01-16 P 550", "-1 SPY 2026-01-16 C 590", "+1 SPY 2026-01-16 C 600"),
    ("-1 SPY 2026-01-09 P 560", "+1 SPY 2026-01-16 P 560"),
]
CONTRACTS = sorted({leg.contract for texts in LEGS for leg in b.legs(*texts)})
ORDER_IDS = [ClientOrderId(f"tl-{number}") for number in range(6)]

quoted = st.one_of(st.none(), st.tuples(st.integers(0, 400), st.integers(-5, 40)))
actions = st.one_of(
    st.tuples(
        st.just("submit"),
        st.sampled_from(ORDER_IDS),
        st.sampled_from(LEGS),
        st.booleans(),
        st.integers(1, 5),
        st.integers(-600, 300),
    ),
    st.tuples(st.just("cancel"), st.sampled_from(ORDER_IDS)),
    st.tuples(st.just("replace"), st.sampled_from(ORDER_IDS), st.integers(-600, 300), st.integers(0, 5)),
    st.tuples(st.just("quote"), st.sampled_from(CONTRACTS), quoted),
    st.tuples(st.just("wait"), st.sampled_from([1, 60, 3600, 86_400])),
)


class Story:
    """Acts on a paper broker and remembers what was sent."""

    def __init__(self) -> None:
        self.bench = PaperBench("sqlite://", partial_fill_probability=Decimal("0.3"), seed=7)
        self.bench.market.set_quotes({contract.notation: (1, "1.20") for contract in CONTRACTS})
        self.sent: dict[ClientOrderId, Order] = {}

    def act(self, action: tuple[object, ...]) -> None:
        match action:
            case ("submit", str(name), tuple(legs), bool(closes), int(quantity), int(cents)):
                order = b.order(
                    *legs,
                    client_order_id=ClientOrderId(name),
                    quantity=quantity,
                    limit=Decimal(cents) / 100,
                )
                if closes:
                    order = b.closing(order, limit=Decimal(-cents) / 100, client_order_id=ClientOrderId(name))
                self.sent.setdefault(order.client_order_id, order)
                self.bench.broker.submit(order)
            case ("cancel", str(name)):
                self.bench.broker.cancel(ClientOrderId(name))
            case ("replace", str(name), int(cents), int(revision)):
                self.bench.broker.replace(ClientOrderId(name), Price(Decimal(cents) / 100), revision)
            case ("quote", contract, None):
                self.bench.market.drop_quote(str(getattr(contract, "notation", "")))
            case ("quote", contract, (int(bid), int(width))):
                text = str(getattr(contract, "notation", ""))
                self.bench.market.set_quote(text, Decimal(bid) / 100, Decimal(bid + width) / 100)
            case ("wait", int(seconds)):
                self.bench.clock.advance(seconds=seconds)
        self.bench.broker.tick()


@settings(max_examples=60, deadline=None)
@given(script=st.lists(actions, max_size=40))
def test_the_books_keep_the_laws(script: list[tuple[object, ...]]) -> None:
    story = Story()
    for action in script:
        story.act(action)
    bench = story.bench
    bench.market.set_spot("SPY", "561.23", at=b.new_york("2026-01-09 16:00"))
    bench.tick(b.new_york("2026-01-16 17:00"))

    reports = bench.broker.reports_since(0)
    fills = [report.fill for report in reports if report.fill]
    transactions = bench.broker.transactions(0)

    # cash is conserved, to the cent, and every movement is a transaction
    account = bench.broker.account()
    balance = balance_of(Money(100_000), transactions)
    assert account.cash == balance.cash == balance.cash.to_cents()
    assert bench.broker.holdings() == balance.contracts == {} and account.shares == balance.shares
    traded = [one for one in transactions if one.kind is TransactionKind.TRADE]
    assert sum((fill.cash + fill.fees for fill in fills), Money(0)) == balance_of(Money(0), traded).cash
    assert [one.sequence for one in transactions] == list(range(1, len(transactions) + 1))
    # everything has expired and settled, and nothing is reserved
    if not account.shares:
        assert account.buying_power == account.net_liquidating_value == account.cash
    # sequences grow without a gap, and our side can follow every order
    assert [report.sequence for report in reports] == list(range(1, len(reports) + 1))
    for order in story.sent.values():
        known, found = followed(bench.broker, order), bench.broker.find(order.client_order_id)
        assert found is not None and not found.is_open
        assert known.filled == found.filled <= order.quantity and not known.is_open
    for fill in fills:
        assert fill.fees == Money("-0.65") * sum(abs(leg.quantity) for leg in fill.legs)
        # leg prices add up to the net, within quotes that were valid at the time
        net = sum((-leg.quantity * Decimal(leg.price) for leg in fill.legs), Decimal(0)) / fill.quantity
        assert net == fill.price
        model = json.loads(fill.model)
        assert Decimal(model["limit"]) == fill.price <= Decimal(model["point"])
        for leg, known_leg in zip(fill.legs, model["quotes"], strict=True):
            bid, ask = Decimal(known_leg["quote"]["bid"]), Decimal(known_leg["quote"]["ask"])
            assert 0 <= bid <= ask and ask > 0 and leg.price >= 0
            assert model["beyond_natural"] or bid <= leg.price <= ask


@settings(max_examples=15, deadline=None)
@given(script=st.lists(actions, max_size=25))
def test_the_same_story_gives_the_same_books(script: list[tuple[object, ...]]) -> None:
    stories = [Story(), Story()]
    for story in stories:
        for action in script:
            story.act(action)

    first, second = (story.bench.broker for story in stories)
    assert first.reports_since(0) == second.reports_since(0)
    assert first.account() == second.account()
    assert first.holdings() == second.holdings()
