"""What stands around every page: the market's clock and source, halts, and what waits for a decision."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from thetaloom.bootstrap import Platform
from thetaloom.config import MarketSource
from thetaloom.domain.run.proposals import ProposalStatus
from thetaloom.domain.values.calendar import TradingCalendar
from thetaloom.domain.values.people import Person
from thetaloom.engine.last_gate import halts_now
from thetaloom.engine.line_watch import lost_links
from thetaloom.errors import InvalidInput
from thetaloom.ports.links import LinkStatus
from thetaloom.ports.market_data import ReplayedMarket
from thetaloom.store.queries.alerts import list_alerts
from thetaloom.store.queries.paging import Window
from thetaloom.store.queries.people import names_of
from thetaloom.store.queries.proposals import list_proposals
from thetaloom.web.front import Front
from thetaloom.web.pages.navigation import PlaceGroup, navigation
from thetaloom.web.pages.preferences import preferred

# What a page says after a form was sent; the address carries the word, never a text.
NOTICES: Mapping[str, str] = {
    "approved": "Approved. The order is on its way to the broker.",
    "modified": "This version took the place of the one before. Look at what it changed.",
    "rejected": "Rejected. The run has ended.",
    "started": "The run has started.",
    "canceled": "The cancellation was asked for; the broker's report decides.",
    "run_canceled": "The run was canceled.",
    "closing": "The position is being closed.",
    "rolling": "The roll was asked for. What it proposes waits for your approval.",
    "adjusting": "The addition was asked for. What it proposes waits for your approval.",
    "noted": "The note is in the journal.",
    "note_gone": "The note was taken out.",
    "targets": "The targets are canceled and placed anew.",
    "halted": "New risk is halted. Exits go on.",
    "lifted": "The halt was lifted. New risk is allowed again.",
    "paused": "The run was set aside.",
    "resumed": "The run goes on.",
    "compared": "Our books were compared with the broker's.",
    "adopted": "The holding is a position of the strategy now.",
    "left": "It is left alone.",
    "prompt_saved": "The prompt is saved.",
    "prompt_removed": "The prompt is out of use.",
    "strategy_saved": "The strategy is saved. Runs under way keep the revision they started with.",
    "strategy_removed": "The strategy is out of the lists; runs that used it keep their revision.",
    "strategy_on": "Runs of the strategy may start.",
    "strategy_off": "No run of the strategy starts; those under way go on.",
    "scheduled": "The schedule stands; its next due times are below.",
    "schedule_paused": "The schedule is set aside.",
    "schedule_resumed": "The schedule goes on.",
    "schedule_removed": "The schedule is removed; what it started goes on.",
    "destination_saved": "The destination stands. Send it a test.",
    "destination_removed": "The destination is removed.",
    "test_sent": "The test was taken by the service.",
    "test_failed": "The test did not arrive; the log below says why.",
    "listed": "The watchlist is kept.",
    "unlisted": "The watchlist is removed.",
    "scanning": "The scan was asked for; reload to see how far it is.",
    "password_changed": "The password is changed. Every other browser is signed out.",
    "session_ended": "That browser is signed out.",
    "token_revoked": "The token counts no more.",
    "second_factor_off": "The second factor is off.",
    "preferences_kept": "It is kept.",
    "role_given": "The role holds from the next request on.",
    "person_disabled": "That person is signed out and cannot sign in.",
    "person_enabled": "That person can sign in again.",
    "limit_set": "The limit holds from now on.",
    "assigned": "The close was booked to the position.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """The frame of a page."""

    mark: str  # SYNTHETIC, RECORDED, SIMULATED or DELAYED: nobody may take these prices for LIVE ones
    source: str
    exchange: str
    exchange_zone: str
    zone: str  # of the person's own clock
    theme: str  # dark, light or system
    now: datetime
    exchange_time: str
    own_time: str  # empty where the person's clock is the exchange's
    utc_time: str
    trading: str  # whether the exchange is open, and until when
    mode: str
    halts: Mapping[str, str]
    lost: Sequence[LinkStatus]  # connections that are down and waited for
    pending: int
    alerts: int  # that stand
    notice: str
    section: str  # the entry of the navigation that is lit
    person: Person  # who is signed in
    names: Mapping[str, str]  # of everybody by id; whoever looks is "you"
    csrf: str  # what each form carries
    navigation: Sequence[PlaceGroup]
    path: str  # of this page


def frame_of(front: Front, section: str, notice: str = "") -> Frame:
    """Return the frame of a page of ``section``."""
    platform, now = front.platform, front.now
    calendar, market = platform.desk.calendar, platform.market
    halts: Mapping[str, str] = {}
    if front.has_account:
        with platform.store.reading() as seen:
            halts = halts_now(platform.desk, seen)
    waiting = list_proposals(front.database, front.user, status=ProposalStatus.PENDING, window=Window(limit=1))
    wished = preferred(front)
    there, utc = now.astimezone(ZoneInfo(calendar.zone_name)), now.astimezone(UTC)
    own = (
        "" if wished.zone == calendar.zone_name else f"{now.astimezone(ZoneInfo(wished.zone)):%a %Y-%m-%d %H:%M:%S %Z}"
    )
    return Frame(
        mark=_mark(platform),
        source=market.name,
        exchange=calendar.exchange,
        exchange_zone=calendar.zone_name,
        zone=wished.zone,
        theme=wished.theme,
        now=now,
        exchange_time=f"{there:%a %Y-%m-%d %H:%M:%S %Z}",
        own_time=own,
        utc_time=f"{utc:%Y-%m-%d %H:%M:%S} UTC",
        trading=_trading(calendar, now),
        mode=platform.settings.mode.value,
        halts=halts,
        lost=lost_links(platform.desk),
        pending=waiting.total,
        alerts=list_alerts(front.database, front.user, window=Window(limit=1)).total,
        notice=NOTICES.get(notice, ""),
        section=section,
        person=front.person,
        names={**names_of(front.database), front.person.id: "you"},
        csrf=front.csrf,
        navigation=navigation(front.person),
        path=front.path,
    )


def _mark(platform: Platform) -> str:
    if platform.market.synthetic:
        return "SYNTHETIC"
    if platform.settings.market is MarketSource.CBOE:
        return "DELAYED"
    if isinstance(platform.market, ReplayedMarket):
        return "RECORDED"
    return "SIMULATED" if platform.settings.is_simulated else "LIVE"


def _trading(calendar: TradingCalendar, now: datetime) -> str:
    zone = ZoneInfo(calendar.zone_name)
    try:
        minutes = calendar.minutes_to_close(now)
        if minutes is not None:
            return f"open, closes in {minutes // 60} h {minutes % 60} min"
        return f"closed, opens {calendar.next_open(now).astimezone(zone):%a %Y-%m-%d %H:%M %Z}"
    except InvalidInput:  # beyond the end of the calendar's table
        return "hours unknown"
