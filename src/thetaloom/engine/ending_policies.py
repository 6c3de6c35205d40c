"""What a position's strategy says of legs that stand alone and of shares that are left; else what the settings say."""

from thetaloom.domain.strategy.ending_rules import ImbalancePolicy, SharesPolicy
from thetaloom.domain.strategy.strategies import Strategy
from thetaloom.domain.values.ids import RunId
from thetaloom.engine.desk import Desk
from thetaloom.ports.store import UnitOfWork


def imbalance_policy_of(desk: Desk, uow: UnitOfWork, run: RunId) -> ImbalancePolicy:
    """Return what is done about a run's legs that stand alone."""
    strategy = _strategy_of(uow, run)
    own = None if strategy is None else strategy.imbalance
    return desk.settings.imbalance_policy if own is None else own.policy


def shares_policy_of(desk: Desk, uow: UnitOfWork, run: RunId) -> SharesPolicy:
    """Return what is done about shares that a run's contracts turned into."""
    strategy = _strategy_of(uow, run)
    own = None if strategy is None else strategy.assignment
    return desk.settings.assignment_policy if own is None else own.policy


def _strategy_of(uow: UnitOfWork, run_id: RunId) -> Strategy | None:
    run = uow.runs.get(run_id)
    stored = None if run is None else uow.strategies.revision(run.user_id, run.strategy_id, run.strategy_revision)
    return None if stored is None else stored.strategy
