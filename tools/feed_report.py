"""Prints how our volatility and greeks differ from those of the recorded feeds.

``PYTHONPATH=src python -m tools.feed_report FILE.parquet … [--rates 30:0.041] [--each 10]``
"""

import argparse
from collections import defaultdict
from pathlib import Path

import numpy as np

from thetaloom.domain.market.expirations import list_expirations
from thetaloom.domain.market.feed_check import Difference, FeedCheck, check_feed
from thetaloom.domain.market.rates import RateCurve
from thetaloom.marketdata.calendar_table import SHIPPED_TABLE, read_table
from tools.recorded_chains import read_chains


def main() -> None:
    """Print one line per file, underlying and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--rates", default="30:0.0365,365:0.0365", help="days:rate,… of the recorded days")
    parser.add_argument("--each", type=int, default=1, help="take every n-th snapshot")
    parser.add_argument("--worst", action="store_true", help="also print the contracts that differ most")
    given = parser.parse_args()
    calendar, rates = read_table(SHIPPED_TABLE), RateCurve.parse(given.rates)
    print(f"{'file':34}{'measure':22}{'contracts':>10}{'median':>11}{'p99':>11}{'largest':>11}")
    for path in given.files:
        checks: dict[str, list[FeedCheck]] = defaultdict(list)
        for number, (chain, feed) in enumerate(read_chains(path)):
            if number % given.each == 0:
                expirations = list_expirations(chain, calendar, chain.as_of)
                checks[chain.underlying].append(check_feed(chain, expirations, rates, feed))
        for underlying, found in checks.items():
            _print(f"{path.stem[:24]} {underlying}", found, given.worst)


def _print(name: str, checks: list[FeedCheck], worst: bool) -> None:
    forwards = [forward for check in checks for forward in check.forwards.values()]
    known = [forward for forward in forwards if forward is not None]
    residual = float(np.median([forward.residual for forward in known])) if known else float("nan")
    print(
        f"{name:34}{len(checks)} chains, {sum(c.contracts for c in checks):,} contracts, "
        f"{sum(c.with_market for c in checks):,} with a market, {sum(c.with_our_iv for c in checks):,} with our iv, "
        f"{sum(c.with_feed_iv for c in checks):,} with the feed's; "
        f"forwards {len(known)} of {len(forwards)}, median residual {residual:.3f}"
    )
    for label, kind in (("own iv", "at_own_iv"), ("own iv, clear", "clear_own_iv"), ("feed's iv", "at_feed_iv")):
        by_measure: dict[str, list[Difference]] = defaultdict(list)
        for check in checks:
            for one in getattr(check, kind):
                by_measure[one.measure].append(one)
        for measure, found in by_measure.items():
            weights = np.array([one.count for one in found], dtype=np.float64)
            middle, high = (
                float(np.average([getattr(d, n) for d in found], weights=weights)) for n in ("median", "p99")
            )
            largest = max(found, key=lambda one: one.largest)
            title = f"{measure}, {label}"
            print(f"{name:34}{title:22}{int(weights.sum()):>10,}{middle:>11.5f}{high:>11.5f}{largest.largest:>11.4f}")
            if worst:
                print(
                    "".join(f"      {w.contract}: ours {w.ours:.5f}, feed {w.feed:.5f}\n" for w in largest.worst),
                    end="",
                )


if __name__ == "__main__":
    main()
