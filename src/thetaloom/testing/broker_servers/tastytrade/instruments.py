"""Chains, quotes by request and market metrics, from the market behind."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from thetaloom.domain.market.events import Events
from thetaloom.domain.values.instruments import INDEX_ROOTS, OptionContract, Right, parse_option_symbol
from thetaloom.errors import InvalidInput
from thetaloom.testing.broker_servers.backend import Backend
from thetaloom.testing.broker_servers.tastytrade.told import NAMES

YEAR, DIVIDEND_BEHIND = timedelta(days=365), timedelta(days=280)


def listed(backend: Backend, symbol: str) -> list[OptionContract]:
    """Return the contracts that are listed of a symbol: a strike always has its call and its put."""
    chain = backend.market.chain(symbol, backend.clock.now())
    if chain is None:
        return []
    found = {chain.contract(index) for index in range(len(chain))}
    both = {replace(one, right=right) for one in found for right in Right}
    return sorted(both, key=lambda one: (one.root, one.expires_on, one.strike, one.right))


def equities_json(backend: Backend, names: Iterable[str]) -> list[dict[str, Any]]:
    """Return the shares, funds and indices that are listed under some names."""
    known = {name: backend.market.underlying(NAMES.asked(name)) for name in names}
    return [
        {
            "id": number,
            "symbol": name,
            "streamer-symbol": name,
            "instrument-type": "Equity",
            "description": one.name,
            "active": True,
            "is-index": one.kind == "index",
            "is-etf": one.kind == "etf",
        }
        for number, (name, one) in enumerate(known.items(), start=1)
        if one is not None
    ]


def nested_chain(backend: Backend, name: str) -> list[dict[str, Any]]:
    """Return the chain of an underlying: roots, expirations, strikes."""
    today = backend.calendar.exchange_date(backend.clock.now())
    roots: dict[str, dict[str, list[OptionContract]]] = {}
    for one in listed(backend, NAMES.asked(name)):
        roots.setdefault(one.root, {}).setdefault(one.expires_on.isoformat(), []).append(one)
    return [
        {
            "underlying-symbol": name,
            "root-symbol": root,
            "option-chain-type": "Standard",
            "shares-per-contract": 100,
            "tick-sizes": [{"value": "0.01"}],
            "deliverables": [],
            "expirations": [
                {
                    "expiration-type": "Regular" if backend.calendar.is_monthly(found[0].expires_on) else "Weekly",
                    "expiration-date": day,
                    "days-to-expiration": found[0].dte(today),
                    "settlement-type": found[0].settlement.value.upper(),
                    "strikes": _strikes(found),
                }
                for day, found in days.items()
            ],
        }
        for root, days in roots.items()
    ]


def _strikes(found: Iterable[OptionContract]) -> list[dict[str, str]]:
    calls = [one for one in found if one.right is Right.CALL]
    told = []
    for call in calls:
        put = replace(call, right=Right.PUT)
        told.append(
            {
                "strike-price": str(call.strike),
                "call": call.occ_symbol,
                "call-streamer-symbol": call.streamer,
                "put": put.occ_symbol,
                "put-streamer-symbol": put.streamer,
            }
        )
    return told


def market_data_json(backend: Backend, asked: Mapping[str, list[str]]) -> list[dict[str, Any]]:
    """Return quotes by request: of options by their symbols, of everything else by its price."""
    now = backend.clock.now()
    found = []
    for symbol in asked.get("equity-option", []):
        try:
            contract = parse_option_symbol(symbol)
        except InvalidInput:
            continue
        quote = backend.market.quotes([contract], now).get(contract)
        if quote is not None:
            sides = {"bid": quote.bid, "ask": quote.ask, "mark": quote.mid}
            found.append(_quoted(backend, symbol, "Equity Option", sides))
    for kind, word in (("equity", "Equity"), ("index", "Index")):
        for name in asked.get(kind, []):
            spot = backend.market.spot(NAMES.asked(name), now)
            if spot is not None:
                found.append(_quoted(backend, name, word, {"mark": spot, "last": spot, "bid": spot, "ask": spot}))
    return found


def _quoted(backend: Backend, symbol: str, kind: str, sides: Mapping[str, object]) -> dict[str, Any]:
    now = backend.clock.now()
    return {
        "symbol": symbol,
        "instrument-type": kind,
        "updated-at": now.isoformat(),
        "bid-size": "10",
        "ask-size": "10",
        "close-price-type": "Regular",
        "summary-date": now.date().isoformat(),
        "prev-close-date": now.date().isoformat(),
        "prev-close-price-type": "Regular",
        "halt-start-time": -1,
        "halt-end-time": -1,
        **{name: str(side) for name, side in sides.items() if side is not None},
    }


def metrics_json(backend: Backend, names: Iterable[str]) -> list[dict[str, Any]]:
    """Return market metrics: the volatility, its rank and the events to come."""
    now = backend.clock.now()
    today = backend.calendar.exchange_date(now)
    found = []
    for name in names:
        symbol = NAMES.asked(name)
        ivs = [iv for _, iv in backend.market.iv_history(symbol, today - YEAR, today)]
        told: dict[str, Any] = {"symbol": name, "market-cap": "0", "updated-at": now.isoformat()}
        if ivs:
            low, high = min(ivs), max(ivs)
            rank = (ivs[-1] - low) / (high - low) if high > low else 0.5
            told |= {
                "implied-volatility-index": str(ivs[-1]),
                "implied-volatility-index-rank": f"{rank:.6f}",
                "tw-implied-volatility-index-rank": f"{rank:.6f}",
                "implied-volatility-30-day": f"{100 * ivs[-1]:.2f}",
            }
        events = backend.market.corporate_events(symbol, today, today + YEAR)
        found.append(told | _events(symbol, events))
    return found


def _events(symbol: str, events: Events | None) -> dict[str, Any]:
    told: dict[str, Any] = {}
    if events is None or symbol in INDEX_ROOTS:
        return told
    if events.earnings:
        told["earnings"] = {
            "visible": True,
            "expected-report-date": events.earnings[0].isoformat(),
            "estimated": True,
            "late-flag": 0,
        }
    if events.dividends:
        ex_on = events.dividends[0].ex_on
        told["dividend-ex-date"] = ex_on.isoformat()
        told["dividend-next-date"] = (ex_on - DIVIDEND_BEHIND).isoformat()  # stale, as the real one was
        told["dividend-rate-per-share"] = str(events.dividends[0].amount or 0)
    return told
