"""Reconciliation: one look into the broker's books, seven phases over it, and what waits for a person."""
