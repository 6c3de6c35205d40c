"""Adapters to brokers, real and simulated; each implements ``ports.broker`` and knows no other."""
