"""Money, ids, instruments, the calendar and the reasons: the smallest words everything else is written in."""
