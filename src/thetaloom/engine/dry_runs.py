"""What the broker says that an entry would do, asked before it is proposed, and held against our own numbers."""

import threading
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import partial

from thetaloom.domain.book.orders import Effect, Order
from thetaloom.domain.run.runs import WorkflowRun
from thetaloom.domain.strategy.evaluation import Evaluation, quoted_mid
from thetaloom.domain.values.ids import ClientOrderId
from thetaloom.domain.values.money import HUNDRED, NOTHING, Money, Price
from thetaloom.domain.values.reasons import Reason, Verdict, denied
from thetaloom.domain.values.ticks import quoted_in_pennies, tick_rule
from thetaloom.engine.desk import Desk
from thetaloom.engine.findings import DryRun, RiskFinding
from thetaloom.errors import ThetaloomError
from thetaloom.ports.broker import Broker, Preview


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """One number of an entry, as we reckon it and as the broker says; ``None`` where one of us does not."""

    ours: Money | None
    theirs: Money | None

    @property
    def difference(self) -> Money | None:
        """By how much the broker's is above ours."""
        return None if self.ours is None or self.theirs is None else self.theirs - self.ours


@dataclass(frozen=True, slots=True, kw_only=True)
class DryRunShown:
    """What the broker said of a proposal's entry, beside our own numbers."""

    limit_price: Price  # at which it was asked
    quantity: int
    buying_power_effect: Beside
    fees: Beside  # negative: we would pay them
    buying_power_after: Money | None  # by the broker
    message: str
    silence: str  # why it said nothing; empty where it did


def dry_run_shown(finding: RiskFinding | None, fees: Money) -> DryRunShown | None:
    """Return the dry run of a finding beside our numbers, of which ``fees`` are the proposal's; ``None``: not asked."""
    if finding is None or finding.dry_run is None:
        return None
    said, told = finding.dry_run, finding.dry_run.told
    return DryRunShown(
        limit_price=said.limit_price,
        quantity=said.quantity,
        buying_power_effect=Beside(
            ours=finding.buying_power_effect, theirs=None if told is None else told.buying_power_effect
        ),
        fees=Beside(ours=fees, theirs=None if told is None else told.fees),
        buying_power_after=None if told is None else told.buying_power_after,
        message="" if told is None else told.message,
        silence=said.silence,
    )


def tells_beforehand(desk: Desk) -> bool:
    """Tell whether the broker can say what an order would do; of an exchange of ours we know it ourselves."""
    return desk.broker.capabilities.preview and not desk.broker.simulated


def has_no_dry_run(desk: Desk) -> bool:
    """Tell whether the exchange is another's and cannot be asked beforehand."""
    return not desk.broker.capabilities.preview and not desk.broker.simulated


def ask_dry_run(desk: Desk, run: WorkflowRun, evaluation: Evaluation, quantity: int) -> DryRun | None:
    """Ask for a dry run at mid, no longer than the settings allow; ``None`` where there is no price to ask at."""
    mid = quoted_mid(evaluation)
    if mid is None:
        return None
    limit = _on_tick(evaluation, mid, desk.settings.penny_classes)
    now = desk.clock.now()
    order = Order(
        client_order_id=ClientOrderId(f"tl-dry-{run.id}"),
        run_id=run.id,
        account_id=run.account_id,
        effect=Effect.OPEN,
        legs=tuple(one.leg for one in evaluation.legs),
        quantity=quantity,
        limit_price=limit,
        staged_at=now,
        expires_at=desk.calendar.next_close(now),
    )
    key = ("dry run", run.id)
    return desk.errands.answer_of(
        key, "a dry run", lambda: partial(_asked, desk.broker, order, desk.settings.preview_seconds)
    )


def _asked(broker: Broker, order: Order, seconds: float) -> DryRun:
    told: list[Preview] = []
    failed: list[str] = []

    def ask() -> None:
        try:
            told.append(broker.preview(order))
        except ThetaloomError as error:
            failed.append(error.message)

    asking = threading.Thread(target=ask, name="dry run", daemon=True)
    asking.start()
    asking.join(seconds)
    silence = "" if told else (failed or [f"no answer within {seconds:g} s"])[0]
    return DryRun(
        limit_price=order.limit_price, quantity=order.quantity, told=told[0] if told else None, silence=silence
    )


def held_against(finding: RiskFinding, said: DryRun, power: Money | None, tolerance: Decimal) -> RiskFinding:
    """Return a finding with what the broker said: its no is a no, and a large difference a warning."""
    if said.told is None:
        warning = f"the broker's dry run is not known: {said.silence}"
        return replace(finding, dry_run=said, warnings=(*finding.warnings, warning))
    refused = _refusal(said.told, finding.buying_power_effect, power)
    if refused is not None:
        return replace(finding, verdict=refused, dry_run=said)
    difference = _difference(said.told.buying_power_effect, finding.buying_power_effect, tolerance)
    return replace(finding, dry_run=said, warnings=(*finding.warnings, *difference))


def _refusal(told: Preview, ours: Money | None, power: Money | None) -> Verdict | None:
    effect, after = told.buying_power_effect, told.buying_power_after
    facts: dict[str, object] = {
        "broker_effect": _text(effect),
        "our_effect": _text(ours),
        "buying_power": _text(power),
        "buying_power_after": _text(after),
    }
    if told.refusal is not None:
        return denied(Reason.DRY_RUN_REFUSED, refusal=told.refusal.value, message=told.message, **facts)
    lacks = effect is not None and power is not None and effect > max(power, NOTHING)
    lacks = lacks or (effect is not None and effect > 0 and after is not None and after < 0)
    return denied(Reason.INSUFFICIENT_BUYING_POWER, **facts) if lacks else None


def _difference(theirs: Money | None, ours: Money | None, tolerance: Decimal) -> tuple[str, ...]:
    if theirs is None or ours is None or abs(theirs - ours) <= abs(Decimal(ours)) * tolerance:
        return ()
    share = "" if not ours else f", {abs(Decimal(theirs - ours) / Decimal(ours)) * HUNDRED:.0f} % apart"
    return (f"the broker would tie up {theirs} of buying power, and we reckoned {ours}{share}",)


def _on_tick(evaluation: Evaluation, mid: Price, penny_classes: tuple[str, ...]) -> Price:
    proved = [one.leg.contract.root for one in evaluation.legs if quoted_in_pennies((one.bid, one.ask))]
    ticks = tick_rule([one.leg for one in evaluation.legs], (*penny_classes, *proved))
    return ticks.down(mid) or ticks.below(Price(0))


def _text(amount: Money | None) -> str:
    return "unknown" if amount is None else str(amount)
