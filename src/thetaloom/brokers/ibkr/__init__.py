"""Interactive Brokers through TWS or IB Gateway, spoken with ``ib_async``. Only entry points import it."""
