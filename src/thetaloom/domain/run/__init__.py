"""Runs, proposals and events: one journey of one strategy from trigger to completed trade."""
