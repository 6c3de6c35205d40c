"""Every strategy that ships has a page and a picture of its own data, and nothing else stands beside them."""

import tomllib
from decimal import Decimal
from xml.etree import ElementTree

import pytest

from tests.docs.conftest import ROOT
from thetaloom.domain.strategy.documents import parse_strategy
from thetaloom.domain.strategy.strategies import Strategy
from thetaloom.store.catalogue import load_catalogue
from tools.docs.payoff_drawing import HEIGHT, WIDTH
from tools.docs.strategy_pages import FOLDER, strategy_files
from tools.docs.strategy_samples import sample_of

SHIPPED = load_catalogue()
SVG = "{http://www.w3.org/2000/svg}"


def test_the_folder_holds_the_generated_files_and_no_others() -> None:
    found = {str(path.relative_to(ROOT)) for path in (ROOT / FOLDER).iterdir()}

    assert found == set(strategy_files())


def test_the_front_page_and_the_index_count_what_ships() -> None:
    assert f"[{len(SHIPPED)} strategies](docs/strategies/README.md)" in (ROOT / "README.md").read_text()
    index = (ROOT / FOLDER / "README.md").read_text()
    assert f"\n{len(SHIPPED)} strategies ship" in index
    assert [one.id for one in SHIPPED if f"]({one.id}.md) | `{one.id}` |" not in index] == []


@pytest.mark.parametrize("strategy", SHIPPED, ids=lambda one: one.id)
def test_a_page_holds_the_whole_strategy_and_its_numbers(strategy: Strategy) -> None:
    page = (ROOT / FOLDER / f"{strategy.id}.md").read_text()
    block = page.split("```toml\n")[1].split("```")[0]
    found = sample_of(strategy).evaluation

    assert parse_strategy(tomllib.loads(block, parse_float=Decimal)) == strategy
    assert all(f"| `{leg.name}` |" in page for leg in strategy.legs)
    assert all(one.leg.notation in page for one in found.legs)
    assert f"| {'unlimited' if found.is_loss_unlimited else f'{found.max_loss:,.2f}'} |" in page
    if strategy.score is not None:
        assert page.count("\n| `", page.index("## Score"), page.index("## Hard stops")) == len(strategy.score.terms)


@pytest.mark.parametrize("strategy", SHIPPED, ids=lambda one: one.id)
def test_a_picture_is_well_formed_and_marks_the_breakevens_on_the_zero_line(strategy: Strategy) -> None:
    picture = ElementTree.fromstring((ROOT / FOLDER / f"{strategy.id}.svg").read_text())
    sample = sample_of(strategy)
    curve = picture.find(f"{SVG}polyline")
    assert curve is not None
    points = [tuple(map(float, point.split(","))) for point in curve.attrib["points"].split()]
    dots = picture.findall(f"{SVG}circle")

    assert len(points) == len(sample.curve)
    assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in points)
    assert [x for x, _ in points] == sorted(x for x, _ in points)
    assert len(dots) == len(sample.evaluation.breakevens)
    assert len({dot.attrib["cy"] for dot in dots}) <= 1
    for level in sample.evaluation.breakevens:  # the curve really is at zero there
        nearest = min(sample.curve, key=lambda point: abs(point[0] - float(level)))
        assert abs(nearest[1]) < 0.01 * max(abs(profit) for _, profit in sample.curve)
