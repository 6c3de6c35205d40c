"""What every connection to the outside needs: an owner, a stream that survives, and books of what was told.

Brokers and sources of market data import it; it knows the ports and the domain, and no vendor.
"""
