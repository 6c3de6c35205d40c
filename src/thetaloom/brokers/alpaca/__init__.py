"""Alpaca: paper and live accounts through its official SDK, ``alpaca-py``."""
