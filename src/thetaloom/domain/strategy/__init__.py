"""Structures and their payoff, strategies as data, the selection of legs and the evaluation of a candidate."""
