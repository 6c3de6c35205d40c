"""What a night does to the paper account: dividends on shares, interest on cash, contracts assigned early.

Everything is worked out from the transactions as they were at a close, under ids that name what it is for, so that
it comes once however often and however late anybody looks.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from thetaloom.brokers.paper.elsewhere import drop_closing_orders
from thetaloom.brokers.paper.fill_model import draw_share
from thetaloom.brokers.paper.ledger import Ledger
from thetaloom.brokers.paper.settlement import told
from thetaloom.brokers.paper.venue import Venue
from thetaloom.domain.book.transactions import (
    Balance,
    Transaction,
    TransactionKind,
    balance_of,
    exercised,
    worth_at,
)
from thetaloom.domain.values.calendar import DAYS_PER_YEAR, TradingSession
from thetaloom.domain.values.instruments import OptionContract, Right
from thetaloom.domain.values.money import Money, Price

NO_TIME_VALUE = Price("0.05")  # what is left of it counts as none


@dataclass(frozen=True, slots=True, kw_only=True)
class Night:
    """The time between two sessions, and what the account held in it."""

    before: TradingSession
    after: TradingSession
    balance: Balance


def wants_nights(venue: Venue, ledger: Ledger) -> bool:
    """Tell whether nights can do anything to this account."""
    settings = venue.settings
    is_assigned = settings.early_assignment or settings.assignment_probability > 0
    return bool(settings.interest_rate or venue.shares(ledger) or (is_assigned and ledger.holdings()))


def pass_nights(venue: Venue, ledger: Ledger, now: datetime, *, since: datetime | None) -> None:
    """Record what the nights up to now did, each thing once; orders to close what is gone are canceled."""
    for night in nights_of(venue, ledger, now, since=since):
        happened = [*dividends_of(venue, night), *interest_of(venue, night)]
        ledger.record([one for one in happened if not ledger.has_transaction(one.transaction_id)])
        for contract, quantity, moved in assigned_early(venue, night, ledger.holdings().items()):
            if not ledger.has_transaction(moved[0].transaction_id):
                ledger.settle(told(contract, quantity, None, night.before.close_at, moved), moved)
                drop_closing_orders(ledger, now)


def nights_of(venue: Venue, ledger: Ledger, now: datetime, *, since: datetime | None) -> Iterator[Night]:
    """Yield the nights that began after ``since``, or after the account was opened, oldest first."""
    calendar = venue.calendar
    begin = max(ledger.opened_at(), since or ledger.opened_at())
    first, today = calendar.exchange_date(begin), calendar.exchange_date(now)
    starting = ledger.starting_cash()
    for session in calendar.sessions_between(first, today):
        if begin <= session.close_at <= now:
            happened = ledger.transactions()  # with what the night before brought
            by_then = balance_of(starting, [one for one in happened if one.happened_at <= session.close_at])
            shares = dict(venue.settings.shares)
            for symbol, quantity in by_then.shares.items():
                shares[symbol] = shares.get(symbol, 0) + quantity
            balance = Balance(cash=by_then.cash, contracts=by_then.contracts, shares=shares)
            yield Night(before=session, after=calendar.next_session(session.session_on), balance=balance)


def dividends_of(venue: Venue, night: Night) -> Iterator[Transaction]:
    """Yield what shares held over a close bring, or cost where they are sold short, on their ex-date."""
    for symbol, quantity in sorted(night.balance.shares.items()):
        events = venue.events(symbol, night.before.session_on, night.after.session_on) if quantity else None
        for dividend in () if events is None else events.dividends:
            if night.before.session_on < dividend.ex_on <= night.after.session_on and dividend.amount is not None:
                yield _cash(
                    TransactionKind.DIVIDEND,
                    f"dividend-{symbol}-{dividend.ex_on}",
                    night.before.close_at,
                    Price(dividend.amount).times(quantity).to_cents(),
                    symbol=symbol,
                )


def interest_of(venue: Venue, night: Night) -> Iterator[Transaction]:
    """Yield the interest on the cash of a close until the next session."""
    days = (night.after.session_on - night.before.session_on).days
    cash = (night.balance.cash * (venue.settings.interest_rate * days / DAYS_PER_YEAR)).to_cents()
    if cash:
        name = f"interest-{night.before.session_on}"
        yield _cash(TransactionKind.INTEREST, name, night.before.close_at, cash)


def assigned_early(
    venue: Venue, night: Night, held: Iterable[tuple[OptionContract, int]]
) -> Iterator[tuple[OptionContract, int, tuple[Transaction, ...]]]:
    """Yield the assignments of a night, of those that are still ``held``."""
    at = night.before.close_at
    short = [
        (contract, max(quantity, night.balance.contracts.get(contract, 0)))
        for contract, quantity in held
        if quantity < 0 and night.balance.contracts.get(contract, 0) < 0
        # On its last day a contract is settled, and an index option turns into cash.
        if not contract.is_index and venue.calendar.last_trading_at(contract) > at
    ]
    mids = venue.mids([contract for contract, _ in short], at)
    for contract, quantity in short:
        spot = venue.spot(contract.underlying, at)
        if spot is None or contract not in mids or worth_at(contract, spot) <= 0:
            continue
        time_value = mids[contract] - worth_at(contract, spot)
        if _pays(venue, night, contract, time_value) or _is_drawn(venue, night, contract, time_value):
            name = f"early-{contract.compact}-{contract.multiplier}-{night.before.session_on}"
            yield contract, quantity, exercised(contract, quantity, at, name)


def _pays(venue: Venue, night: Night, contract: OptionContract, time_value: Price) -> bool:
    # Whoever holds the call gives up its time value to get the dividend.
    if not venue.settings.early_assignment or contract.right is not Right.CALL:
        return False
    events = venue.events(contract.underlying, night.before.session_on, night.after.session_on)
    return events is not None and any(
        night.before.session_on < dividend.ex_on <= night.after.session_on
        and dividend.amount is not None
        and time_value < Price(dividend.amount)
        for dividend in events.dividends
    )


def _is_drawn(venue: Venue, night: Night, contract: OptionContract, time_value: Price) -> bool:
    chance: Decimal = venue.settings.assignment_probability
    drawn = draw_share(venue.settings.seed, "assignment", contract.compact, night.before.session_on)
    return time_value <= NO_TIME_VALUE and drawn < chance


def _cash(kind: TransactionKind, name: str, at: datetime, cash: Money, *, symbol: str = "") -> Transaction:
    return Transaction(
        sequence=0,
        transaction_id=name,
        kind=kind,
        happened_at=at,
        symbol=symbol,
        contract=None,
        quantity=0,
        price=None,
        cash=cash,
    )
