"""One line of plain words for each recorded step, for timelines on the terminal and on pages."""

from collections.abc import Callable, Mapping
from typing import Any

from thetaloom.domain.run.lineage import LineageRecord
from thetaloom.domain.run.proposals import decider_in_words
from thetaloom.domain.run.runs import RunStatus, StepName, StepStatus
from thetaloom.domain.values.reasons import Reason
from thetaloom.store.queries.lineage import StepRecord

Told = Mapping[str, Any]  # a decoded decision; JSON has no narrower type
# Of the many numbers of a market those that a reader looks for first; its record holds all of them.
HEADLINE = ("underlying_price", "atm_iv", "iv_rank", "hv_30", "rsi_14", "adx_14", "stress")

BEGINNINGS = {
    "manual": "started by hand",
    "schedule": "started by the clock",
    "scan": "started by a scan that ranked it best",
    "signal": "started by a signal",
    "roll": "started to roll or adjust a position",
    "restart": "started because the run before it was completed",
}


def tell_step(step: StepRecord) -> str:
    """Say what the step found or decided, with its numbers."""
    record, said = step.record, step.output.content if step.output is not None else None
    if record.status is StepStatus.FAILED:
        return record.error
    if record.status is StepStatus.SKIPPED:
        return "skipped: the strategy does not ask for it"
    if not isinstance(said, dict):
        return ""
    if "order" in said and "position" in said:
        return _report(step)
    if "position" in said:
        return _from_the_broker(step)
    if record.status is StepStatus.DENIED:
        return _denial(said["verdict"])
    if record.step is StepName.TRIGGER:
        return _trigger(step)
    return _TELLERS[record.step](said)


def tell_why(record: LineageRecord, said: Told) -> tuple[str, ...]:
    """Return the lines that explain a choice of legs or a refusal; empty where one line says it all."""
    if record.step is StepName.SELECT_STRUCTURE and record.status is StepStatus.DONE:
        return tuple(said["reasons"])
    failed = [check for check in said.get("checks", ()) if check["verdict"]["answer"] != "allow"]
    return tuple(
        f"{check['name']}: {check['value']}, allowed {check['limit']}"
        + (f", {check['distance']} from a yes" if check.get("distance") else "")
        for check in failed
    )


def _denial(verdict: Told) -> str:
    numbers = ", ".join(f"{name} {fact}" for name, fact in verdict["facts"].items())
    text = Reason.of(verdict["reason"]).text
    return f"no: {text}" + (f" ({numbers})" if numbers else "")


def _trigger(step: StepRecord) -> str:
    given = step.input.content["given"] if step.input is not None else {}
    said = step.output.content if step.output is not None else {}
    begun = BEGINNINGS.get(given.get("trigger", ""), "the run may start") + (", forced" if given.get("forced") else "")
    if given.get("signal") and said.get("signal"):
        own, confidence = given["signal"]["own"], said["signal"]["confidence"]
        begun += f" of {own['source']}: {own['direction']}, confidence {float(confidence['total']):.0f} of 100"
    return begun


def _symbol(said: Told) -> str:
    found = said["underlying"]
    return f"{found['symbol']}: {found['name']} ({found['kind']})"


def _market(said: Told) -> str:
    dates = {each["expires_on"] for each in said["expirations"]}
    return (
        f"{said['contracts']:,} contracts of {len(dates)} expirations, {said['two_sided']:,} with both sides, "
        f"spot {said['spot']}, {said['age_seconds']} s old"
    )


def _indicators(said: Told) -> str:
    metrics, words = said["metrics"], said.get("view", {}).get("words", {})
    known = [f"{name} {float(metrics[name]):.2f}" for name in HEADLINE if name in metrics]
    known += [f"{name} {words[name]['word'].replace('_', ' ')}" for name in ("trend", "regime") if name in words]
    rest = len(metrics) + len(words) - len(known)
    return ", ".join(known) + (f" and {rest} more" if rest else "") if known else "nothing could be computed"


def _charts(said: Told) -> str:
    shown = [
        f"{name} chart of {len(said[name]['candles']['closes'])} candles"
        for name in ("daily", "weekly")
        if said.get(name) is not None
    ]
    drawn = "" if said["charts"] else "; none was drawn"
    return (", ".join(shown) if shown else "too few candles for a chart") + drawn


def _analysis(said: Told) -> str:
    reading, silence = said["reading"], said.get("silence")
    heard = [_opinion(one) for one in (reading["opinion"], said.get("witness")) if one is not None]
    if reading["opinion"] is None:
        heard.append(f"rules: no opinion, {reading['no_opinion']}")
    if silence is not None:
        heard.append(f"{silence['analyst']}: no opinion, {silence['reason']}")
    return "; ".join(heard) + ("" if said["decides"] else "; recorded only")


def _opinion(opinion: Told) -> str:
    levels = [f"{name} {opinion[name]}" for name in ("entry", "stop") if opinion.get(name) is not None]
    levels += [f"target {target}" for target in opinion.get("targets", ())[:1]]
    confidence = f"{opinion['analyst']}: {opinion['direction']}, confidence {float(opinion['confidence']):.2f}"
    return ", ".join((confidence, *levels))


def _selection(said: Told) -> str:
    legs = "  ".join(f"{leg['ratio']:+d} {strike_text(leg)}" for leg in said["legs"])
    return f"{said['expires_on']}  {legs}"


def _evaluation(said: Told) -> str:
    found = said["evaluation"]
    pop = f"{float(found['pop']):.0%}" if found["pop"] is not None else "unknown"
    return (
        f"{found['structure_name'].replace('_', ' ')}: {_net(found['mid_price'])} at mid, "
        f"{_net(found['natural_price'])} at natural; max profit {_money(found['max_profit'])}, "
        f"max loss {_money(found['max_loss'])}, breakeven {', '.join(found['breakevens'])}, POP {pop}"
    )


def _risk(said: Told) -> str:
    effect = _money(said["buying_power_effect"])
    return f"{said['quantity']} structure(s), {effect} of buying power, {len(said['checks'])} limits passed"


def _approval(said: Told) -> str:
    proposal = said["proposal"]
    if said["status"] == "pending" and proposal.get("closing"):
        terms = proposal["closing"]
        closes = f"closes {terms['position_id']} down to {_net(terms['limit_floor'])} first"
        return f"proposed {proposal['id']}: {closes}, both sides together {_signed(terms['net_floor'])} at worst"
    if said["status"] == "pending":
        return f"proposed {proposal['id']}, waits until {proposal['expires_at'][11:16]} UTC"
    return f"approved by {decider_in_words(proposal['decided_by'])}, down to {_net(proposal['limit_floor'])}"


def _order(said: Told) -> str:
    move = said["move"]
    if said.get("asks_close"):
        return f"all holds still: the old position is closed now, down to {_net(said['verdict']['facts']['floor'])}"
    if move["limit_price"] is None:
        return f"{move['action']} the order"
    return (
        f"{move['action']} the order at {_net(move['limit_price'])} "
        f"(mid {_net(move['mid_price'])}, natural {_net(move['natural_price'])})"
    )


def _management(said: Told) -> str:
    verdict = said["verdict"]
    if verdict["reason"] == Reason.LINE_GAP.value:
        why = f": {said['reason']}" if said["reason"] else ""
        until = said["ended_at"][:19].replace("T", " ")
        return f"nothing was heard over {said['connection']} for {said['seconds']} s, until {until} UTC{why}"
    if said["kind"] == "settle":
        return f"{Reason.of(verdict['reason']).text} (spot {verdict['facts']['spot']})"
    facts = verdict["facts"]
    if verdict["reason"] == Reason.ROLL.value:
        return f"makes way for its successor {facts['successor']}, closing down to {_net(facts['floor'])}"
    if said["kind"] == "hold" and (said.get("place") or said.get("ladder")):
        return "hold: " + "; ".join((*map(_placed, said.get("place", ())), *map(_climbed, said.get("ladder", ()))))
    numbers = ""
    if "rule" in facts:
        numbers = f": {facts['rule']} {facts['value']} against {facts['threshold']} {facts['unit']}"
    profit = f", unrealized {facts['unrealized_pnl']}" if facts.get("unrealized_pnl") else ""
    return f"exit {verdict['reason']}{numbers}{profit}" if verdict["reason"] else "hold"


def _placed(target: Told) -> str:
    return f"target of {target['part']} at {_net(target['limit_price'])}, {target['percent']} % of its premium"


def _climbed(step: Told) -> str:
    at = f" at {_net(step['limit_price'])}" if step.get("limit_price") is not None else ""
    return f"ladder of {step['part']}: {step['action']}{at}"


def _report(step: StepRecord) -> str:
    given = step.input.content["given"] if step.input is not None else {}
    said = step.output.content if step.output is not None else {}
    report, order = given["report"], said["order"]
    if report["fill"] is None:
        message = f" ({report['message']})" if report["message"] else ""
        return f"broker: {report['kind']} {order['broker_order_id'] or ''} at {_net(order['limit_price'])}{message}"
    fill = report["fill"]
    end = f"; the run goes on to {said['status']}" if said["status"] == RunStatus.MONITORING.value else ""
    return f"broker: filled {fill['quantity']} at {_net(fill['price'])}, fees {_money(fill['fees'])}{end}"


def _from_the_broker(step: StepRecord) -> str:
    """Say what the broker told of contracts without an order of ours: how they ended, or who traded them."""
    given = step.input.content["given"] if step.input is not None else {}
    said = step.output.content if step.output is not None else {}
    if said.get("fill") is not None:
        verdict = said["verdict"]["reason"]
        what = "closed at the broker, not by us" if verdict else "taken over from the account"
        return f"broker: {said['fill']['quantity']} {what} at {_net(said['fill']['price'])}"
    ends = [_ending(ending) for ending in given.get("endings", ())]
    traded = given.get("shares_traded")
    if traded is not None:
        ends.append(f"{traded['quantity']:+d} shares traded at {traded['price']}")
    return "broker: " + "; ".join(ends)


def _ending(ending: Told) -> str:
    of, shares = ending["contract"], ending["shares"]
    delivered = "" if shares is None else f", {shares['quantity']:+d} shares at {shares['price']}"
    return f"{of['kind'].replace('_', ' ')} of {abs(of['quantity'])} {strike_text(of)}{delivered}"


def strike_text(leg: Told) -> str:
    """Return a leg's contract as ``710 put``."""
    contract = leg["contract"]
    return f"{contract['strike']} {'put' if contract['right'] == 'P' else 'call'}"


def _net(price: str | None) -> str:
    if price is None:
        return "an unknown price"
    number = float(price)
    return f"{abs(number):.2f} {'credit' if number >= 0 else 'debit'}"


def _signed(amount: str) -> str:
    return f"{float(amount):+,.2f}"


def _money(amount: str | None) -> str:
    return "unlimited" if amount is None else f"{float(amount):,.2f}"


_TELLERS: Mapping[StepName, Callable[[Told], str]] = {
    StepName.RESOLVE_SYMBOL: _symbol,
    StepName.FETCH_MARKET: _market,
    StepName.COMPUTE_INDICATORS: _indicators,
    StepName.DRAW_CHART: _charts,
    StepName.ANALYZE: _analysis,
    StepName.SELECT_STRUCTURE: _selection,
    StepName.EVALUATE: _evaluation,
    StepName.CHECK_RISK: _risk,
    StepName.REQUEST_APPROVAL: _approval,
    StepName.SUBMIT_ORDER: _order,
    StepName.MANAGE_POSITION: _management,
    StepName.CLOSE_POSITION: _order,
}
