"""What can go wrong in a simulated world, and which of it one seed brings."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from thetaloom.testing.simulation.chances import Chances

ABSENCE_SECONDS = 14  # after this long without a trace a request never arrives: what the broker warrants


class Fault(StrEnum):
    """One way to go wrong, of the broker, of the market, or on our own side."""

    REQUEST_FAILS = "request_fails"  # unavailable; nothing arrived
    REQUEST_IS_LOST = "request_is_lost"  # no answer; nothing arrived
    REQUEST_ARRIVES_LATE = "request_arrives_late"  # no answer; it arrives after a while
    ANSWER_IS_LOST = "answer_is_lost"  # no answer, or an error of the server; it has arrived
    REQUEST_IS_REFUSED = "request_is_refused"  # rejected; a cancel or a replace refused
    REPORT_IS_LATE = "report_is_late"  # by seconds to hours
    REPORT_IS_REPEATED = "report_is_repeated"
    REPORTS_ARE_SHUFFLED = "reports_are_shuffled"
    LEGS_ARE_TOLD_ALONE = "legs_are_told_alone"  # each leg's execution by itself, in any order, in pieces
    FILL_AFTER_END = "fill_after_end"  # filled just before the cancel took effect, told after it
    BOOKS_LAG = "books_lag"  # a look-up does not find yet what has arrived
    BROKER_IS_AWAY = "broker_is_away"
    NUMBERS_ARE_REUSED = "numbers_are_reused"  # the broker counts its orders anew in each session
    ORDER_EXPIRES = "order_expires"  # at the broker, of itself
    MARKET_IS_AWAY = "market_is_away"
    QUOTES_ARE_STALE = "quotes_are_stale"
    QUOTES_ARE_CROSSED = "quotes_are_crossed"
    QUOTES_ARE_STUBS = "quotes_are_stubs"
    PROCESS_DIES = "process_dies"  # before or after any commit, before or after any request
    DISK_IS_FULL = "disk_is_full"
    DATABASE_IS_LOCKED = "database_is_locked"
    CLOCK_LEAPS = "clock_leaps"  # the machine was asleep
    TRADED_ELSEWHERE = "traded_elsewhere"  # by another program in the same account
    ASSIGNED_EARLY = "assigned_early"  # what was sold is exercised; its shares are closed out a while later
    FLAG_IS_RAISED = "flag_is_raised"  # a halt by another process, through its file alone
    GUARDS_ARE_TIGHT = "guards_are_tight"  # few entries a minute before the account is halted as a runaway
    PEOPLE_ARE_HASTY = "people_are_hasty"  # everything is asked for twice, and the contrary at once
    REPORT_IS_LOST = "report_is_lost"  # for good: only the broker's books tell of it


# What is drawn for a seed that brings the fault: the chance at each occasion, or the share of the time.
RATES: Mapping[Fault, tuple[float, float]] = {
    Fault.REQUEST_FAILS: (0.02, 0.3),
    Fault.REQUEST_IS_LOST: (0.02, 0.3),
    Fault.REQUEST_ARRIVES_LATE: (0.02, 0.3),
    Fault.ANSWER_IS_LOST: (0.02, 0.4),
    Fault.REQUEST_IS_REFUSED: (0.02, 0.3),
    Fault.REPORT_IS_LATE: (0.05, 0.6),
    Fault.REPORT_IS_REPEATED: (0.05, 0.5),
    Fault.REPORTS_ARE_SHUFFLED: (0.2, 1.0),
    Fault.LEGS_ARE_TOLD_ALONE: (0.2, 1.0),
    Fault.FILL_AFTER_END: (0.1, 0.9),
    Fault.BOOKS_LAG: (0.1, 0.9),
    Fault.BROKER_IS_AWAY: (1, 4),
    Fault.NUMBERS_ARE_REUSED: (1, 1),
    Fault.ORDER_EXPIRES: (0.01, 0.1),
    Fault.MARKET_IS_AWAY: (1, 4),
    Fault.QUOTES_ARE_STALE: (1, 4),
    Fault.QUOTES_ARE_CROSSED: (1, 4),
    Fault.QUOTES_ARE_STUBS: (1, 4),
    Fault.PROCESS_DIES: (0.002, 0.05),
    Fault.DISK_IS_FULL: (1, 3),
    Fault.DATABASE_IS_LOCKED: (1, 3),
    Fault.CLOCK_LEAPS: (1, 3),
    Fault.TRADED_ELSEWHERE: (1, 6),
    Fault.ASSIGNED_EARLY: (1, 3),
    Fault.FLAG_IS_RAISED: (1, 3),
    Fault.GUARDS_ARE_TIGHT: (1, 3),
    Fault.PEOPLE_ARE_HASTY: (0.2, 0.9),
    Fault.REPORT_IS_LOST: (0.02, 0.2),
}
# Of these the rate is how many spells there are a day.
SPELLS = frozenset(
    {
        Fault.BROKER_IS_AWAY,
        Fault.MARKET_IS_AWAY,
        Fault.QUOTES_ARE_STALE,
        Fault.QUOTES_ARE_CROSSED,
        Fault.QUOTES_ARE_STUBS,
        Fault.DISK_IS_FULL,
        Fault.DATABASE_IS_LOCKED,
        Fault.CLOCK_LEAPS,
    }
)
# Drawn each by itself, so that the other faults of a seed stay as they were before these were thought of.
LATER = (Fault.REPORT_IS_LOST,)


@dataclass(frozen=True, slots=True)
class Faults:
    """The faults that one world has, each with its rate; what is not named never happens."""

    rates: Mapping[Fault, float] = field(default_factory=dict)

    def rate(self, fault: Fault) -> float:
        """Return the rate of a fault."""
        return self.rates.get(fault, 0.0)

    @classmethod
    def of_seed(cls, seed: int) -> "Faults":
        """Draw which faults a seed brings, and how often: most bring some, a few bring none or all."""
        chances = Chances(seed, "faults")
        share = chances.one_of((0.0, 0.15, 0.15, 0.3, 0.3, 0.3, 0.6, 1.0))
        brought = [fault for fault in Fault if fault not in LATER and chances.happens(share)]
        rates = {fault: _drawn(chances, *RATES[fault]) for fault in brought}
        for fault in LATER:
            own = Chances(seed, fault.value)
            if own.happens(share):
                rates[fault] = _drawn(own, *RATES[fault])
        return cls(rates)


def _drawn(chances: Chances, low: float, high: float) -> float:
    return float(low * (high / low) ** chances.between(0.0, 1.0))
