"""Whoever else has hands in the account: other programs that trade in it, other processes that raise a halt flag."""

from datetime import datetime, timedelta

from thetaloom.domain.book.halts import StandingHalt
from thetaloom.domain.values.calendar import TradingSession
from thetaloom.ports.halt_flags import HaltFlags
from thetaloom.testing.simulation.broker import LyingBroker
from thetaloom.testing.simulation.chances import Chances
from thetaloom.testing.simulation.faults import Fault, Faults
from thetaloom.testing.simulation.history import History


class Others:
    """What they do when, drawn ahead; of what, drawn when the time has come."""

    def __init__(
        self,
        chances: Chances,
        faults: Faults,
        sessions: list[TradingSession],
        broker: LyingBroker,
        flags: HaltFlags,
        history: History,
    ) -> None:
        self._chances, self._broker, self._flags, self._history = chances, broker, flags, history
        self._shares_at: datetime | None = None  # when shares that contracts turned into are closed out
        drawn = [
            (session.open_at + (session.close_at - session.open_at) * chances.between(0.01, 0.85), fault)
            for session in sessions
            for fault in (Fault.TRADED_ELSEWHERE, Fault.ASSIGNED_EARLY, Fault.FLAG_IS_RAISED)
            for _ in range(round(faults.rate(fault)))
        ]
        self._agenda = sorted((at - timedelta(microseconds=at.microsecond), fault) for at, fault in drawn)

    def next_at(self) -> datetime | None:
        """Return when they do something next."""
        ahead = [at for at, _ in self._agenda[:1]]
        return min([*ahead, *([] if self._shares_at is None else [self._shares_at])], default=None)

    def act(self, now: datetime, scopes: tuple[str, ...]) -> list[str]:
        """Do what is due; return the scopes that were halted by a flag."""
        halted = []
        exchange, truth = self._broker.exchange, self._broker.truth
        while self._agenda and self._agenda[0][0] <= now:
            at, deed = self._agenda.pop(0)
            if deed is Fault.TRADED_ELSEWHERE:
                self._history.note("others", f"trade {exchange.trade_elsewhere(truth)}")
            elif deed is Fault.ASSIGNED_EARLY:
                self._history.note("others", f"exercise {exchange.assign_early(truth)}")
                self._shares_at = at + self._chances.seconds(1, 3600)
            else:
                scope = self._chances.one_of(scopes)
                self._flags.hoist(StandingHalt(scope=scope, reason="simulated", by="others", at=now.isoformat()))
                self._history.note("others", f"raise the flag of {scope}")
                halted.append(scope)
        if self._shares_at is not None and self._shares_at <= now:
            self._shares_at = None
            exchange.trade_shares(truth)
        return halted

    def leave(self) -> None:
        """Do nothing more."""
        self._agenda.clear()
        self._broker.exchange.trade_shares(self._broker.truth)
