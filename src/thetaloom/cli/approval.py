"""``approval``: the queue of proposals, and the decision on one."""

from typing import Annotated

import typer
from rich.markup import escape

from thetaloom.cli.access import carry_out, opened, reading
from thetaloom.cli.output import JsonOption, emit, pairs, say, table, to_plain
from thetaloom.cli.paging import LimitOption, OffsetOption, shown_of, window
from thetaloom.cli.rolling import closing_lines
from thetaloom.cli.why import what_comes_next
from thetaloom.cli.words import legs_text, money_text, percent_text, price_text
from thetaloom.domain.run.proposals import Proposal, ProposalStatus
from thetaloom.domain.values.ids import ProposalId
from thetaloom.engine.commands import ApproveProposal, RejectProposal
from thetaloom.engine.dry_runs import Beside, DryRunShown, dry_run_shown
from thetaloom.store.queries.proposal_evidence import evidence_of_proposals
from thetaloom.store.queries.proposals import list_proposals, proposal_detail
from thetaloom.store.queries.runs import run_detail

app = typer.Typer(help="Decide on proposals.", no_args_is_help=True, add_completion=False)
ProposalArgument = Annotated[str, typer.Argument(metavar="PROPOSAL", help="The proposal's id.")]


@app.command("list")
def list_command(
    status: Annotated[
        ProposalStatus | None, typer.Option("--status", help="Only those; pending if not given.")
    ] = ProposalStatus.PENDING,
    everything: Annotated[bool, typer.Option("--all", help="Also what has been decided.")] = False,
    limit: LimitOption = 50,
    offset: OffsetOption = 0,
    as_json: JsonOption = False,
) -> None:
    """List what waits for a decision, newest first."""
    with reading() as read:
        wanted = None if everything else status
        page = list_proposals(read.database, read.user, status=wanted, window=window(limit, offset))
    if as_json:
        emit({**to_plain(page), "rows": [_record(proposal) for proposal in page.rows]})
        return
    names = ("proposal", "symbol", "legs", "quantity", "mid", "max loss", "POP", "status", "expires")
    rows = (
        (
            one.id,
            one.symbol,
            legs_text(one.legs),
            one.quantity,
            price_text(one.mid_price),
            money_text(one.max_loss, absent="unlimited"),
            percent_text(one.pop),
            one.status.value,
            one.expires_at,
        )
        for one in page.rows
    )
    table(shown_of(page, "proposal"), names, rows)


@app.command()
def show(proposal: ProposalArgument, as_json: JsonOption = False) -> None:
    """Show all that the decision rests on."""
    with reading() as read:
        found = proposal_detail(read.database, read.user, ProposalId(proposal))
        evidence = evidence_of_proposals(read.database, [found])[0]
    said = dry_run_shown(evidence.risk, found.fees)
    if as_json:
        emit({**_record(found), "dry_run": _dry_run_record(said)})
    else:
        _print(found, said, is_simulated=read.settings.is_simulated)


@app.command()
def approve(
    proposal: ProposalArgument,
    content_hash: Annotated[
        str | None, typer.Option("--hash", help="Approve only if the proposal still has this content hash.")
    ] = None,
    note: Annotated[str, typer.Option("--note", help="Words to keep with the decision.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Approve a proposal: its order may be sent within the limit band that was shown."""
    with opened() as platform:
        command = ApproveProposal(
            user_id=platform.user_id, proposal_id=ProposalId(proposal), content_hash=content_hash, note=note
        )
        carry_out(platform, command)
        found = proposal_detail(platform.database, platform.user_id, ProposalId(proposal))
        coming = what_comes_next(run_detail(platform.database, platform.user_id, found.run_id))
    if as_json:
        emit({**_record(found), "next": coming})
        return
    say(f"[green]approved[/] {found.id}, down to {price_text(found.limit_floor)} × {found.quantity}")
    say(f"[bold]next:[/] {escape(coming)}")


@app.command()
def reject(
    proposal: ProposalArgument,
    reason: Annotated[str, typer.Option("--reason", "--note", help="Why, in words; it is kept.")],
    as_json: JsonOption = False,
) -> None:
    """Reject a proposal, with a reason in words."""
    with opened() as platform:
        command = RejectProposal(user_id=platform.user_id, proposal_id=ProposalId(proposal), note=reason)
        carry_out(platform, command)
        found = proposal_detail(platform.database, platform.user_id, ProposalId(proposal))
    if as_json:
        emit(_record(found))
    else:
        say(f"[red]rejected[/] {found.id}: {escape(found.decision_note)}")


def _record(proposal: Proposal) -> dict[str, object]:
    return {**to_plain(proposal), "content_hash": proposal.content_hash}


def _dry_run_record(said: DryRunShown | None) -> dict[str, object] | None:
    if said is None:
        return None
    sides = {name: getattr(said, name) for name in ("buying_power_effect", "fees")}
    return {
        **{
            name: getattr(said, name)
            for name in ("limit_price", "quantity", "buying_power_after", "message", "silence")
        },
        **{name: {"ours": one.ours, "theirs": one.theirs, "difference": one.difference} for name, one in sides.items()},
    }


def _dry_run_lines(said: DryRunShown | None) -> dict[str, object]:
    if said is None:
        return {}
    if said.silence:
        return {"broker's dry run": f"not known: {said.silence}"}
    power, fees = said.buying_power_effect, said.fees
    asked = f"{said.quantity} at {price_text(said.limit_price)}"
    lines = {
        "broker's dry run": f"of {asked}: buying power {_beside(power)}; fees {_beside(fees)}",
        "buying power after": None
        if said.buying_power_after is None
        else f"{money_text(said.buying_power_after)}, by the broker",
        "broker's words": said.message,
    }
    return {name: text for name, text in lines.items() if text}


def _beside(one: Beside) -> str:
    if one.difference is None:
        return money_text(one.theirs, absent="not told")
    beside = f"{one.difference:+,.2f} to ours" if one.difference else "as ours"
    return f"{money_text(one.theirs)} ({beside})"


def _print(one: Proposal, said: DryRunShown | None, *, is_simulated: bool) -> None:
    title = f"{one.id}  {one.structure_name.replace('_', ' ')} on {one.symbol}"
    entries: dict[str, object] = {
        "status": one.status.value,
        "run": one.run_id,
        "strategy": f"{one.strategy_id}, revision {one.strategy_revision}",
        "spot": one.spot,
        **closing_lines(one),
        "legs": legs_text(one.legs),
        "quantity": one.quantity,
        "mid, natural": f"{price_text(one.mid_price)}, {price_text(one.natural_price)}",
        "worst price covered": price_text(one.limit_floor),
        "max profit": money_text(one.max_profit, absent="unlimited"),
        "max loss": money_text(one.max_loss, absent="unlimited"),
        "breakevens": ", ".join(str(price) for price in one.breakevens),
        "POP": percent_text(one.pop),
        "net delta, theta, vega": f"{one.net_delta}, {one.net_theta}, {one.net_vega}",
        "buying power": money_text(one.buying_power_effect),
        "fees": money_text(one.fees),
        **_dry_run_lines(said),
        "why": "\n".join(one.reasons),
        "warnings": "\n".join(one.warnings),
        "quotes of": one.as_of,
        "expires": one.expires_at,
        "market": "synthetic: made by a seed"
        if one.synthetic
        else "a simulated broker's"
        if is_simulated
        else "real quotes",
        "content hash": one.content_hash,
    }
    if one.decided_by:
        entries["decided"] = f"by {one.decided_by}: {one.decision_note or 'without a note'}"
    pairs(title, entries)
