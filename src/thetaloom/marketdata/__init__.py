"""Sources of market data that need no account."""
