"""What people are told outside the pages: topics, where messages go, and when one has to wait."""

import re
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from enum import StrEnum

from thetaloom.domain.run.cron import zone_of
from thetaloom.domain.values.ids import UserId
from thetaloom.errors import InvalidInput

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
RATE_MAX = 1000
HOUR = timedelta(hours=1)
FIRST_RETRY = timedelta(seconds=30)  # doubled with every try
LONGEST_RETRY = HOUR
ATTEMPTS_MAX = 12  # about seven hours of tries
TITLE_MAX, BODY_MAX = 200, 4000


class Topic(StrEnum):
    """What a message is about; each destination chooses."""

    APPROVAL = "approval"
    FILL = "fill"
    EXIT = "exit"
    ALERT = "alert"
    DENIED = "denied"
    SILENCE = "silence"
    SUMMARY = "summary"
    TEST = "test"


CHOICES = tuple(topic for topic in Topic if topic is not Topic.TEST)


class DeliveryStatus(StrEnum):
    """Where one message to one destination stands."""

    WAITING = "waiting"
    SENT = "sent"
    FAILED = "failed"
    DROPPED = "dropped"  # it was over before it could be told


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """Where a user is told, of what, and when not. Its address is a secret and no part of the row."""

    user_id: UserId
    name: str
    service: str  # such as E-Mail, ntfy, Slack
    shown: str  # the address without its secrets
    topics: tuple[Topic, ...] = CHOICES
    quiet_from: time | None = None
    quiet_to: time | None = None
    zone: str = "America/New_York"
    rate_per_hour: int = 30
    enabled: bool = True
    after: int = 0  # the number of the newest event when it was added: older ones are none of its business
    saved_at: datetime

    def __post_init__(self) -> None:
        check_destination_name(self.name)
        begins, ends = self.quiet_from, self.quiet_to
        if (begins is None) is not (ends is None) or (begins is not None and begins == ends):
            raise _invalid("quiet", "quiet hours have a beginning and another end; good ones: 22:00-07:00")
        if any(at is not None and (at.tzinfo or at.second or at.microsecond) for at in (begins, ends)):
            raise _invalid("quiet", "quiet hours are hours and minutes in their zone; good ones: 22:00-07:00")
        if not self.topics or Topic.TEST in self.topics:
            raise _invalid("topics", f"a destination is told of some of: {', '.join(CHOICES)}")
        if not 1 <= self.rate_per_hour <= RATE_MAX:
            raise _invalid("rate_per_hour", f"1 to {RATE_MAX} messages an hour")
        zone_of(self.zone)

    def quiet_until(self, now: datetime) -> datetime | None:
        """Return when the quiet hours end that ``now`` lies in; ``None`` outside of them."""
        if self.quiet_from is None or self.quiet_to is None:
            return None
        zone = zone_of(self.zone)
        there = now.astimezone(zone)
        minute = there.time().replace(second=0, microsecond=0)
        over_midnight = self.quiet_from > self.quiet_to
        is_after, is_before = minute >= self.quiet_from, minute < self.quiet_to
        if not ((is_after or is_before) if over_midnight else (is_after and is_before)):
            return None
        ends_on = there.date() + timedelta(days=1 if over_midnight and is_after else 0)
        return datetime.combine(ends_on, self.quiet_to, zone).astimezone(now.tzinfo)


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What is told, before it is known to whom. The same ``key`` is told to a destination once."""

    key: str
    topic: Topic
    title: str
    body: str
    link: str = ""  # a path of our pages
    subject: str = ""  # the id of what it is about
    is_urgent: bool = False  # passes quiet hours and rate limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One message to one destination, and what became of it. Times are those of the wall."""

    id: str
    user_id: UserId
    destination: str
    key: str
    topic: Topic
    title: str
    body: str
    link: str = ""
    subject: str = ""
    is_urgent: bool = False
    status: DeliveryStatus = DeliveryStatus.WAITING
    attempts: int = 0
    made_at: datetime
    due_at: datetime | None  # None: nothing is left to do
    sent_at: datetime | None = None
    error: str = ""


def retry_at(attempts: int, now: datetime) -> datetime | None:
    """Return when to try again after so many tries; ``None`` when it is given up."""
    if attempts >= ATTEMPTS_MAX:
        return None
    doublings: int = 2 ** max(attempts - 1, 0)
    return now + min(FIRST_RETRY * doublings, LONGEST_RETRY)


def check_destination_name(name: str) -> str:
    """Return the name of a destination. Raises ``InvalidInput`` for what can be none."""
    if NAME.fullmatch(name) is None:
        raise _invalid("name", f"{name[:60]!r} is no name of a destination; a good one: phone")
    return name


def topics_of(words: tuple[str, ...]) -> tuple[Topic, ...]:
    """Read topics. Raises ``InvalidInput`` that names those there are."""
    known = {topic.value: topic for topic in CHOICES}
    wrong = [word for word in words if word not in known]
    if wrong:
        raise _invalid("topics", f"{wrong[0][:40]!r} is no topic; there are: {', '.join(known)}")
    return tuple(topic for topic in CHOICES if topic.value in words)


def _invalid(part: str, problem: str) -> InvalidInput:
    return InvalidInput(problem, details={"part": part})
