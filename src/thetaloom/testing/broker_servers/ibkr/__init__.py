"""A TWS on loopback: the socket protocol as ``ib_async`` 2.1.0 speaks it, over the books of a simulated exchange."""
