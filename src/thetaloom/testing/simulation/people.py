"""The people of a simulated account: they start, decide, close, cancel, halt; the hasty ones everything twice."""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta

from thetaloom.domain.run.proposals import ProposalStatus
from thetaloom.domain.values.calendar import TradingSession
from thetaloom.domain.values.ids import AccountId, StrategyId, UserId
from thetaloom.engine import commands
from thetaloom.engine.commands import Command
from thetaloom.testing.simulation.books import Books
from thetaloom.testing.simulation.chances import Chances

Asked = Iterator[Command]
STRATEGIES = ("sold-puts", "sold-puts", "sold-calls", "condors", "tridents", "tridents", "laddered")
AT_TIMES = (
    *("close", "close_part", "replace_targets", "resolve", "cancel_order", "cancel_run"),
    *("pause", "resume", "reconcile", "review"),
)
DECIDES_EVERY = timedelta(minutes=11)


class People:
    """What is wanted when, drawn ahead; of what, drawn when the time has come."""

    def __init__(
        self, chances: Chances, user: UserId, account: AccountId, sessions: list[TradingSession], haste: float
    ) -> None:
        self.haste = haste
        self._chances, self._user, self._account = chances, user, account
        self._agenda = sorted(self._drawn(sessions), key=lambda entry: entry[0])

    def next_at(self) -> datetime | None:
        """Return when somebody wants something next."""
        return self._agenda[0][0] if self._agenda else None

    def ask(self, now: datetime, books: Books) -> list[Command]:
        """Return what is asked for now."""
        asked: list[Command] = []
        while self._agenda and self._agenda[0][0] <= now:
            _, deed = self._agenda.pop(0)
            for command in DEEDS[deed](self, books):
                asked.append(command)
                if self.haste and self._chances.happens(self.haste):
                    asked.append(command)
        return asked

    def leave(self) -> None:
        """Want nothing more."""
        self._agenda.clear()

    def _drawn(self, sessions: list[TradingSession]) -> Iterator[tuple[datetime, str]]:
        for session in sessions:
            first, last = session.open_at + timedelta(minutes=2), session.close_at - timedelta(minutes=50)
            at = first
            while at < last:
                yield at, "decide"
                at += DECIDES_EVERY
            for _ in range(self._chances.count(2, 5)):
                yield self._between(first, last), "start"
            for deed in AT_TIMES:
                for _ in range(self._chances.count(0, 2)):
                    yield self._between(first, last), deed
            if session is not sessions[-1]:  # while the market is closed: it waits for the open
                yield session.close_at + self._chances.seconds(60, 36_000), "start"
                yield session.close_at + self._chances.seconds(60, 36_000), "decide"
            if self._chances.happens(0.3):
                at = self._between(first, last)
                yield at, "halt"
                yield min(last, at + self._chances.seconds(5, 3600)), "lift"

    def _between(self, first: datetime, last: datetime) -> datetime:
        return first + timedelta(seconds=round(self._chances.between(0, (last - first).total_seconds())))

    def start(self, books: Books) -> Asked:
        """Start a run."""
        strategy = StrategyId(self._chances.one_of(STRATEGIES))
        symbol = self._chances.one_of(("SPY", "QQQ"))
        yield commands.StartRun(user_id=self._user, symbol=symbol, strategy_id=strategy)

    def decide(self, books: Books) -> Asked:
        """Approve or reject what waits; at times a second device says the contrary."""
        pending = [one for run in books.runs for one in run.proposals if one.status is ProposalStatus.PENDING]
        for proposal in pending:
            approve = commands.ApproveProposal(user_id=self._user, proposal_id=proposal.id)
            reject = commands.RejectProposal(user_id=self._user, proposal_id=proposal.id, note="not now")
            both: tuple[Command, Command] = (approve, reject) if self._chances.happens(0.8) else (reject, approve)
            yield both[0]
            if self._chances.happens(self.haste):
                yield both[1]

    def close(self, books: Books) -> Asked:
        """Close a position."""
        held = [run.position for run in books.runs if run.position is not None and run.position.is_open]
        if held:
            yield commands.ClosePosition(user_id=self._user, position_id=self._chances.one_of(held).id)

    def close_part(self, books: Books) -> Asked:
        """Close some of a position, or of one of its spreads."""
        held = [run.position for run in books.runs if run.position is not None and run.position.is_open]
        if not held:
            return
        position = self._chances.one_of(held)
        spread = self._chances.one_of(position.spreads)
        part = None if self._chances.happens(0.5) else spread.name
        quantity = self._chances.count(1, 3)
        yield commands.ClosePosition(user_id=self._user, position_id=position.id, quantity=quantity, part=part)

    def replace_targets(self, books: Books) -> Asked:
        """Place the targets of a position anew."""
        held = [run.position for run in books.runs if run.position is not None and run.position.is_open]
        with_targets = [one for one in held if any(spread.target_percent is not None for spread in one.spreads)]
        if with_targets:
            yield commands.ReplaceTargets(user_id=self._user, position_id=self._chances.one_of(with_targets).id)

    def resolve(self, books: Books) -> Asked:
        """Look an order up at the broker now."""
        waiting = [order for run in books.runs for order in run.orders if order.is_open]
        if waiting:
            chosen = self._chances.one_of(waiting)
            yield commands.ResolveOrder(user_id=self._user, client_order_id=chosen.client_order_id)

    def cancel_order(self, books: Books) -> Asked:
        """Cancel an order."""
        standing = [order for run in books.runs for order in run.orders if order.is_open]
        if standing:
            chosen = self._chances.one_of(standing)
            yield commands.CancelOrder(user_id=self._user, client_order_id=chosen.client_order_id)

    def cancel_run(self, books: Books) -> Asked:
        """Cancel a run."""
        going = [run.run.id for run in books.runs if not run.run.is_final]
        if going:
            yield commands.CancelRun(user_id=self._user, run_id=self._chances.one_of(going))

    def pause(self, books: Books) -> Asked:
        """Pause a run."""
        going = [run.run.id for run in books.runs if not run.run.is_final and run.run.returns_to is None]
        if going:
            yield commands.PauseRun(user_id=self._user, run_id=self._chances.one_of(going))

    def resume(self, books: Books) -> Asked:
        """Resume what is paused or has failed."""
        for run in books.runs:
            if run.run.returns_to is not None:
                yield commands.ResumeRun(user_id=self._user, run_id=run.run.id)

    def halt(self, books: Books) -> Asked:
        """Halt new risk in some scope."""
        yield commands.Halt(user_id=self._user, scope=self._chances.one_of(self.scopes), note="simulated")

    def lift(self, books: Books) -> Asked:
        """Lift every halt of a person."""
        for scope, note in books.halts.items():
            if note == "simulated":
                yield commands.LiftHalt(user_id=self._user, scope=scope)

    def reconcile(self, books: Books) -> Asked:
        """Reconcile."""
        yield commands.Reconcile(user_id=self._user)

    def review(self, books: Books) -> Asked:
        """Apply the exit rules."""
        yield commands.ApplyExitRules(user_id=self._user)

    @property
    def scopes(self) -> tuple[str, ...]:
        """What anybody may halt."""
        return ("all", f"account:{self._account}", "strategy:sold-puts")


DEEDS: Mapping[str, Callable[[People, Books], Asked]] = {
    "start": People.start,
    "decide": People.decide,
    "close": People.close,
    "close_part": People.close_part,
    "replace_targets": People.replace_targets,
    "resolve": People.resolve,
    "cancel_order": People.cancel_order,
    "cancel_run": People.cancel_run,
    "pause": People.pause,
    "resume": People.resume,
    "halt": People.halt,
    "lift": People.lift,
    "reconcile": People.reconcile,
    "review": People.review,
}
