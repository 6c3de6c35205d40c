"""The doors for browsers and programs: the REST API, the pages, and what guards both.

Reads go through ``store.queries``, changes are commands to the engine; nothing here decides about money.
"""
