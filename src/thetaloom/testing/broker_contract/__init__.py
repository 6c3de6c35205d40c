"""What every broker must do, as numbered scenarios; an adapter joins with a ``Rig`` of its own.

A test module of an adapter needs no more than this, with ``rig`` a fixture that makes a ``Rig`` for each test::

    @pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda one: one.number)
    def test_the_contract(scenario, rig):
        if reason := scenario.left_out_because(rig):
            pytest.skip(reason)
        scenario.run_on(rig)

``thetaloom broker certify NAME`` does the same for the rigs of the entry point group ``thetaloom.broker_rigs``.
"""

from thetaloom.testing.broker_contract import (
    books,
    busts,
    entry,
    fills,
    groups,
    legs,
    life,
    lines,
    market,
    orders,
    pressed,
    symbols,
    unknown,
)
from thetaloom.testing.broker_contract.abilities import Ability as Ability
from thetaloom.testing.broker_contract.rig import Rig as Rig
from thetaloom.testing.broker_contract.scenarios import GROUPS as GROUPS
from thetaloom.testing.broker_contract.scenarios import Scenario as Scenario
from thetaloom.testing.broker_contract.world import Break as Break
from thetaloom.testing.broker_contract.world import Call as Call
from thetaloom.testing.broker_contract.world import Outside as Outside
from thetaloom.testing.broker_contract.world import SignIn as SignIn
from thetaloom.testing.broker_contract.world import Wire as Wire

_PLACES = list(GROUPS)
_MODULES = (orders, fills, books, busts, legs, groups, life, unknown, pressed, lines, market, symbols, entry)
SCENARIOS: tuple[Scenario, ...] = tuple(
    sorted(
        (one for module in _MODULES for one in module.SCENARIOS),
        key=lambda one: (_PLACES.index(one.number.partition("-")[0]), one.number),
    )
)
