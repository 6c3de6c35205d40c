"""Phase three: what works and what is held at the broker without us, and whether its books agree with each other."""

from thetaloom.domain.book.elsewhere import FindingKind, FindingStatus
from thetaloom.domain.book.orders import Order
from thetaloom.domain.book.reports import BrokerOrder
from thetaloom.domain.values.instruments import OptionContract, parse_option_symbol
from thetaloom.domain.values.money import CENT
from thetaloom.engine.reconciliation.round import Round

GONE_AT_BROKER = "it works no longer"


def discover(now: Round) -> None:
    """Ask about orders that are not ours, and compare holdings and cash with the sum of the transactions."""
    _orphans(now)
    _cash(now)
    _sums(now)


def disagreeing(now: Round) -> frozenset[OptionContract]:
    """Return the contracts of which the broker's holdings and its transactions say different things."""
    told, theirs = _told(now), now.look.holdings
    return frozenset(one for one in {*told, *theirs} if told.get(one, 0) != theirs.get(one, 0))


def _orphans(now: Round) -> None:
    working = {}
    for order in now.look.working:
        now.counts.processed += 1
        ours = None if order.client_order_id is None else now.uow.orders.get(order.client_order_id)
        if ours is None:
            working[f"order:{order.broker_order_id}"] = order
        elif not ours.is_open and ours.remaining:
            _still_works(now, ours)
    for key, order in working.items():
        symbol = order.legs[0].contract.underlying
        if now.options.position is None and now.reaches(symbol):
            _orphan(now, key, order, symbol)
    for finding in tuple(now.findings.values()):
        if finding.kind is FindingKind.ORPHAN_ORDER and finding.key not in working:
            now.settle_finding(finding, FindingStatus.GONE, GONE_AT_BROKER)


def _still_works(now: Round, order: Order) -> None:
    key, symbol = f"ours:{order.client_order_id}", order.legs[0].contract.underlying
    text = f"{order.client_order_id} is {order.status.value} by our books and works at the broker"
    if now.persists(key, text):
        number = order.client_order_id
        now.raise_finding(FindingKind.ORDER_DIFFERS, key, text, halt=True, symbol=symbol, order=number)
    if now.options.cancel_orphans:
        now.cancel_ours.append(order.client_order_id)
        now.note(f"cancel the order {order.client_order_id}")


def _orphan(now: Round, key: str, order: BrokerOrder, symbol: str) -> None:
    standing, number = now.findings.get(key), order.broker_order_id
    if standing is None:
        now.raise_finding(FindingKind.ORPHAN_ORDER, key, _words(order), symbol=symbol, order=number)
    if now.options.cancel_orphans and (standing is None or standing.status is not FindingStatus.IGNORED):
        now.cancel_orphans.append(number)
        now.counts.updated += 1
        now.note(f"cancel the order {number}")


def _words(order: BrokerOrder) -> str:
    legs = ", ".join(f"{leg.ratio * order.quantity:+d} {leg.contract.notation}" for leg in order.legs)
    whose = "bears our name and is not in our books" if order.client_order_id else "is not ours"
    return f"order {order.broker_order_id} at the broker {whose}: {legs} at {order.limit_price}"


def _cash(now: Round) -> None:
    before, theirs = now.look.before, now.look.cash
    if before is None or before.cash is None or theirs is None:
        return
    told = sum((one.cash + one.fees for one in now.look.transactions), before.cash)
    if abs(told - theirs) < CENT:
        _end(now, "cash", "the balance fits its transactions again")
        return
    text = f"the balance is {theirs}, and by its transactions it must be {told}"
    if now.persists("cash", text):
        now.raise_finding(FindingKind.CASH_DIFFERS, "cash", text)


def _sums(now: Round) -> None:
    now.counts.processed += len(now.look.holdings)
    standing = {one.key for one in now.findings.values() if one.key.startswith("sums:")}
    by_transactions, ours_of = _told(now), now.ours
    for contract in sorted(disagreeing(now), key=lambda one: one.occ_symbol):
        key = f"sums:{contract.occ_symbol}"
        standing.discard(key)
        held, told = now.look.holdings.get(contract, 0), by_transactions.get(contract, 0)
        ours = ours_of.get(contract, 0)
        with_us = "transactions" if ours == told else "holdings" if ours == held else "neither"
        text = (
            f"{contract.notation}: the broker's holdings say {held}, its transactions {told}, our positions {ours};"
            f" we agree with {'its ' if with_us != 'neither' else ''}{with_us}"
        )
        if now.persists(key, text):
            now.raise_lost(key, text, contract)
    for key in standing:
        _end(now, key, "holdings and transactions agree again")


def _end(now: Round, key: str, how: str) -> None:
    standing = now.findings.get(key)
    if standing is not None:
        now.settle_finding(standing, FindingStatus.GONE, how)


def _told(now: Round) -> dict[OptionContract, int]:
    before = now.look.before
    if before is None:
        return dict(now.look.holdings)
    told = {parse_option_symbol(symbol): quantity for symbol, quantity in before.contracts.items()}
    for one in now.look.transactions:
        if one.contract is not None:
            told[one.contract] = told.get(one.contract, 0) + one.quantity
    return {contract: quantity for contract, quantity in told.items() if quantity}
