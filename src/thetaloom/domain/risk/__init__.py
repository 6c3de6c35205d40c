"""Margin, sizing and limits: what may be traded, and how much of it."""
