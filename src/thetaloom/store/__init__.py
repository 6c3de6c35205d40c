"""The database and what reads it."""
