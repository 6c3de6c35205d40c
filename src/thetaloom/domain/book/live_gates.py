"""The gates of live trading: all must stand open, at the start and before every order; unknown is shut.

A broker whose exchange is ours has no gates. At any other, an account of the other kind than the mode's takes no
order at all: it is another account than the one that the positions are in. Where a person has only withdrawn the
leave to trade with real money, new risk is barred and exits go on, as in a halt.
"""

from dataclasses import dataclass

from thetaloom.domain.values.reasons import Reason

WRONG_ACCOUNT = frozenset({Reason.LIVE_ACCOUNT_IN_PAPER_MODE, Reason.SESSION_NOT_LIVE, Reason.SYNTHETIC_DATA})
GATES = WRONG_ACCOUNT | {Reason.LIVE_NOT_ALLOWED, Reason.ACCOUNT_NOT_LIVE}


@dataclass(frozen=True, slots=True, kw_only=True)
class GateFacts:
    """What the gates look at."""

    is_simulated: bool  # the broker's exchange is ours
    wants_live: bool
    allows_live: bool
    account_allowed: bool  # the account's own flag
    session_is_live: bool  # what the broker's session says
    data_synthetic: bool


def shut_gates(facts: GateFacts) -> tuple[Reason, ...]:
    """Return the gates that are shut, in the order in which a person would open them."""
    if facts.is_simulated:
        return ()
    is_live = facts.wants_live or facts.session_is_live
    shut = {
        Reason.SYNTHETIC_DATA: facts.data_synthetic,
        Reason.LIVE_ACCOUNT_IN_PAPER_MODE: facts.session_is_live and not facts.wants_live,
        Reason.LIVE_NOT_ALLOWED: is_live and not facts.allows_live,
        Reason.ACCOUNT_NOT_LIVE: is_live and not facts.account_allowed,
        Reason.SESSION_NOT_LIVE: facts.wants_live and not facts.session_is_live,
    }
    return tuple(reason for reason, is_shut in shut.items() if is_shut)
