"""Thetaloom: an options-trading workflow from trigger to completed trade, with evidence for every step."""

__version__ = "0.1.0"
