"""Doors for people: one file per noun; reads go through ``store.queries``, changes through the engine's commands."""
