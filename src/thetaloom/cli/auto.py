"""Which strategy a run starts when nobody names one: the one that names the symbol, else the best by rank."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from thetaloom.domain.values.ids import StrategyId
from thetaloom.domain.values.symbols import canonical_symbol

if TYPE_CHECKING:
    from thetaloom.bootstrap import Platform
    from thetaloom.domain.strategy.ranking import Ranking


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The strategy to start on a symbol, or none; ``ranking`` stands where it was chosen by rank."""

    symbol: str
    strategy_id: StrategyId | None
    ranking: "Ranking | None" = None


def choose_strategy(platform: "Platform", symbol: str, named: str | None) -> Choice:
    """Return the strategy named, else the only one that names the symbol, else the best that may be entered."""
    if named is not None:
        return Choice(symbol=symbol, strategy_id=StrategyId(named))
    from thetaloom.engine.ranking import rank_market

    with platform.store.unit_of_work() as uow:
        active = [stored.strategy for stored in uow.strategies.all_latest(platform.user_id) if stored.strategy.active]
    naming = [strategy.id for strategy in active if canonical_symbol(symbol) in strategy.symbols]
    if len(naming) == 1:
        return Choice(symbol=symbol, strategy_id=naming[0])
    ranking = rank_market(platform.desk, platform.user_id, canonical_symbol(symbol), active)
    return Choice(symbol=symbol, strategy_id=ranking.best, ranking=ranking)
