"""Laws that hold in any small world: random quotes, random troubles, random commands, random time."""

import shutil
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.engine.world import TARGET, World, check
from thetaloom.domain.book.refusals import Refusal
from thetaloom.store.database import open_database
from thetaloom.testing.broker import Trouble
from thetaloom.testing.desk import DeskBench, put_credit_spread

QUOTES = st.tuples(st.integers(1, 400), st.integers(0, 30))  # cents: what buying back costs, and half the width
DEEDS = st.one_of(
    st.tuples(st.just("quote"), QUOTES),
    st.tuples(st.just("wait"), st.sampled_from([1, 16, 61, 700, 4000])),
    st.tuples(st.just("start"), st.booleans()),
    st.tuples(st.just("fill"), st.tuples(st.integers(0, 9), st.integers(1, 2))),
    st.tuples(st.just("trouble"), st.sampled_from(Trouble)),
    st.tuples(st.just("cancel"), st.integers(0, 9)),
    st.tuples(st.just("close"), st.integers(0, 9)),
    st.tuples(st.just("pause"), st.integers(0, 9)),
    st.tuples(st.just("release"), st.booleans()),
    st.tuples(st.just("restart"), st.none()),
    st.tuples(st.just("arrive"), st.none()),
    st.tuples(st.just("refuse"), st.sampled_from(Refusal)),
    st.tuples(st.just("repeat"), st.integers(0, 30)),
    st.tuples(st.just("expire"), st.integers(0, 9)),
)


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(deeds=st.lists(DEEDS, min_size=8, max_size=25))
def test_the_books_agree_whatever_happens(sqlite_template: Path, deeds: list[tuple[str, Any]]) -> None:
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        database = open_database(Path(shutil.copy(sqlite_template, folder)))
        world = World(DeskBench(database))
        for deed, how in [("start", False), *deeds, ("release", False), *[("wait", 16)] * 7]:
            world.do(deed, how)
        check(world)
        database.close()


def test_cash_at_the_broker_is_what_our_positions_say(paper: DeskBench) -> None:
    before = paper.made.account().cash
    paper.save(put_credit_spread(exits=(TARGET,)))
    run = paper.start_run()
    paper.pass_time(minutes=5)
    paper.quote_spread(0.20, half_width=0.01)
    paper.pass_time(minutes=10)

    position, after = paper.position(run), paper.made.account().cash
    assert position is not None and before is not None and after is not None
    assert not position.is_open and after - before == position.realized_pnl
