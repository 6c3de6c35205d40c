"""A server on loopback that speaks tastytrade's REST interface, account streamer and DXLink."""

from thetaloom.testing.broker_servers.tastytrade.server import TastytradeServer as TastytradeServer
