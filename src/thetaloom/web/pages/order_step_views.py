"""Views of the steps that decide and act: legs, risk, the proposal, orders with their walk, the position's result."""

from collections.abc import Sequence

from thetaloom.domain.run.proposals import decider_in_words
from thetaloom.domain.values.reasons import Reason
from thetaloom.store.queries.lineage import StepRecord
from thetaloom.web.pages.market_step_views import checks_grid, given_of, grid_of, said_of
from thetaloom.web.pages.shown import Fact, Form, Grid, Shown, Told, contract_text, decimal_of, risk_reward, tone_of


def structure_view(step: StepRecord) -> Shown:
    """Show the legs that were chosen, why these, and what was refused."""
    said = said_of(step)
    names = said["leg_names"] or [""] * len(said["legs"])
    legs = [
        [
            Fact(name="Leg", raw=name),
            Fact(name="Ratio", raw=leg["ratio"], form=Form.NUMBER),
            Fact(name="Right", raw=leg["contract"]["right"]),
            Fact(name="Strike", raw=leg["contract"]["strike"], form=Form.NUMBER),
            Fact(name="Expiration", raw=leg["contract"]["expires_on"]),
        ]
        for name, leg in zip(names, said["legs"], strict=True)
    ]
    refused = [
        [
            Fact(name="Expiration", raw=one["expires_on"]),
            Fact(name="Leg", raw=one["leg"] or ""),
            Fact(name="Reason", raw=one["verdict"]["reason"]),
        ]
        for one in said["rejections"]
    ]
    grids = (grid_of("Legs", legs), grid_of(f"Refused ({len(refused)})", refused, folded=True))
    return Shown(
        kind="structure",
        badge="chosen" if legs else "nothing fits",
        tone="profit" if legs else "loss",
        facts=[
            Fact(name="expiration", raw=said["expires_on"]),
            Fact(name="expected move", raw=said["expected_move"], form=Form.DOLLARS),
        ],
        grids=[grid for grid in grids if grid.rows],
        lines=said["reasons"],
    )


def risk_view(step: StepRecord) -> Shown:
    """Show the size, what it ties up, and every limit with its use."""
    said, budget = said_of(step), said_of(step)["budget"]
    answer = said["verdict"]["answer"]
    facts = [
        Fact(name="sized by", raw=said["sizing"]["decided_by"], form=Form.WORD),
        *(
            Fact(name=name.replace("_", " "), raw=budget[name], form=Form.DOLLARS)
            for name in ("tradeable_capital", "strategy_power", "risk_in_use", "remaining")
        ),
    ]
    return Shown(
        kind="risk",
        badge="within the limits" if answer == "allow" else "refused",
        tone="profit" if answer == "allow" else "loss",
        cards=[
            Fact(name="Structures", raw=said["quantity"], form=Form.NUMBER),
            Fact(name="Max loss", raw=said["max_loss"], form=Form.DOLLARS),
            Fact(name="Buying power", raw=said["buying_power_effect"], form=Form.DOLLARS),
        ],
        facts=facts,
        grids=[*_dry_run_grids(said), checks_grid(said["checks"], "Limits")],
        lines=[str(one) for one in said["warnings"]],
    )


def _dry_run_grids(said: Told) -> list[Grid]:
    asked = said.get("dry_run") or {}
    told = asked.get("told")
    if told is None:
        return []  # not asked, or no answer: the warnings say so
    names = ("buying_power_effect", "buying_power_after", "fees")
    row = [Fact(name=name.replace("_", " ").capitalize(), raw=told[name], form=Form.DOLLARS) for name in names]
    return [grid_of("The broker's dry run", [[*row, Fact(name="Words", raw=told["message"] or "none")]])]


def proposal_view(step: StepRecord) -> Shown:
    """Show what was put before a person or a rule, and what they said."""
    said = said_of(step)
    proposal, status = said["proposal"], said["status"]
    return Shown(
        kind="proposal",
        badge=status,
        tone={"approved": "profit", "rejected": "loss", "expired": "loss"}.get(status, ""),
        lead=proposal["decided_by"] and f"Decided by {decider_in_words(proposal['decided_by'])}.",
        cards=[
            Fact(name="Net at mid, per share", raw=proposal["mid_price"], form=Form.SIGNED),
            Fact(name="Structures", raw=proposal["quantity"], form=Form.NUMBER),
            Fact(name="Worst limit", raw=proposal["limit_floor"], form=Form.SIGNED),
            Fact(name="Max loss", raw=proposal["max_loss"], form=Form.DOLLARS),
        ],
        facts=[
            Fact(name="proposal", raw=proposal["id"]),
            Fact(name="structure", raw=proposal["structure_name"], form=Form.WORD),
            Fact(name="fees", raw=proposal["fees"], form=Form.PNL),
            Fact(name="stands until", raw=proposal["expires_at"], form=Form.TIME),
            Fact(name="hash of what was shown", raw=said["content_hash"]),
        ],
        grids=[_legs(proposal["legs"])],
        lines=proposal["reasons"],
        risk_reward=risk_reward(decimal_of(proposal["max_loss"]), decimal_of(proposal["max_profit"])),
    )


def order_view(step: StepRecord, walk: Sequence[StepRecord]) -> Shown:
    """Show one move of an order, and the walk of its limit so far."""
    said, given = said_of(step), given_of(step)
    move = said["move"]
    cards = [
        Fact(name="Limit, per share", raw=move["limit_price"], form=Form.SIGNED),
        Fact(name="Mid", raw=move["mid_price"], form=Form.SIGNED),
        Fact(name="Natural", raw=move["natural_price"], form=Form.SIGNED),
        Fact(name="Structures", raw=given["quantity"], form=Form.NUMBER),
    ]
    return Shown(
        kind="order",
        badge=move["action"],
        tone="" if move["limit_price"] is not None else "loss",
        cards=[fact for fact in cards if fact.raw is not None],
        facts=[
            Fact(name="our order id", raw=given["client_order_id"]),
            Fact(name="because of", raw=move["cause"], form=Form.WORD),
            Fact(name="step", raw=move["step"], form=Form.NUMBER),
            Fact(name="looks again", raw=move["look_again_at"], form=Form.TIME),
        ],
        grids=_walk_grids(walk),
    )


def report_view(step: StepRecord, walk: Sequence[StepRecord]) -> Shown:
    """Show what the broker said of an order: its status, ids, prices and fill."""
    order, given = said_of(step)["order"], given_of(step)
    report = given["report"]
    fill = report["fill"]
    cards = [
        Fact(name="Limit, per share", raw=order["limit_price"], form=Form.SIGNED),
        Fact(name="Filled", raw=order["filled"], form=Form.NUMBER, note=f"of {order['quantity']}"),
    ]
    if fill is not None:
        cards += [
            Fact(name="Fill price", raw=fill["price"], form=Form.SIGNED, tone=tone_of(fill["price"])),
            Fact(name="Fees", raw=fill["fees"], form=Form.PNL),
        ]
    return Shown(
        kind="order",
        badge=order["status"].lower(),
        tone={"FILLED": "profit", "REJECTED": "loss", "DENIED": "loss"}.get(order["status"], ""),
        lead=report["message"] or "",
        cards=cards,
        facts=[
            Fact(name="our order id", raw=order["client_order_id"]),
            Fact(name="the broker's id", raw=order["broker_order_id"]),
            Fact(name="reported", raw=report["kind"], form=Form.WORD),
            Fact(name="at", raw=report["reported_at"], form=Form.TIME),
            Fact(name="quantity", raw=order["quantity"], form=Form.NUMBER),
            Fact(name="opens or closes", raw=order["effect"]),
            Fact(name="in force", raw=order["time_in_force"]),
        ],
        grids=[_legs(order["legs"]), *_position_grids(said_of(step).get("position")), *_walk_grids(walk)],
    )


def _walk_grids(walk: Sequence[StepRecord]) -> list[Grid]:
    rows = [
        [
            Fact(name="Move", raw=said["move"]["action"]),
            Fact(name="At", raw=given_of(one)["work"]["now"], form=Form.TIME),
            Fact(name="Limit", raw=said["move"]["limit_price"], form=Form.SIGNED),
            Fact(name="Mid", raw=said["move"]["mid_price"], form=Form.SIGNED),
            Fact(name="Natural", raw=said["move"]["natural_price"], form=Form.SIGNED),
            Fact(name="Place from mid to natural", raw=said["move"]["place"], form=Form.NUMBER),
        ]
        for one in walk
        if (said := said_of(one)).get("move") is not None
    ]
    return [grid_of("Price walk", rows)] if rows else []


def _position_grids(position: Told | None) -> list[Grid]:
    if not position:
        return []
    row = [
        Fact(name="Position", raw=position["id"]),
        Fact(name="Opened", raw=position["opened_quantity"], form=Form.NUMBER),
        Fact(name="Realized before fees", raw=position["realized"], form=Form.PNL, tone=tone_of(position["realized"])),
        Fact(name="Fees", raw=position["fees"], form=Form.PNL),
        *([] if position["closed_at"] is None else [Fact(name="Closed", raw=position["closed_at"], form=Form.TIME)]),
    ]
    return [grid_of("Position", [row])]


def portfolio_view(step: StepRecord) -> Shown:
    """Show the position's profit and loss, and each exit rule with how far it is."""
    said = said_of(step)
    if said["verdict"]["reason"] == Reason.LINE_GAP.value:
        return _gap_view(said)
    facts = said["verdict"]["facts"]
    open_pnl, reason = facts.get("unrealized_pnl"), said["verdict"]["reason"]
    exits = said.get("exit") or {}
    money = ("unrealized_pnl", "realized_pnl", "premium")
    cards = [
        Fact(name=name.replace("_", " ").capitalize().replace("pnl", "P/L"), raw=facts[name], form=Form.PNL,
             tone=tone_of(facts[name]))
        for name in money
        if facts.get(name) is not None
    ]  # fmt: skip
    rows = [
        [
            Fact(name="Rule", raw=check["rule"]["kind"], form=Form.WORD),
            Fact(name="Now", raw=check["value"], form=Form.NUMBER),
            Fact(name="Threshold", raw=check["threshold"], form=Form.NUMBER),
            Fact(name="Unit", raw=check["rule"]["unit"], form=Form.WORD),
            Fact(name="Met", raw=check["met"]),
        ]
        for check in exits.get("checks", ())
    ]
    word = "winning" if tone_of(open_pnl) == "profit" else "losing" if tone_of(open_pnl) == "loss" else ""
    rest = [Fact(name=name.replace("_", " "), raw=fact) for name, fact in facts.items() if name not in money]
    return Shown(
        kind="portfolio",
        badge=word or said.get("kind", "hold"),
        tone=tone_of(open_pnl),
        lead=Reason.of(reason).text if reason else "Nothing to do.",
        cards=cards,
        facts=rest,
        grids=[grid_of("Exit rules", rows)] if rows else [],
    )


def _gap_view(said: Told) -> Shown:
    return Shown(
        kind="gap",
        badge="connection lost",
        tone="loss",
        lead="A connection was down while the position was held. What rests on quotes waited for them.",
        cards=[Fact(name="Down for", raw=said["seconds"], form=Form.NUMBER, note="seconds")],
        facts=[
            Fact(name="connection", raw=said["connection"]),
            Fact(name="of", raw=said["source"]),
            Fact(name="from", raw=said["began_at"], form=Form.TIME),
            Fact(name="to", raw=said["ended_at"], form=Form.TIME),
            Fact(name="because", raw=said["reason"] or "not told"),
        ],
    )


def settled_view(step: StepRecord) -> Shown:
    """Show what the broker told of contracts without an order of ours."""
    said = said_of(step)
    position = said["position"]
    realized = position["realized"]
    return Shown(
        kind="portfolio",
        badge={"profit": "won", "loss": "lost"}.get(tone_of(realized), "even"),
        tone=tone_of(realized),
        cards=[
            Fact(name="Realized before fees", raw=realized, form=Form.PNL, tone=tone_of(realized)),
            Fact(name="Fees", raw=position["fees"], form=Form.PNL),
        ],
        facts=[Fact(name="ended as", raw=position["ended_as"], form=Form.WORD)] if position["ended_as"] else [],
        grids=_position_grids(position),
    )


def _legs(legs: Sequence[Told]) -> Grid:
    rows = [
        [
            Fact(name="Contract", raw=leg["contract"]["root"], note=contract_text(leg)),
            Fact(name="Ratio", raw=leg["ratio"], form=Form.NUMBER),
            Fact(name="Expiration", raw=leg["contract"]["expires_on"]),
            Fact(name="Right", raw=leg["contract"]["right"]),
            Fact(name="Strike", raw=leg["contract"]["strike"], form=Form.NUMBER),
        ]
        for leg in legs
    ]
    return grid_of("Legs", rows)
