"""The message placeOrder: every field of it, in its place, and what this server takes in each."""

from dataclasses import dataclass
from decimal import Decimal

from thetaloom.testing.broker_servers.ibkr.wire import Fields


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedContract:
    """A contract as the client names it; what it leaves open is empty or zero."""

    conid: int = 0
    symbol: str = ""
    kind: str = ""
    expires: str = ""
    strike: Decimal = Decimal(0)
    right: str = ""
    multiplier: str = ""
    exchange: str = ""
    primary_exchange: str = ""
    currency: str = ""
    local_symbol: str = ""
    trading_class: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedLeg:
    """A leg of a combination."""

    conid: int
    ratio: int
    action: str
    exchange: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedOrder:
    """An order as it was sent."""

    order_id: int
    contract: AskedContract
    action: str
    quantity: Decimal | None
    kind: str
    limit: Decimal | None
    time_in_force: str
    account: str
    open_close: str
    reference: str
    legs: tuple[AskedLeg, ...]
    what_if: bool
    faults: tuple[str, ...]  # fields with what this server does not know


def read_contract(fields: Fields) -> AskedContract:
    """Take the twelve fields of a contract."""
    return AskedContract(
        conid=fields.whole(),
        symbol=fields.text(),
        kind=fields.text(),
        expires=fields.text(),
        strike=fields.number() or Decimal(0),
        right=fields.text(),
        multiplier=fields.text(),
        exchange=fields.text(),
        primary_exchange=fields.text(),
        currency=fields.text(),
        local_symbol=fields.text(),
        trading_class=fields.text(),
    )


def read_legs(fields: Fields) -> tuple[AskedLeg, ...]:
    """Take the legs of a combination that is quoted or whose history is asked for."""
    return tuple(
        AskedLeg(conid=fields.whole(), ratio=fields.whole(), action=fields.text(), exchange=fields.text())
        for _ in range(fields.whole())
    )


def read_order(fields: Fields) -> AskedOrder:
    """Take a placeOrder whose message id was taken already."""
    order_id, contract = fields.whole(), read_contract(fields)
    wrong = fields.expect(secIdType="", secId="")
    action, quantity, kind, limit = fields.text(), fields.number(), fields.text(), fields.number()
    wrong += fields.expect(auxPrice="")
    time_in_force = fields.text()
    wrong += fields.expect(ocaGroup="")
    account, open_close = fields.text(), fields.text()
    wrong += fields.expect(origin="0")
    reference = fields.text()
    wrong += fields.expect(transmit="1", parentId="0", blockOrder="0", sweepToFill="0", displaySize="0")
    wrong += fields.expect(triggerMethod="0", outsideRth="0", hidden="0")
    legs, more = _combination(fields) if contract.kind == "BAG" else ((), [])
    wrong += more + _middle(fields)
    what_if = fields.flag()
    wrong += _tail(fields)
    fields.end()
    return AskedOrder(
        order_id=order_id,
        contract=contract,
        action=action,
        quantity=quantity,
        kind=kind,
        limit=limit,
        time_in_force=time_in_force,
        account=account,
        open_close=open_close,
        reference=reference,
        legs=legs,
        what_if=what_if,
        faults=tuple(wrong),
    )


def _combination(fields: Fields) -> tuple[tuple[AskedLeg, ...], list[str]]:
    legs, wrong = [], []
    for _ in range(fields.whole()):
        legs.append(AskedLeg(conid=fields.whole(), ratio=fields.whole(), action=fields.text(), exchange=fields.text()))
        wrong += fields.expect(legOpenClose="0", shortSaleSlot="0", designatedLocation="", exemptCode="-1")
    wrong += fields.expect(orderComboLegs="0", smartComboRoutingParams="0")
    return tuple(legs), wrong


def _middle(fields: Fields) -> list[str]:
    wrong = fields.expect(
        sharesAllocation="",
        discretionaryAmt="0.0",
        goodAfterTime="",
        goodTillDate="",
        faGroup="",
        faMethod="",
        faPercentage="",
        modelCode="",
        shortSaleSlot="0",
        designatedLocation="",
        exemptCode="-1",
        ocaType="0",
        rule80A="",
        settlingFirm="",
        allOrNone="0",
        minQty="",
        percentOffset="",
        eTradeOnly="0",
        firmQuoteOnly="0",
        nbboPriceCap="",
        auctionStrategy="0",
        startingPrice="",
        stockRefPrice="",
        delta="",
        stockRangeLower="",
        stockRangeUpper="",
        overridePercentageConstraints="0",
        volatility="",
        volatilityType="",
        deltaNeutralOrderType="",
        deltaNeutralAuxPrice="",
    )
    return wrong + fields.expect(
        continuousUpdate="0",
        referencePriceType="",
        trailStopPrice="",
        trailingPercent="",
        scaleInitLevelSize="",
        scaleSubsLevelSize="",
        scalePriceIncrement="",
        scaleTable="",
        activeStartTime="",
        activeStopTime="",
        hedgeType="",
        optOutSmartRouting="0",
        clearingAccount="",
        clearingIntent="",
        notHeld="0",
        deltaNeutralContract="0",
        algoStrategy="",
        algoId="",
    )


def _tail(fields: Fields) -> list[str]:
    return fields.expect(
        orderMiscOptions="",
        solicited="0",
        randomizeSize="0",
        randomizePrice="0",
        conditions="0",
        adjustedOrderType="",
        triggerPrice="",
        lmtPriceOffset="",
        adjustedStopPrice="",
        adjustedStopLimitPrice="",
        adjustedTrailingAmount="",
        adjustableTrailingUnit="0",
        extOperator="",
        softDollarName="",
        softDollarValue="",
        cashQty="",
        mifid2DecisionMaker="",
        mifid2DecisionAlgo="",
        mifid2ExecutionTrader="",
        mifid2ExecutionAlgo="",
        dontUseAutoPriceForHedge="0",
        isOmsContainer="0",
        discretionaryUpToLimitPrice="0",
        usePriceMgmtAlgo="0|",
        duration="",
        postToAts="",
        autoCancelParent="0",
        advancedErrorOverride="",
        manualOrderTime="",
    )
