"""Structures and their payoff, strategies as data, selection of legs, evaluation of a candidate."""
