"""tastytrade: its REST interface, account streamer and DXLink market data, through the SDK ``tastytrade``."""
