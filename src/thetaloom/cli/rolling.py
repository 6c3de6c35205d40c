"""``position roll``, ``adjust`` and ``chain``: successors of a position, and what the chain of them came to."""

from datetime import datetime
from typing import Annotated

import typer
from rich.markup import escape

from thetaloom.bootstrap import Platform
from thetaloom.cli.access import carry_out, opened, reading
from thetaloom.cli.output import JsonOption, emit, pairs, say, table, to_plain
from thetaloom.cli.why import what_comes_next
from thetaloom.cli.words import legs_text, money_text, price_text
from thetaloom.domain.book.rolls import StrikesFrom
from thetaloom.domain.risk.sizing import QUANTITY_MAX
from thetaloom.domain.run.proposals import Proposal
from thetaloom.domain.run.runs import WorkflowRun
from thetaloom.domain.strategy.leg_rules import DTE_MAX
from thetaloom.domain.values.ids import PositionId
from thetaloom.engine.commands import AdjustPosition, RollPosition
from thetaloom.store.queries.chains import ChainLink, PositionChain, chain_of
from thetaloom.store.queries.runs import RunDetail, run_detail

PositionArgument = Annotated[str, typer.Argument(metavar="POSITION", help="The position's id.")]
ExpirationOption = Annotated[
    datetime | None,
    typer.Option("--expiration", formats=["%Y-%m-%d"], metavar="D", help="The expiration to open in, YYYY-MM-DD."),
]
DteOption = Annotated[
    int | None,
    typer.Option("--dte", min=0, max=DTE_MAX, metavar="N", help="Open in the expiration nearest to so many days."),
]
QuantityOption = Annotated[
    int | None,
    typer.Option("--quantity", min=1, max=QUANTITY_MAX, metavar="N", help="So many; without it, all."),
]


def roll(
    position: PositionArgument,
    expiration: ExpirationOption = None,
    dte: DteOption = None,
    strikes: Annotated[
        StrikesFrom, typer.Option("--strikes", help="Keep the strikes, or let the strategy's rules choose.")
    ] = StrikesFrom.BY_RULE,
    quantity: QuantityOption = None,
    part: Annotated[str | None, typer.Option("--part", metavar="NAME", help="Roll this spread alone.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Propose to close a position and to open its successor, under one approval; nothing is traded before it."""
    with opened() as platform:
        wish = RollPosition(
            user_id=platform.user_id,
            position_id=PositionId(position),
            expires_on=None if expiration is None else expiration.date(),
            dte=dte,
            strikes=strikes,
            quantity=quantity,
            part=part,
        )
        detail = _started(platform, wish)
    _show(detail, as_json=as_json)


def adjust(
    position: PositionArgument,
    add: Annotated[str | None, typer.Option("--add", metavar="NAME", help="Open one more of this spread.")] = None,
    take_off: Annotated[str | None, typer.Option("--take-off", metavar="NAME", help="Close this spread.")] = None,
    expiration: ExpirationOption = None,
    dte: DteOption = None,
    strikes: Annotated[
        StrikesFrom, typer.Option("--strikes", help="Of what is added: as held, or by the strategy's rules.")
    ] = StrikesFrom.SAME,
    quantity: QuantityOption = None,
    as_json: JsonOption = False,
) -> None:
    """Add a spread to a position, as a proposal to be approved, or take one off at once."""
    with opened() as platform:
        wish = AdjustPosition(
            user_id=platform.user_id,
            position_id=PositionId(position),
            add=add,
            take_off=take_off,
            quantity=quantity,
            expires_on=None if expiration is None else expiration.date(),
            dte=dte,
            strikes=strikes,
        )
        detail = _started(platform, wish)
    _show(detail, as_json=as_json)


def chain(position: PositionArgument, as_json: JsonOption = False) -> None:
    """Show the chain of rolls and adjustments that a position belongs to, with the profit and loss of all of it."""
    with reading() as read:
        found = chain_of(read.database, read.user, PositionId(position))
    if as_json:
        emit(chain_record(found))
        return
    names = ("position", "status", "legs", "opened", "held", "realized", "fees", "P/L", "from", "closed")
    rows = [
        (
            link.position_id,
            link.status.value,
            legs_text(link.legs),
            link.opened_quantity,
            link.quantity,
            money_text(link.realized),
            money_text(link.fees),
            money_text(link.realized_pnl),
            link.opened_at,
            link.closed_at,
        )
        for link in found.links
    ]
    links = "1 link" if len(rows) == 1 else f"{len(rows)} links"
    table(f"chain {found.chain_id} on {found.symbol}, {links}", names, rows)
    say(
        f"[bold]all of it:[/] realized {money_text(found.realized)}, fees {money_text(found.fees)}, "
        f"P/L {money_text(found.realized_pnl)}; cash moved so far {money_text(found.cash)}"
    )


def chain_record(found: PositionChain) -> dict[str, object]:
    """Return a chain as JSON, with its sums."""
    return {
        "chain_id": found.chain_id,
        "symbol": found.symbol,
        "is_open": found.is_open,
        "realized": to_plain(found.realized),
        "fees": to_plain(found.fees),
        "realized_pnl": to_plain(found.realized_pnl),
        "cash": to_plain(found.cash),
        "links": [_link_record(link) for link in found.links],
    }


def closing_lines(proposal: Proposal) -> dict[str, object]:
    """Return the closing side of a proposal, line by line; none of a proposal that closes nothing."""
    terms = proposal.closing
    if terms is None:
        return {}
    part = f", {terms.part}" if terms.part else ""
    released = "unknown" if terms.releases is None else money_text(terms.releases)
    return {
        "closes first": f"{terms.quantity} × {legs_text(terms.legs)}  ({terms.position_id}{part})",
        "closing: mid, natural": f"{price_text(terms.mid_price)}, {price_text(terms.natural_price)}",
        "closing: worst price": price_text(terms.limit_floor),
        "closing: fees": money_text(terms.fees),
        "closing: frees": released,
        "both sides: worst net": money_text(terms.net_floor),
    }


def _link_record(link: ChainLink) -> dict[str, object]:
    return {**to_plain(link), "realized_pnl": to_plain(link.realized_pnl), "cash": to_plain(link.cash)}


def _started(platform: Platform, wish: RollPosition | AdjustPosition) -> RunDetail:
    run = carry_out(platform, wish)
    if not isinstance(run, WorkflowRun):
        raise TypeError("a run was expected")
    return run_detail(platform.database, platform.user_id, run.id)


def _show(detail: RunDetail, *, as_json: bool) -> None:
    coming, proposal = what_comes_next(detail), detail.proposals[-1] if detail.proposals else None
    if as_json:
        shown = None if proposal is None else {**to_plain(proposal), "content_hash": proposal.content_hash}
        emit({"run": to_plain(detail.run), "proposal": shown, "next": coming})
        return
    if proposal is None:
        reason = f" ({detail.run.reason})" if detail.run.reason else ""
        say(f"[bold]{detail.run.id}[/] {detail.run.status.value}{escape(reason)}")
    else:
        opens = f"{proposal.quantity} × {legs_text(proposal.legs)}"
        pairs(
            f"{proposal.id}  {proposal.structure_name.replace('_', ' ')} on {proposal.symbol}",
            {
                **closing_lines(proposal),
                "opens": opens,
                "opening: mid, natural": f"{price_text(proposal.mid_price)}, {price_text(proposal.natural_price)}",
                "opening: worst price": price_text(proposal.limit_floor),
                "new max loss": money_text(proposal.max_loss, absent="unlimited"),
                "buying power": money_text(proposal.buying_power_effect),
                "fees": money_text(proposal.fees),
                "content hash": proposal.content_hash,
            },
        )
    say(f"[bold]next:[/] {escape(coming)}")
