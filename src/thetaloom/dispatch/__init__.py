"""Who works on which run next: leases on rows, so that no run is worked on by two and none is forgotten."""
