"""The sign of life of a server: where its market's clock stood, and when by the wall that was written."""

import json
import os
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select, update

from thetaloom.config import PAPER_BROKER, Settings
from thetaloom.marketdata.clocks import SystemClock
from thetaloom.store.database import Database
from thetaloom.store.schema import meta
from thetaloom.store.statements import insert_or_skip

PULSE = "market_clock"  # in meta
PULSE_FRESH = timedelta(seconds=15)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pulse:
    """Where the market's clock stood when a server last said so."""

    at: datetime
    wall: datetime
    speed: float
    process: int
    market: str
    seed: int
    broker: str = PAPER_BROKER
    account: str = ""  # the broker's; of paper there is one
    has_ended: bool = False  # stopped in the ordinary way: its silence is no fault

    @property
    def is_fresh(self) -> bool:
        """Whether a server is alive now."""
        return SystemClock().now() - self.wall < PULSE_FRESH

    @property
    def now(self) -> datetime:
        """The market's time now: moving with a living server, standing still without one."""
        if not self.is_fresh:
            return self.at
        return self.at + (SystemClock().now() - self.wall) * self.speed


def read_pulse(database: Database) -> Pulse | None:
    """Return where the market's clock stood when it was last written."""
    text = database.first(select(meta.c.content).where(meta.c.name == PULSE))
    if text is None:
        return None
    found = json.loads(text)
    return Pulse(
        at=datetime.fromisoformat(found["at"]),
        wall=datetime.fromisoformat(found["wall"]),
        speed=found["speed"],
        process=found["process"],
        market=found["market"],
        seed=found["seed"],
        broker=found.get("broker", PAPER_BROKER),  # written by a version that knew no other
        account=found.get("account", ""),
        has_ended=found.get("has_ended", False),
    )


def put_pulse(database: Database, settings: Settings, at: datetime, *, account: str, speed: float, alive: bool) -> None:
    """Write where the market's clock stands, how fast it runs, and which world this home lives in."""
    wall = SystemClock().now() if alive else SystemClock().now() - PULSE_FRESH
    content = json.dumps(
        {
            "at": at.isoformat(),
            "wall": wall.isoformat(),
            "speed": speed,
            "process": os.getpid(),
            "market": str(settings.market),
            "seed": settings.seed,
            "broker": settings.broker,
            "account": account,
            "has_ended": not alive,
        }
    )
    with database.begin() as connection:
        connection.execute(insert_or_skip(database, meta), {"name": PULSE, "content": content})
        connection.execute(update(meta).where(meta.c.name == PULSE).values(content=content))
