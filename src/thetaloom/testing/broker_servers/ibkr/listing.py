"""Which contracts this TWS lists, under which ids: those of the market behind it, and those that are held."""

import hashlib
from collections.abc import Iterable
from decimal import Decimal
from itertools import groupby

from thetaloom.domain.market.chain import OptionChain
from thetaloom.domain.strategy.structures import Leg
from thetaloom.domain.values.instruments import INDEX_ROOTS, OptionContract
from thetaloom.testing.broker_servers.backend import Backend
from thetaloom.testing.broker_servers.ibkr.placing import AskedContract, AskedLeg
from thetaloom.testing.broker_servers.ibkr.telling import ToldContract
from thetaloom.testing.broker_servers.spelling import Spelling

NAMES = Spelling(mark=" ")
IDS = 1 << 30
BAG_CONID = 28812380  # all combinations in dollars bear it
FOUND_MAX = 16  # of a search
EXCHANGES = ("CBOE", "SMART")


def conid_of(name: str) -> int:
    """Return the id of a contract: the same in every run, as homes keep it."""
    return 1_000_000 + int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest()) % IDS


class Listing:
    """The contracts by id; filled from the market's chains as they are asked for."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._options: dict[int, OptionContract] = {}
        self._underlyings: dict[int, str] = {}
        self._listed: dict[str, dict[OptionContract, int]] = {}
        self._newest: dict[str, OptionChain] = {}  # whose contracts are listed
        for symbol in backend.market.symbols():
            self.chain(symbol)

    def option(self, conid: int) -> OptionContract | None:
        """Return the option of an id."""
        if conid not in self._options:
            for symbol in self._backend.market.symbols():
                self.chain(symbol)
        return self._options.get(conid)

    def symbol(self, conid: int) -> str | None:
        """Return the underlying of an id."""
        if conid not in self._underlyings:
            for symbol in self._backend.market.symbols():
                self._underlyings[conid_of(symbol)] = symbol
        return self._underlyings.get(conid)

    def chain(self, symbol: str) -> list[OptionContract]:
        """Return the contracts of an underlying that are quoted now, or were: a listing outlives its quotes."""
        chain = self._backend.market.chain(symbol, self._backend.clock.now())
        if chain is not None and self._newest.get(symbol) is not chain:
            self._newest[symbol] = chain
            contracts = [chain.contract(index) for index in range(len(chain))]
            self._listed.setdefault(symbol, {}).update((one, self.learn(one)) for one in contracts)
        return list(self._listed.get(symbol, ()))

    def learn(self, contract: OptionContract) -> int:
        """Give a contract its id."""
        conid = conid_of(contract.occ_symbol)
        self._options[conid] = contract
        return conid

    def matching(self, asked: AskedContract) -> list[ToldContract]:
        """Return the contracts that fit what a client asks for; what it leaves open fits all."""
        if asked.conid:
            option, symbol = self.option(asked.conid), self.symbol(asked.conid)
            told = [self.told(option)] if option is not None else [] if symbol is None else self._underlying(symbol)
            return [one for one in told if asked.symbol in {"", one.symbol}]
        if asked.kind == "OPT":
            return [self.told(one) for one in self.chain(NAMES.asked(asked.symbol)) if self._fits(one, asked)]
        told = self._underlying(NAMES.asked(asked.symbol))
        return [one for one in told if one.kind == asked.kind]

    def named(self, pattern: str) -> list[ToldContract]:
        """Return underlyings whose symbol begins so, then those with such a word in their name; sixteen at most."""
        wanted, market = pattern.upper(), self._backend.market
        known = [told for symbol in market.symbols() for told in self._underlying(symbol)]
        begin = [one for one in known if one.symbol.startswith(wanted)]
        words = [one for one in known if one not in begin and wanted in one.name.upper()]
        return (begin + words)[:FOUND_MAX]

    def told(self, contract: OptionContract, *, exchange: str = "SMART") -> ToldContract:
        """Return an option in the words of TWS."""
        return ToldContract(
            conid=self.learn(contract),
            symbol=NAMES.told(contract.underlying),
            kind="OPT",
            expires=f"{contract.expires_on:%Y%m%d}",
            trades_until=self._trades_until(contract),
            strike=contract.strike,
            right=contract.right.value,
            multiplier=str(contract.multiplier),
            exchange=exchange,
            local_symbol=contract.occ_symbol,
            trading_class=contract.root,
            name=contract.underlying,
            under_conid=conid_of(contract.underlying),
            min_tick=Decimal("0.01"),
        )

    def shares(self, symbol: str) -> ToldContract:
        """Return shares in the words of TWS."""
        self._underlyings[conid_of(symbol)] = symbol
        name = NAMES.told(symbol)
        return ToldContract(conid=conid_of(symbol), symbol=name, kind="STK", local_symbol=name, trading_class=name)

    def bag(self, legs: Iterable[Leg]) -> ToldContract:
        """Return a combination in the words of TWS."""
        told = tuple(
            AskedLeg(
                conid=self.learn(leg.contract),
                ratio=abs(leg.ratio),
                action="BUY" if leg.ratio > 0 else "SELL",
                exchange="SMART",
            )
            for leg in legs
        )
        symbol = NAMES.told(next(iter(legs)).contract.underlying)
        return ToldContract(conid=BAG_CONID, symbol=symbol, kind="BAG", legs=told)

    def parameters(self, symbol: str) -> list[list[object]]:
        """Return the rows of message 75 behind its request: one for each exchange and trading class."""
        rows: list[list[object]] = []
        symbol = NAMES.asked(symbol)
        contracts = sorted(self.chain(symbol), key=lambda one: one.root)
        for root, group in groupby(contracts, key=lambda one: one.root):
            same = list(group)
            days = sorted({self._trades_until(one) for one in same})
            strikes = sorted({one.strike for one in same})
            for exchange in EXCHANGES:
                head: list[object] = [exchange, conid_of(symbol), root, same[0].multiplier]
                rows.append([*head, len(days), *days, len(strikes), *strikes])
        return rows

    def _underlying(self, symbol: str) -> list[ToldContract]:
        known = self._backend.market.underlying(symbol)
        if known is None:
            return []
        is_index = known.kind == "index" or symbol in {root.underlying for root in INDEX_ROOTS.values()}
        self._underlyings[conid_of(symbol)] = symbol
        name = NAMES.told(symbol)
        return [
            ToldContract(
                conid=conid_of(symbol),
                symbol=name,
                kind="IND" if is_index else "STK",
                exchange="CBOE" if is_index else "SMART",
                local_symbol=name,
                trading_class="" if is_index else name,
                name=known.name,
                stock_type="ETF" if known.kind == "etf" else "" if is_index else "COMMON",
            )
        ]

    def _trades_until(self, contract: OptionContract) -> str:
        calendar = self._backend.calendar
        return f"{calendar.exchange_date(calendar.last_trading_at(contract)):%Y%m%d}"

    def _fits(self, contract: OptionContract, asked: AskedContract) -> bool:
        return (
            NAMES.told(contract.underlying) == asked.symbol
            and (not asked.expires or self._trades_until(contract).startswith(asked.expires))
            and (not asked.strike or contract.strike == asked.strike)
            and (asked.right[:1] in {"", "?", contract.right.value})
            and (not asked.trading_class or contract.root == asked.trading_class)
            and (not asked.multiplier or int(asked.multiplier) == contract.multiplier)
        )
