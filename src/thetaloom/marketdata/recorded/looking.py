"""One chain of each symbol in recorded files, for whoever judges the files themselves."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from thetaloom.domain.market.chain import OptionChain
from thetaloom.errors import InvalidInput
from thetaloom.marketdata.clocks import VirtualClock
from thetaloom.marketdata.recorded.market import RecordedMarket
from thetaloom.marketdata.recorded.reading import list_instants, open_recordings

INDEX_ROOTS = {"SPX": "SPXW", "NDX": "NDXP", "RUT": "RUTW"}  # of files that name no root


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedChain:
    """A chain, the file it stands in, and how many moments of the symbol the file has."""

    file: str
    moments: int
    chain: OptionChain
    gaps: tuple[dict[str, str], ...] = ()  # stretches its recorder noted as missing: from, until and reason


def recorded_chains(path: Path, *, symbol: str | None = None, at: datetime | None = None) -> Iterator[RecordedChain]:
    """Give the chains of a file, or a folder of them, as known at an instant; the last ones if none is given."""
    listed = 0
    for recording in open_recordings([path]):
        times: dict[str, list[datetime]] = {}
        for name, when in list_instants(recording).rows():
            times.setdefault(name, []).append(when)
        last = max(when[-1] for when in times.values())
        market = RecordedMarket(Path(recording.name), VirtualClock(last), roots=INDEX_ROOTS)
        for name in [one for one in times if symbol in (None, one)]:
            chain = market.chain(name, at or times[name][-1])
            if chain is None:
                first = times[name][0].astimezone(UTC)
                raise InvalidInput(
                    f"{recording.name} says nothing of {name} before {first:%Y-%m-%dT%H:%M:%SZ}",
                    details={"file": recording.name, "symbol": name},
                )
            listed += 1
            gaps = _gaps_beside(Path(recording.name))
            yield RecordedChain(file=recording.name, moments=len(times[name]), chain=chain, gaps=gaps)
    if not listed:
        raise InvalidInput(f"{path} holds no quotes of {symbol}", details={"file": str(path), "symbol": symbol})


def _gaps_beside(path: Path) -> tuple[dict[str, str], ...]:
    try:
        noted = json.loads(path.with_suffix(".gaps.json").read_bytes())
    except (FileNotFoundError, ValueError):  # none was noted, or something else is called so
        return ()
    gaps = noted.get("gaps") if isinstance(noted, dict) else None
    return tuple(gap for gap in gaps or () if isinstance(gap, dict)) if isinstance(gaps, list) else ()
