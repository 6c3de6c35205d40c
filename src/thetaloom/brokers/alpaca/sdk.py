"""The parts of ``alpaca-py`` that the adapter uses, imported at one place."""

import warnings

with warnings.catch_warnings():
    # The SDK's streams use the old client of websockets, which says at its import that it is old.
    warnings.simplefilter("ignore", DeprecationWarning)
    from alpaca.common.enums import BaseURL as BaseURL
    from alpaca.common.exceptions import APIError as APIError
    from alpaca.data.enums import DataFeed as DataFeed
    from alpaca.data.enums import OptionsFeed as OptionsFeed
    from alpaca.data.historical.option import OptionHistoricalDataClient as OptionHistoricalDataClient
    from alpaca.data.historical.stock import StockHistoricalDataClient as StockHistoricalDataClient
    from alpaca.data.live.option import OptionDataStream as OptionDataStream
    from alpaca.data.requests import OptionChainRequest as OptionChainRequest
    from alpaca.data.requests import OptionSnapshotRequest as OptionSnapshotRequest
    from alpaca.data.requests import StockBarsRequest as StockBarsRequest
    from alpaca.data.requests import StockLatestTradeRequest as StockLatestTradeRequest
    from alpaca.data.timeframe import TimeFrame as TimeFrame
    from alpaca.data.timeframe import TimeFrameUnit as TimeFrameUnit
    from alpaca.trading.client import TradingClient as TradingClient
    from alpaca.trading.enums import OrderClass as OrderClass
    from alpaca.trading.enums import OrderSide as OrderSide
    from alpaca.trading.enums import PositionIntent as PositionIntent
    from alpaca.trading.enums import QueryOrderStatus as QueryOrderStatus
    from alpaca.trading.enums import TimeInForce as TimeInForce
    from alpaca.trading.requests import GetOptionContractsRequest as GetOptionContractsRequest
    from alpaca.trading.requests import GetOrderByIdRequest as GetOrderByIdRequest
    from alpaca.trading.requests import GetOrdersRequest as GetOrdersRequest
    from alpaca.trading.requests import LimitOrderRequest as LimitOrderRequest
    from alpaca.trading.requests import OptionLegRequest as OptionLegRequest
    from alpaca.trading.requests import ReplaceOrderRequest as ReplaceOrderRequest
    from alpaca.trading.stream import TradingStream as TradingStream
