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
        drawn = [
            (session.open_at + (session.close_at - session.open_at) * chances.between(0.01, 0.85), fault)
            for session in sessions
            for fault in (Fault.TRADED_ELSEWHERE, Fault.FLAG_IS_RAISED)
            for _ in range(round(faults.rate(fault)))
        ]
        self._agenda = sorted((at - timedelta(microseconds=at.microsecond), fault) for at, fault in drawn)

    def next_at(self) -> datetime | None:
        """Return when they do something next."""
        return self._agenda[0][0] if self._agenda else None

    def act(self, now: datetime, scopes: tuple[str, ...]) -> list[str]:
        """Do what is due; return the scopes that were halted by a flag."""
        halted = []
        while self._agenda and self._agenda[0][0] <= now:
            _, deed = self._agenda.pop(0)
            if deed is Fault.TRADED_ELSEWHERE:
                self._history.note("others", f"trade {self._broker.exchange.trade_elsewhere(self._broker.truth)}")
            else:
                scope = self._chances.one_of(scopes)
                self._flags.hoist(StandingHalt(scope=scope, reason="simulated", by="others", at=now.isoformat()))
                self._history.note("others", f"raise the flag of {scope}")
                halted.append(scope)
        return halted

    def leave(self) -> None:
        """Do nothing more."""
        self._agenda.clear()
