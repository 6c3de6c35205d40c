"""The thirteen steps. Each has ``gather`` (collect inputs), ``decide`` (pure) and ``act`` (write the effect).

A new step is one file here and one line in ``engine.pipeline``. Steps do not know each other.
"""
