"""The post office of a server or of a process beside it: who carries messages, and whose signs of life are watched."""

from collections.abc import Callable, Sequence
from datetime import timedelta

from thetaloom.config import Settings
from thetaloom.engine.desk import Desk
from thetaloom.engine.post_office import SILENT_AFTER, Beat, PostOffice, SilenceWatch
from thetaloom.engine.postman import Postman
from thetaloom.engine.scheduler import PULSE_EVERY
from thetaloom.marketdata.clocks import SystemClock
from thetaloom.notify.carrier import AppriseNotifier
from thetaloom.notify.carrier import Service as Service
from thetaloom.notify.carrier import read_service as read_service
from thetaloom.pulses import read_pulse
from thetaloom.store.database import Database
from thetaloom.store.destination_urls import DestinationUrls
from thetaloom.store.queries.schedules import heartbeat


def notifier_of(urls: DestinationUrls) -> AppriseNotifier:
    """Return the carrier of messages to the addresses that lie in this home."""
    return AppriseNotifier(urls.get)


def postman_of(settings: Settings, desk: Desk, urls: DestinationUrls) -> Postman:
    """Return a postman for messages that are sent by whoever asks."""
    return Postman(desk, notifier_of(urls), SystemClock(), settings.link_base)


def post_office_of(settings: Settings, desk: Desk, database: Database, urls: DestinationUrls) -> PostOffice:
    """Return the post office; it watches the engine's pulse and the scheduler's heartbeat."""
    patience = max(SILENT_AFTER, PULSE_EVERY * 4 / settings.speed)
    return PostOffice(
        postman_of(settings, desk, urls), SilenceWatch(SystemClock(), _limited(patience)), _beats_of(database)
    )


def _beats_of(database: Database) -> Callable[[], Sequence[Beat]]:
    def beats() -> Sequence[Beat]:
        pulse = read_pulse(database)
        if pulse is None:
            return ()
        owes = not pulse.has_ended
        looked_at = heartbeat(database)
        engine = Beat(worker="engine", mark=pulse.wall.isoformat(), at=pulse.wall, is_expected=owes)
        if looked_at is None:
            return (engine,)
        # By the market's clock, which may stand still overnight: what counts is that it moves.
        is_working = owes and pulse.is_fresh  # the silence of a dead process is told once, as the engine's
        return engine, Beat(worker="scheduler", mark=looked_at.isoformat(), is_expected=is_working)

    return beats


def _limited(patience: timedelta) -> timedelta:
    return min(patience, timedelta(hours=1))
