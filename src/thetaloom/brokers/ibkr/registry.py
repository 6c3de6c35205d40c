"""Contract ids: searched once, kept in the book of the account, and both ways."""

import asyncio
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from ib_async import Contract, ContractDescription, ContractDetails, Option, OptionChain
from ib_async.wrapper import RequestError

from thetaloom.brokers.ibkr import parse, render
from thetaloom.brokers.ibkr.session import Session
from thetaloom.domain.market.symbols import IDENTITY_LIFE
from thetaloom.domain.values.calendar import TradingCalendar
from thetaloom.domain.values.instruments import OptionContract
from thetaloom.domain.values.symbols import canonical_symbol, spellings
from thetaloom.errors import BrokerUnavailable, InvalidInput
from thetaloom.links.report_book import ReportBook
from thetaloom.ports.clock import Clock

NO_DEFINITION = 200
LISTING_EXCHANGES = frozenset({"NYSE", "NASDAQ", "ARCA", "AMEX", "BATS", "CBOE", "IEX", "LTSE"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """What TWS knows of a symbol."""

    symbol: str
    listed: str  # as TWS writes it
    conid: int
    name: str
    kind: str  # equity, etf or index
    exchange: str


class Registry:
    """The contracts of TWS; its coroutines run in the loop of the connection."""

    def __init__(self, session: Session, book: ReportBook, clock: Clock, calendar: TradingCalendar) -> None:
        self._session = session
        self._book = book
        self._clock = clock
        self._calendar = calendar
        self._listed: dict[OptionContract, Contract] = {}
        self._contracts: dict[int, OptionContract] = {}
        self._symbols: dict[str, tuple[Resolved, Contract] | None] = {}

    async def resolve(self, symbol: str) -> Resolved | None:
        """Look a symbol up; ``None`` where TWS does not know it."""
        found = await self._found(symbol)
        return None if found is None else found[0]

    async def underlying(self, symbol: str) -> Contract | None:
        """Return the contract of an underlying with its id; ``None`` where TWS does not know it."""
        found = await self._found(symbol)
        return None if found is None else found[1]

    async def matching(self, query: str) -> list[str]:
        """Return the symbols of shares and indices with options in dollars that fit, in the order of TWS."""
        try:
            told = await self._session.ask(lambda tws: tws.reqMatchingSymbolsAsync(query))
        except RequestError as error:
            raise BrokerUnavailable(f"TWS cannot search for {query}: {error.message}") from error
        if told is None:  # so the SDK says that no answer came
            raise BrokerUnavailable("TWS did not answer in time")
        fitting = (one.contract.symbol for one in told if one.contract and _has_options(one))
        return list(dict.fromkeys(map(canonical_symbol, fitting)))

    async def options(self, contracts: Iterable[OptionContract]) -> Mapping[OptionContract, Contract]:
        """Return contracts as TWS knows them, by their ids; those that are not listed are left out."""
        wanted = list(dict.fromkeys(contracts))
        for one in wanted:
            if one not in self._listed:
                kept = self._book.mark(_key(one))
                if kept is not None:
                    conid, _, symbol = kept.partition(" ")
                    self._learn(one, int(conid), symbol or one.underlying)
        await asyncio.gather(*(self._ask(one) for one in wanted if one not in self._listed))
        return {one: self._listed[one] for one in wanted if one in self._listed}

    async def contract_at(self, conid: int) -> OptionContract | None:
        """Return the option of an id; ``None`` where it is no option or unknown."""
        if conid not in self._contracts:
            for told in await self._details(Contract(conId=conid)):
                if told.secType == "OPT":
                    self.learn(told)
        return self._contracts.get(conid)

    def known_at(self, conid: int) -> OptionContract | None:
        """Return the option of an id where it is known already."""
        return self._contracts.get(conid)

    def learn(self, contract: Contract) -> OptionContract | None:
        """Keep the id of an option that TWS named; ``None`` where it is no option that we can read."""
        try:
            option = parse.option_of(contract)
        except InvalidInput:
            return None
        known = self._listed.get(option)
        if contract.conId and (known is None or known.conId != contract.conId):
            self._learn(option, contract.conId, contract.symbol)
        return option

    async def option_parameters(self, symbol: str) -> list[OptionChain]:
        """Return the expirations and strikes of each trading class of an underlying, as SMART routes them."""
        underlying = await self.underlying(symbol)
        if underlying is None:
            return []
        told = await self._session.ask(
            lambda tws: tws.reqSecDefOptParamsAsync(underlying.symbol, "", underlying.secType, underlying.conId)
        )
        smart = [one for one in told if one.exchange == render.SMART]
        return smart or list({one.tradingClass: one for one in told}.values())

    async def listed(self, symbol: str, root: str, last_trade_on: date) -> list[OptionContract]:
        """Return the contracts of one class that trade until a day, with their ids learned, by one request."""
        underlying = await self.underlying(symbol)
        asked = Option(
            symbol=symbol if underlying is None else underlying.symbol,
            lastTradeDateOrContractMonth=f"{last_trade_on:%Y%m%d}",
            exchange=render.SMART,
            currency=render.CURRENCY,
            tradingClass=root,
        )
        found = (self.learn(one) for one in await self._details(asked))
        return [one for one in found if one is not None]

    async def _found(self, symbol: str) -> tuple[Resolved, Contract] | None:
        if symbol not in self._symbols:
            self._symbols[symbol] = await self._search(symbol)
        return self._symbols[symbol]

    async def _search(self, symbol: str) -> tuple[Resolved, Contract] | None:
        found = self._kept(symbol)
        if found is None:
            told = await self._first_told(render.underlying_of(name) for name in spellings(symbol, render.CLASS_MARK))
            if not told:
                return None
            found = _resolved(symbol, _only(told, symbol))
            self._book.put_mark(_symbol_key(symbol), self._written(found))
        contract = render.underlying_of(found.listed)
        contract.conId = found.conid
        return found, contract

    def _kept(self, symbol: str) -> Resolved | None:
        """Return what TWS said before a restart, unless it is long ago: tickers pass on to other companies."""
        text = self._book.mark(_symbol_key(symbol))
        if text is None:
            return None
        told = json.loads(text)
        is_old = self._clock.now() - datetime.fromisoformat(told.pop("at")) >= IDENTITY_LIFE
        return None if is_old else Resolved(**{"symbol": symbol, "listed": symbol} | told)

    def _written(self, found: Resolved) -> str:
        told = {"listed": found.listed, "conid": found.conid, "name": found.name, "kind": found.kind}
        return json.dumps(told | {"exchange": found.exchange, "at": self._clock.now().isoformat()})

    async def _ask(self, contract: OptionContract) -> None:
        last_trade_on = self._calendar.exchange_date(self._calendar.last_trading_at(contract))
        names = spellings(contract.underlying, render.CLASS_MARK)
        told = await self._first_told(render.option_of(contract, last_trade_on, name) for name in names)
        found = {one.contract.conId: one.contract for one in told if one.contract and _is(one.contract, contract)}
        if len(found) > 1:  # as an adjusted series beside the standard one: what is delivered would be a guess
            raise BrokerUnavailable(f"TWS lists {contract.notation} more than once: conids {_listed(found)}")
        for one in found.values():
            self.learn(one)
            self._book.put_mark(_key(contract), f"{one.conId} {one.symbol}")

    async def _first_told(self, questions: Iterable[Contract]) -> list[ContractDetails]:
        """Return what TWS knows of the first of several that it knows anything of."""
        for asked in questions:
            told = [one for one in await self._request(asked) if one.contract is not None and one.contract.conId > 0]
            if told:
                return told
        return []

    async def _details(self, asked: Contract) -> list[Contract]:
        return [one.contract for one in await self._request(asked) if one.contract is not None]

    async def _request(self, asked: Contract) -> list[ContractDetails]:
        try:
            return list(await self._session.ask(lambda tws: tws.reqContractDetailsAsync(asked)))
        except RequestError as error:
            if error.code == NO_DEFINITION:
                return []
            raise BrokerUnavailable(f"TWS cannot look up {asked.symbol}: {error.message}") from error

    def _learn(self, contract: OptionContract, conid: int, symbol: str) -> None:
        self._listed[contract] = render.option_at(conid, symbol)
        self._contracts[conid] = contract


def _key(contract: OptionContract) -> str:
    return f"conid:{contract.occ_symbol}:{contract.multiplier}"


def _symbol_key(symbol: str) -> str:
    return f"symbol:{symbol}"


def _listed(conids: Iterable[int]) -> str:
    return ", ".join(map(str, sorted(conids)))


def _has_options(found: ContractDescription) -> bool:
    contract = found.contract or Contract()
    is_ours = contract.secType in {"STK", "IND"} and contract.currency == render.CURRENCY
    return is_ours and "OPT" in found.derivativeSecTypes


def _is(told: Contract, contract: OptionContract) -> bool:
    try:
        return told.conId > 0 and parse.option_of(told) == contract
    except InvalidInput:
        return False


def _only(told: Sequence[ContractDetails], symbol: str) -> ContractDetails:
    """Return the one that is listed in the United States, or the only one at all."""
    by_conid = {one.contract.conId: one for one in told if one.contract is not None}
    if len(by_conid) == 1:
        return told[0]
    at_home = [one for one in by_conid.values() if one.contract and one.contract.primaryExchange in LISTING_EXCHANGES]
    if len(at_home) == 1:
        return at_home[0]
    raise BrokerUnavailable(
        f"TWS knows {symbol} more than once: conids {_listed(by_conid)}",
        advice="No order goes out on it: which of them is meant, TWS alone cannot say.",
    )


def _resolved(symbol: str, told: ContractDetails) -> Resolved:
    contract = told.contract or Contract()
    kind = "index" if contract.secType == "IND" else "etf" if told.stockType == "ETF" else "equity"
    exchange = contract.primaryExchange or contract.exchange
    return Resolved(
        symbol=symbol,
        listed=contract.symbol,
        conid=contract.conId,
        name=told.longName or symbol,
        kind=kind,
        exchange=exchange,
    )
