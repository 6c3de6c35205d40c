"""A page, with a picture, for each strategy that ships, and their index."""

from collections.abc import Callable, Iterable
from functools import partial

from thetaloom.domain.strategy.rule_words import score_words, stop_words
from thetaloom.domain.strategy.strategies import ApprovalMode, Strategy
from thetaloom.store.catalogue import CATALOGUE, load_catalogue
from tools.docs.markdown import code, page, sentences, table
from tools.docs.payoff_drawing import draw_payoff
from tools.docs.strategy_samples import AT, CAPITAL, QUIET_PERCENT, SEED, Sample, sample_of
from tools.docs.strategy_words import entry_words, exit_row, strike_words, target_row

FOLDER = "docs/strategies"


def strategy_files() -> dict[str, Callable[[], str]]:
    """Return the files of ``docs/strategies`` by path, each with what writes it."""
    files: dict[str, Callable[[], str]] = {f"{FOLDER}/README.md": index_page}
    for strategy in load_catalogue():
        files[f"{FOLDER}/{strategy.id}.md"] = partial(strategy_page, strategy)
        files[f"{FOLDER}/{strategy.id}.svg"] = partial(picture, strategy)
    return files


def strategy_count() -> str:
    """Say how many strategies ship, for the front page."""
    return f"It ships with [{len(load_catalogue())} strategies](docs/strategies/README.md), each with a page.\n"


def index_page() -> str:
    """Return the list of the strategies."""
    shipped = load_catalogue()
    rows = (
        (
            f"[{strategy.name}]({strategy.id}.md)",
            code(strategy.id),
            sample_of(strategy).evaluation.structure_name.replace("_", " "),
            ", ".join(strategy.biases),
            f"{strategy.expiration.dte_min}–{strategy.expiration.dte_max}",
            "unlimited" if strategy.allow_undefined_risk else "limited",
        )
        for strategy in shipped
    )
    intro = (
        f"{len(shipped)} strategies ship with Thetaloom, each a TOML file that you can copy and change.\n"
        "How to write one of your own: [Write a strategy](../how-to/write-a-strategy.md)."
    )
    made = (
        f"The numbers and pictures of the pages are of the made-up market of seed {SEED} at {AT:%Y-%m-%d %H:%M} UTC,\n"
        f"with a tradeable capital of {CAPITAL:,f} dollars and support, resistance and bands {QUIET_PERCENT} % away."
    )
    return page("Strategies", intro, table(("Strategy", "Id", "Structure", "Bias", "DTE", "Loss"), rows), made)


def strategy_page(strategy: Strategy) -> str:
    """Return the page of one strategy, from its own data."""
    sample = sample_of(strategy)
    toml = (CATALOGUE / f"{strategy.id}.toml").read_text(encoding="utf-8")
    parts = [
        sentences(strategy.description),
        f"![Profit and loss at the nearest expiration]({strategy.id}.svg)",
        _facts(strategy),
        f"## Legs\n\n{_legs(strategy)}",
        f"## Entry\n\n{_list(entry_words(strategy))}",
        f"## Exits\n\n{_exits(strategy)}",
        f"## Score\n\n{_score(strategy)}",
        f"## Hard stops\n\n{_stops(strategy)}",
        f"## On a made-up chain\n\n{_numbers(sample)}",
        f"## File\n\n```toml\n{toml}```",
    ]
    return page(strategy.name, *parts)


def picture(strategy: Strategy) -> str:
    """Return the payoff of the strategy's sample as SVG."""
    return draw_payoff(f"{strategy.name}: profit and loss at the nearest expiration", sample_of(strategy))


def _facts(strategy: Strategy) -> str:
    approval = strategy.approval
    who = "a person" if approval.mode is ApprovalMode.MANUAL else "its own rule"
    rows = [
        ("Id", code(strategy.id)),
        ("Bias", ", ".join(strategy.biases)),
        ("Loss", "unlimited" if strategy.allow_undefined_risk else "limited"),
        ("Approved by", f"{who}, never automated" if approval.manual_only else who),
        ("A proposal stands", f"{approval.expires_minutes} minutes"),
        ("Runs on one symbol", f"at most {strategy.open_runs_max}"),
    ]
    if strategy.positions_max is not None:
        rows.append(("Positions open at once", f"at most {strategy.positions_max}"))
    if strategy.capital_percent_max is not None:
        rows.append(("May lose, all positions together", f"{strategy.capital_percent_max} % of the account"))
    if strategy.symbols:
        rows.append(("Symbols by default", ", ".join(strategy.symbols)))
    if strategy.shares:
        rows.append(("Shares needed", f"{strategy.shares} per structure, already in the account"))
    return table(("", ""), rows)


def _legs(strategy: Strategy) -> str:
    rows = [
        (
            code(leg.name),
            f"{leg.side.value} {leg.ratio}",
            leg.right.name.lower(),
            strike_words(leg),
            leg.term.value,
        )
        for leg in strategy.legs
    ]
    heads = ("Leg", "Side", "Right", "Strike", "Expiration")
    shown = len(heads) if strategy.back is not None else -1  # of one expiration nothing needs to be said
    return table(heads[:shown], (row[:shown] for row in rows))


def _exits(strategy: Strategy) -> str:
    parts = []
    if strategy.exits:
        rows = [exit_row(rule) for rule in strategy.exits]
        has_conditions = any(row[2] for row in rows)
        heads = ("Rule", "Threshold", "When", "Priority") if has_conditions else ("Rule", "Threshold", "Priority")
        parts.append(table(heads, rows if has_conditions else [(row[0], row[1], row[3]) for row in rows]))
    else:
        parts.append("None: a person closes it, or it expires.")
    if strategy.ladder is not None:
        parts.append(
            f"From {strategy.ladder.threshold_dte} days to expiration on, the ladder: each spread is offered\n"
            "at breakeven, at 6, 5 and 4 days with 70, 80 and 90 % of its max loss given up, then with all of it."
        )
    if strategy.imbalance is not None:
        parts.append(f"Legs that stand alone: {strategy.imbalance.policy.text}")
    if strategy.assignment is not None:
        parts.append(f"Shares that an assignment leaves: {strategy.assignment.policy.text}")
    if strategy.targets:
        heads = ("Target", "Legs", "Structures", "Profit")
        parts.append("Independent profit targets, each an order of its own that no other cancels:")
        parts.append(table(heads, map(target_row, strategy.targets)))
    return "\n\n".join(parts)


def _score(strategy: Strategy) -> str:
    rule = strategy.score
    if rule is None:
        return "No table of its own: the bias must suit it, and the bias's confidence is the score."
    cap = "no upper limit" if rule.cap is None else f"at most {rule.cap:f}"
    intro = f"Starts at {rule.base:f}, {cap}; to enter it must reach {rule.minimum:f}."
    rows = ((code(term.reading), term.points, term.note) for term in score_words(rule.terms))
    return f"{intro}\n\n" + table(("Reading", "Points", "Note"), rows)


def _stops(strategy: Strategy) -> str:
    if strategy.hard_stops is None:
        return "None of its own."
    return "No entry, whatever the score, with:\n\n" + _list(stop_words(strategy.hard_stops, code))


def _numbers(sample: Sample) -> str:
    found = sample.evaluation
    mid = found.mid_price
    price = "unknown" if mid is None else f"{abs(mid):.2f} {'credit' if mid >= 0 else 'debit'}"
    profit = "unlimited" if found.is_profit_unlimited else f"{found.max_profit:,.2f}"
    loss = "unlimited" if found.is_loss_unlimited else f"{found.max_loss:,.2f}"
    rows = [
        ("Underlying", f"{sample.symbol} at {sample.spot:.2f}"),
        ("Structure", found.structure_name.replace("_", " ")),
        *((f"Leg {code(one.name)}", one.leg.notation) for one in found.legs),
        ("Net price at mid, per share", price),
        ("Max profit, dollars", profit),
        ("Max loss, dollars", loss),
        ("Breakevens", ", ".join(f"{level:.2f}" for level in found.breakevens) or "none"),
        ("Probability of profit", "unknown" if found.pop is None else f"{found.pop:.1%}"),
    ]
    return table(("", ""), rows)


def _list(lines: Iterable[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)
