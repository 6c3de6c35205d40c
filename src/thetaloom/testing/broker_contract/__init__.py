"""What every broker must do, as scenarios by name; an adapter joins with a ``Rig`` of its own.

A test module of an adapter needs no more than this, with ``rig`` a fixture that makes a ``Rig`` for each test::

    @pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda one: one.name)
    def test_the_contract(scenario, rig):
        scenario.run_on(rig)
"""

from thetaloom.testing.broker_contract import books, fills, orders
from thetaloom.testing.broker_contract.rig import Ability as Ability
from thetaloom.testing.broker_contract.rig import Outside as Outside
from thetaloom.testing.broker_contract.rig import Rig as Rig
from thetaloom.testing.broker_contract.rig import Scenario as Scenario

SCENARIOS: tuple[Scenario, ...] = (*orders.SCENARIOS, *fills.SCENARIOS, *books.SCENARIOS)
