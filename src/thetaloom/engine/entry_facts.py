"""What was known of a position when it was opened, from the records of its run."""

from decimal import Decimal

from thetaloom.domain.book.positions import Position
from thetaloom.domain.book.watch import EntryFacts, PositionWatch, watch_of
from thetaloom.domain.market.words import DealerGamma
from thetaloom.domain.run.runs import StepName
from thetaloom.domain.strategy.evaluation import Evaluation
from thetaloom.domain.strategy.metrics import Metric
from thetaloom.domain.values.money import Money, Price
from thetaloom.engine.desk import Desk
from thetaloom.engine.findings import Indicators, Judgement
from thetaloom.engine.lineage import output_of
from thetaloom.engine.marks import weighed_iv
from thetaloom.engine.slow_facts import zero_gamma_of
from thetaloom.errors import NotFound
from thetaloom.ports.store import UnitOfWork

DELTA_STEP = Decimal("0.0001")


def remembered(desk: Desk, uow: UnitOfWork, position: Position) -> PositionWatch:
    """Return what is remembered of a position; at first that is what its run recorded before it was opened."""
    stored = uow.watches.get(position.id)
    if stored is not None and stored.entry is not None:
        return stored
    entry = entry_facts(desk, uow, position)
    watch = stored or watch_of(position)
    return PositionWatch(
        position_id=watch.position_id,
        user_id=watch.user_id,
        entry=entry,
        legs=watch.legs,
        high_close=watch.high_close,
        high_water=watch.high_water,
        high_at=watch.high_at,
        ladders=watch.ladders,
    )


def entry_facts(desk: Desk, uow: UnitOfWork, position: Position) -> EntryFacts:
    """Return what the run of a position recorded; without a record, as of one that was adopted, nothing is known."""
    try:
        judged = output_of(desk, uow, position.run_id, StepName.EVALUATE, Judgement)
        market = output_of(desk, uow, position.run_id, StepName.COMPUTE_INDICATORS, Indicators)
    except NotFound:
        return EntryFacts()
    found, view = judged.evaluation, market.view
    dealer = view.words.get("dealer_gamma")
    delta = found.net_delta
    return EntryFacts(
        spot=judged.spot,
        iv=weighed_iv([(one.leg.ratio, one.iv) for one in found.legs]),
        atr=market.metrics.get(Metric.ATR_14),
        delta=None if delta is None else (delta / position.multiplier).quantize(DELTA_STEP),
        dealer=None if dealer is None else DealerGamma(dealer.word),
        zero_gamma=zero_gamma_of(view),
        closing_cost_max=_closing_cost_max(found, position.multiplier),
    )


def _closing_cost_max(found: Evaluation, multiplier: int) -> Money | None:
    if found.max_loss is None or found.is_loss_unlimited or found.mid_price is None:
        return None
    return found.max_loss + Price(found.mid_price).times(multiplier, 1)
