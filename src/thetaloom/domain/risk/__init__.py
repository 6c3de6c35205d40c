"""Budget, sizes, limits, margin and stress: what may be traded, how much of it, and what it could cost."""
