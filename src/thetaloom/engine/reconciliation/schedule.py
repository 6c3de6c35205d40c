"""When the engine compares its books with the broker's by itself."""

from collections import deque
from collections.abc import Iterable
from datetime import datetime, timedelta

import structlog

from thetaloom.domain.book.looks import Cause
from thetaloom.domain.values.ids import ClientOrderId
from thetaloom.engine.delivery import deliver
from thetaloom.engine.desk import Desk
from thetaloom.engine.reconcile import reconcile
from thetaloom.engine.reconciliation.answers import Options, Reconciled
from thetaloom.errors import AnswerPending, StaleVersionError

log = structlog.get_logger()

SECOND = timedelta(seconds=1)


class LookSchedule:
    """At start, when the broker answers again, every so often in market hours, and on news that is not ours."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._sequence = 0  # of the last transaction that is known
        self._looked_at: datetime | None = None
        self._news_at: datetime | None = None
        self._pause: timedelta | None = None  # after which a difference is looked at again; None = there is none
        self._was_lost = False
        self._under_way: Cause | None = None  # of the look that is being taken aside
        self._left: deque[ClientOrderId] = deque()  # in doubt since the start, more than the broker takes at once

    def lost(self) -> None:
        """Remember that the broker did not answer."""
        self._was_lost = True
        self._under_way = None

    def look(self, cause: Cause) -> Reconciled:
        """Compare now, and remember what that leaves to do."""
        found = reconcile(self._desk, Options(cause=cause))
        self.heard(found)
        self._was_lost = False
        return found

    def look_at_start(self) -> Reconciled | None:
        """Compare; where other processes look at the same moment each time, leave it to them and look again soon."""
        try:
            return self.look(Cause.START)
        except StaleVersionError:
            log.info("reconciliation_left_to_another_process")
            self._looked_at = self._news_at = self._desk.clock.now()
            self._pause = self._relook
            return None

    def heard(self, found: Reconciled) -> None:
        """Take over from a comparison, whoever asked for it."""
        now = self._desk.clock.now()
        self._sequence = max(self._sequence, found.sequence)
        self._looked_at = self._news_at = now
        self._pause = self._pause_after(found)
        self._left.extend(order for order in found.left if order not in self._left)

    def look_soon(self) -> None:
        """Ask for a comparison while an order has had no answer for a whole round."""
        self._pause = self._pause or self._relook

    def look_if_due(self) -> Reconciled | None:
        """Compare if it is time to; return what that did."""
        if self._under_way is None:  # else it is asked about more often than once a second
            self._deliver_left()
        cause = self._under_way or self._due()
        if cause is None:
            return None
        self._under_way = None
        try:
            return self.look(cause)
        except AnswerPending:  # one of the next turns has it
            self._under_way = cause
        except StaleVersionError:
            log.info("reconciliation_left_to_another_process")
        return None

    @property
    def is_under_way(self) -> bool:
        """Whether a look is being taken aside."""
        return self._under_way is not None

    def _due(self) -> Cause | None:
        now = self._desk.clock.now()
        if self._was_lost:
            return Cause.RECONNECT
        if self._looked_at is None:
            return None  # not started yet
        if self._has_news():  # a leg may stand alone since: that waits for no pause
            return Cause.NEWS
        if now - (self._news_at or self._looked_at) < self._relook:
            return None
        self._news_at = now
        elapsed = now - self._looked_at
        if self._pause is not None and self._pause < self._every and elapsed >= self._pause:
            return Cause.SCHEDULE
        return Cause.SCHEDULE if elapsed >= self._every and self._desk.calendar.is_open(now) else None

    @property
    def _every(self) -> timedelta:
        return timedelta(minutes=self._desk.settings.reconcile_minutes)

    @property
    def _relook(self) -> timedelta:
        return timedelta(seconds=self._desk.settings.relook_seconds)

    def _pause_after(self, found: Reconciled) -> timedelta | None:
        """Return how soon to look again: at once what is new, ever more rarely what stands and waits for a person."""
        if found.suspects:
            return self._relook
        if not found.lasting:
            return None
        return min(2 * (self._pause or self._relook), self._every)

    def _has_news(self) -> bool:
        """Say whether the broker has transactions of contracts that no order of ours made; ours are passed over."""
        try:
            fresh = self._desk.broker.transactions(self._sequence)
        except AnswerPending:  # the next look has them
            return False
        if not fresh:
            return False
        with self._desk.store.reading() as uow:
            for one in fresh:
                is_ours = one.client_order_id is not None and uow.orders.get(one.client_order_id) is not None
                if one.contract is not None and not is_ours:
                    return True
                self._sequence = one.sequence
        return False

    def _deliver_left(self) -> None:
        for order in _taken(self._left, self._desk.broker.capabilities.orders_per_second):
            deliver(self._desk, order, again=True)


def _taken(left: deque[ClientOrderId], count: int) -> Iterable[ClientOrderId]:
    for _ in range(min(count, len(left))):
        yield left.popleft()
