"""A smaller version of the report of the catalogue on recorded chains: the same counts, and no broken invariant."""

import json
from collections import Counter
from datetime import timedelta

import pytest

from thetaloom.domain.market.chain import OptionChain
from thetaloom.domain.market.expirations import list_expirations
from thetaloom.domain.strategy.evaluation import Evaluation, evaluate_structure
from thetaloom.domain.values.reasons import Reason
from thetaloom.store.catalogue import load_catalogue
from thetaloom.testing import builders
from tools.real_data_report import (
    DATA,
    FOLDERS,
    SYMBOLS,
    Tally,
    as_markdown,
    as_record,
    main,
    moments_of,
    report,
    violations_of,
)

EVERY = 14  # one moment of each fifth session


@pytest.fixture(scope="module")
def tallies() -> dict[tuple[str, str], Tally]:
    if not all((DATA / folder).is_dir() for folder in FOLDERS):
        pytest.skip(f"recorded data is not beside the checkout: {DATA}")
    return report(DATA, every=EVERY)


@pytest.mark.shared_data
def test_every_strategy_looks_at_every_moment_and_each_no_has_its_first_reason(
    tallies: dict[tuple[str, str], Tally],
) -> None:
    moments = Counter({symbol: 0 for symbol in SYMBOLS})
    for part in moments_of(DATA, EVERY):
        moments[part.symbol] += len(part.instants)

    assert set(tallies) == {(strategy.id, symbol) for strategy in load_catalogue() for symbol in SYMBOLS}
    for (_, symbol), tally in tallies.items():
        assert tally.looks == moments[symbol] > 0
        assert tally.looks >= tally.found >= tally.tradeable >= tally.proposals
        assert tally.first.total() == tally.looks - tally.proposals
        assert all(tally.any[reason] >= count for reason, count in tally.first.items())
        assert set(tally.any) <= {reason.value for reason in Reason}


@pytest.mark.shared_data
def test_no_credit_exceeds_its_width_and_no_leg_is_without_a_market(tallies: dict[tuple[str, str], Tally]) -> None:
    assert [one for tally in tallies.values() for one in tally.violations] == []


@pytest.mark.shared_data
def test_most_strategies_find_a_structure_that_can_be_traded(tallies: dict[tuple[str, str], Tally]) -> None:
    tradeable = {name for (name, _), tally in tallies.items() if tally.tradeable}
    proposed = {name for (name, _), tally in tallies.items() if tally.proposals}

    assert len(tradeable) >= 40
    assert len(proposed) >= 38


@pytest.mark.shared_data
def test_the_page_and_the_record_tell_the_same(tallies: dict[tuple[str, str], Tally]) -> None:
    record, page = as_record(tallies), as_markdown(tallies)

    assert json.loads(json.dumps(record)) == record
    assert sum(tally.proposals for tally in tallies.values()) == sum(int(str(row["proposals"])) for row in record)
    for strategy in load_catalogue():
        cells = [f"{tally.found} / {tally.tradeable} / {tally.proposals}" for tally in of(tallies, strategy.id)]
        assert f"| `{strategy.id}` | {' | '.join(cells)} |" in page


def of(tallies: dict[tuple[str, str], Tally], name: str) -> list[Tally]:
    return [tallies[name, symbol] for symbol in SYMBOLS]


def test_without_the_data_it_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--data", "/nowhere"]) == 2
    assert "no recorded data at /nowhere" in capsys.readouterr().err


def evaluated(chain: OptionChain) -> Evaluation:
    return evaluate_structure(
        builders.legs(),
        chain,
        now=chain.as_of,
        expirations=list_expirations(chain, builders.trading_calendar(), chain.as_of),
        rate=0.04,
        dividend_yield=0.0,
        quote_age_max=timedelta(minutes=5),
    )


GOOD = {"SPY 2026-01-16 P 560": ("2.10", "2.20"), "SPY 2026-01-16 P 555": ("1.20", "1.30")}


@pytest.mark.parametrize(
    ("worse", "said"),
    [
        ({}, None),
        ({"SPY 2026-01-16 P 560": ("6.10", "6.50")}, "exceeds the width of 5"),
        ({"SPY 2026-01-16 P 560": ("6.20", "6.30"), "SPY 2026-01-16 P 555": ("1.20", "1.30")}, "nothing can take back"),
    ],
)
def test_a_broken_invariant_is_told(worse: dict[str, tuple[str, str]], said: str | None) -> None:
    chain = builders.chain(GOOD | worse)
    found = evaluated(chain)
    told = list(violations_of(load_catalogue()[0], found, chain))

    assert len(told) == (0 if said is None else 1)
    assert all(str(said) in one for one in told)


def test_a_leg_that_nobody_bids_for_is_told() -> None:
    chain = builders.chain(GOOD)
    found = evaluated(chain)
    gone = builders.chain(GOOD | {"SPY 2026-01-16 P 560": (None, "2.20")})

    assert ["has no market" in told for told in violations_of(load_catalogue()[0], found, gone)] == [True]
