"""Structures and their payoff, strategies as data, selection of legs, evaluation, scores, hard stops and ranking."""
