"""Which strategies ship with the package, for pages that tell them from a user's own."""

from functools import cache

from thetaloom.store.catalogue import load_catalogue


@cache
def shipped_ids() -> frozenset[str]:
    """Return the ids of the shipped strategies."""
    return frozenset(strategy.id for strategy in load_catalogue())
