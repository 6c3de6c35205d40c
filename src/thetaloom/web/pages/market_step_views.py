"""Views of the steps that look before they decide: the strategy, the market, its numbers, charts and analysts."""

from collections.abc import Mapping, Sequence
from typing import Any

from thetaloom.domain.strategy.metrics import Metric, WordMetric
from thetaloom.store.queries.lineage import StepRecord
from thetaloom.web.pages.shown import Fact, Form, Grid, Shown, Told, decimal_of, risk_reward, tone_of

MEANINGS = {word.value: word.text for word in (*Metric, *WordMetric)}
CANDLES_SHOWN = 5


def given_of(step: StepRecord) -> Told:
    """Return what a step was given; nothing where that is not known."""
    content = None if step.input is None else step.input.content
    given = content.get("given") if isinstance(content, dict) else None
    return given if isinstance(given, dict) else {}


def said_of(step: StepRecord) -> Told:
    """Return what a step decided; nothing where that is not known."""
    content = None if step.output is None else step.output.content
    return content if isinstance(content, dict) else {}


def strategy_view(step: StepRecord, strategy: Told | None) -> Shown:
    """Show what started the run and the strategy that it used, as a later step of it recorded it."""
    given, said = given_of(step), said_of(step)
    active = bool(given["strategy_active"])
    facts = [
        Fact(name="symbol", raw=given["symbol"]),
        Fact(name="started by", raw=given["trigger"], form=Form.WORD),
        Fact(name="forced", raw=given["forced"]),
        Fact(name="exchange open", raw=given["is_open"]),
        Fact(name="minutes to close", raw=given["minutes_to_close"], form=Form.NUMBER),
        Fact(name="other open runs", raw=given["other_open_runs"], form=Form.NUMBER),
        Fact(name="open runs at most", raw=given["open_runs_max"], form=Form.NUMBER),
        *_signal_facts(said.get("signal"), given.get("signal")),
    ]
    return Shown(
        kind="strategy",
        badge="active" if active else "not active",
        tone="profit" if active else "loss",
        lead=given["strategy_id"] if strategy is None else strategy["name"],
        facts=[*facts, *([] if strategy is None else _strategy_facts(strategy))],
        grids=[] if strategy is None else _strategy_grids(strategy),
        lines=[] if strategy is None or not strategy["description"] else [strategy["description"]],
    )


def _signal_facts(said: Told | None, given: Told | None) -> list[Fact]:
    if not said or not given:
        return []
    own, confidence = given["own"], said["confidence"]
    return [
        Fact(name="signal from", raw=own["source"]),
        Fact(name="direction", raw=own["direction"], form=Form.WORD),
        Fact(name="confidence of 100", raw=confidence["total"], form=Form.NUMBER),
    ]


def _strategy_facts(strategy: Told) -> list[Fact]:
    window = strategy["expiration"]
    return [
        Fact(name="strategy", raw=strategy["id"]),
        Fact(name="suits", raw=strategy["biases"], form=Form.WORD),
        Fact(name="fewest DTE", raw=window["dte_min"], form=Form.NUMBER),
        Fact(name="most DTE", raw=window["dte_max"], form=Form.NUMBER),
        Fact(name="wished DTE", raw=window["dte_target"], form=Form.NUMBER),
        Fact(name="approval", raw=strategy["approval"]["mode"], form=Form.WORD),
        Fact(name="size by", raw=strategy["size"]["by"], form=Form.WORD),
        Fact(name="unlimited loss allowed", raw=strategy["allow_undefined_risk"]),
    ]


def _strategy_grids(strategy: Told) -> list[Grid]:
    legs = [
        [
            Fact(name="Leg", raw=leg["name"]),
            Fact(name="Side", raw=leg["side"]),
            Fact(name="Ratio", raw=leg["ratio"], form=Form.NUMBER),
            Fact(name="Right", raw=leg["right"]),
            Fact(name="Found by", raw=leg["strike"]["by"], form=Form.WORD),
            Fact(name="Value", raw=leg["strike"]["distance"], form=Form.NUMBER),
            Fact(name="Unit", raw=leg["strike"]["unit"]),
        ]
        for leg in strategy["legs"]
    ]
    exits = [
        [
            Fact(name="Leaves at", raw=rule["kind"], form=Form.WORD),
            Fact(name="Threshold", raw=rule["threshold"], form=Form.NUMBER),
            Fact(name="Unit", raw=rule["unit"], form=Form.WORD),
            Fact(name="Priority", raw=rule["priority"], form=Form.NUMBER),
        ]
        for rule in strategy["exits"]
    ]
    return [grid for grid in (grid_of("Legs", legs), grid_of("Exits", exits)) if grid.rows]


def grid_of(title: str, rows: Sequence[Sequence[Fact]], *, folded: bool = False) -> Grid:
    """Return a table under the names of the facts of its first row."""
    columns = [fact.name for fact in rows[0]] if rows else []
    return Grid(title=title, columns=columns, rows=rows, folded=folded)


def symbol_view(step: StepRecord) -> Shown:
    """Show what is known of the symbol."""
    found, given = said_of(step)["underlying"], given_of(step)
    return Shown(
        kind="market",
        cards=[
            Fact(name="Symbol", raw=found["symbol"], note=str(found["name"])),
            Fact(name="Kind", raw=found["kind"], note=str(found["currency"])),
        ],
        facts=[
            Fact(name="sector", raw=found["sector"]),
            Fact(name="beta against", raw=found["benchmark"]),
            Fact(name="source", raw=given["source"]),
        ],
        lines=[given["warning"]] if given.get("warning") else [],
    )


def market_view(step: StepRecord) -> Shown:
    """Show the price of the underlying and the chain that was read with it."""
    said, given = said_of(step), given_of(step)
    age = f"{said['age_seconds']} s old, from {said['source']}"
    contracts = f"{said['two_sided']} with both sides, {said['crossed']} crossed"
    expirations = [
        [
            Fact(name="Expiration", raw=one["expires_on"]),
            Fact(name="Root", raw=one["root"]),
            Fact(name="DTE", raw=one["dte"], form=Form.NUMBER),
            Fact(name="Monthly", raw=one["is_monthly"]),
            Fact(name="Last trading", raw=one["last_trading_at"], form=Form.TIME),
        ]
        for one in said["expirations"]
    ]
    return Shown(
        kind="market",
        badge="synthetic" if said["synthetic"] else "",
        cards=[
            Fact(name=f"Price of {given['symbol']}", raw=said["spot"], form=Form.DOLLARS, note=age),
            Fact(name="Contracts of the chain", raw=said["contracts"], form=Form.NUMBER, note=contracts),
        ],
        facts=[
            Fact(name="as of", raw=said["as_of"], form=Form.TIME),
            Fact(name="age, seconds", raw=said["age_seconds"], form=Form.NUMBER),
            Fact(name="oldest allowed, seconds", raw=given["age_seconds_max"], form=Form.NUMBER),
            Fact(name="source", raw=said["source"]),
        ],
        grids=[grid_of("Expirations", expirations)],
    )


def indicators_view(step: StepRecord) -> Shown:
    """Show the latest value of each number, its source, and from how many sessions they were computed."""
    said = said_of(step)
    view = said["view"]
    words = [
        [
            Fact(name="Reading", raw=name, form=Form.WORD, note=MEANINGS.get(name, "")),
            Fact(name="Latest", raw=one["word"], form=Form.WORD),
            Fact(name="As of", raw=one["as_of"], form=Form.TIME),
            Fact(name="Source", raw=one["source"]),
        ]
        for name, one in view["words"].items()
    ]
    numbers = [
        [
            Fact(name="Reading", raw=name, form=Form.WORD, note=MEANINGS.get(name, "")),
            Fact(name="Latest", raw=one["number"], form=Form.NUMBER),
            Fact(name="As of", raw=one["as_of"], form=Form.TIME),
            Fact(name="Source", raw=one["source"]),
        ]
        for name, one in view["numbers"].items()
    ]
    unknown = [
        [Fact(name="Reading", raw=name, form=Form.WORD), Fact(name="Why", raw=why)]
        for name, why in view["unknown"].items()
    ]
    sessions = Fact(name="Sessions of history", raw=said["sessions_of_history"], form=Form.NUMBER)
    grids = (
        grid_of(f"Numbers ({len(numbers)})", numbers),
        grid_of(f"Words ({len(words)})", words),
        grid_of(f"Unknown ({len(unknown)})", unknown, folded=True),
    )
    return Shown(kind="indicators", cards=[sessions], grids=[grid for grid in grids if grid.rows])


def charts_view(step: StepRecord) -> Shown:
    """Show what each chart was drawn from; the pictures stand beside it."""
    said = said_of(step)
    grids = [_candles(name, said[name]["candles"]) for name in ("daily", "weekly") if said.get(name) is not None]
    return Shown(kind="charts", lead="" if grids else "Too few sound candles for a chart.", grids=grids)


def _candles(name: str, candles: Mapping[str, list[Any]]) -> Grid:
    count = len(candles["closes"])
    rows = [
        [
            Fact(name=word, raw=candles[key][at], form=Form.DOLLARS)
            for word, key in (("Open", "opens"), ("High", "highs"), ("Low", "lows"), ("Close", "closes"))
        ]
        for at in range(max(0, count - CANDLES_SHOWN), count)
    ]
    return grid_of(f"{name.capitalize()}: the newest of {count} candles", rows)


def analysis_view(step: StepRecord) -> Shown:
    """Show what was asked, who answered what, and what their levels are worth."""
    said, request = said_of(step), given_of(step).get("request") or {}
    reading = said["reading"]
    opinions = [one for one in (said.get("witness"), reading["opinion"]) if one is not None]
    silent = [f"rules: {reading['no_opinion']}"] if reading["opinion"] is None else []
    if said.get("silence") is not None:
        silent.append(f"{said['silence']['analyst']}: {said['silence']['reason']}")
    best = opinions[0] if opinions else None
    prompt = str(request.get("prompt") or "")
    asked = [Fact(name="characters asked", raw=len(prompt), form=Form.NUMBER)] if prompt else []
    return Shown(
        kind="llm",
        badge="no opinion" if best is None else str(best["direction"]),
        tone="" if best is None else {"bullish": "profit", "bearish": "loss"}.get(best["direction"], ""),
        lead="It decides." if said["decides"] else "It is recorded and decides nothing.",
        facts=asked,
        grids=[grid_of("Opinions", [_opinion(one) for one in opinions])] if opinions else [],
        lines=[*(f"{one['analyst']}: {reason}" for one in opinions for reason in one["reasons"]), *silent],
        prompt=prompt,
        prompt_reference=str(request.get("prompt_reference") or ""),
        risk_reward=None if best is None else _levels(best),
    )


def _opinion(one: Told) -> list[Fact]:
    return [
        Fact(name="Analyst", raw=one["analyst"]),
        Fact(name="Model", raw=one["model"] or None),
        Fact(name="Direction", raw=one["direction"], form=Form.WORD),
        Fact(name="Confidence", raw=one["confidence"], form=Form.PART),
        Fact(name="Entry", raw=one["entry"], form=Form.DOLLARS),
        Fact(name="Stop", raw=one["stop"], form=Form.DOLLARS),
        Fact(name="Targets", raw=one["targets"], form=Form.DOLLARS),
    ]


def _levels(one: Told) -> Any:
    entry, stop = decimal_of(one["entry"]), decimal_of(one["stop"])
    target = decimal_of(one["targets"][0]) if one["targets"] else None
    if entry is None or stop is None or target is None:
        return None
    return risk_reward(abs(entry - stop), abs(target - entry))


def signal_view(step: StepRecord) -> Shown:
    """Show whether to enter: the price, the stop and the targets, the confidence, and reward against risk."""
    said, strategy = said_of(step), given_of(step)["strategy"]
    found, score, answer = said["evaluation"], said.get("score"), said["verdict"]["answer"]
    cards = [
        Fact(
            name="Entry at mid, per share", raw=found["mid_price"], form=Form.SIGNED, tone=tone_of(found["mid_price"])
        ),
        *_exits(strategy, "stop_loss", "Stop"),
        *_exits(strategy, "profit_target", "Target"),
        *([] if score is None else [_score(score)]),
    ]
    loss, profit = ("is_loss_unlimited", "max_loss", "max loss"), ("is_profit_unlimited", "max_profit", "max profit")
    facts = [
        Fact(name="structure", raw=found["structure_name"], form=Form.WORD),
        Fact(name="entry at natural", raw=found["natural_price"], form=Form.SIGNED),
        *(_bounded(found, *which) for which in (profit, loss)),
        Fact(name="breakeven", raw=found["breakevens"], form=Form.DOLLARS),
        Fact(name="chance of profit, by model", raw=found["pop"], form=Form.PART),
        Fact(name="underlying", raw=said["spot"], form=Form.DOLLARS),
    ]
    unlimited = found["is_loss_unlimited"] or found["is_profit_unlimited"]
    return Shown(
        kind="signal",
        badge="enter" if answer == "allow" else "do not enter",
        tone="profit" if answer == "allow" else "loss",
        cards=cards,
        facts=facts,
        grids=[_leg_grid(found["legs"]), checks_grid(said["checks"])],
        risk_reward=None if unlimited else risk_reward(decimal_of(found["max_loss"]), decimal_of(found["max_profit"])),
    )


def _score(score: Told) -> Fact:
    note = f"{score['label'].replace('_', ' ')}, least {score['minimum']}"
    return Fact(name="Confidence, by score", raw=score["total"], form=Form.NUMBER, note=note)


def _exits(strategy: Told, kind: str, name: str) -> list[Fact]:
    return [
        Fact(name=name, raw=rule["threshold"], form=Form.NUMBER, note=rule["unit"].replace("_", " "))
        for rule in strategy["exits"]
        if rule["kind"] == kind
    ][:2]


def _bounded(found: Told, flag: str, key: str, name: str) -> Fact:
    # What has no bound is said so by its flag; a number that is not there says nothing.
    if found[flag]:
        return Fact(name=f"{name} unlimited", raw=found[flag])
    return Fact(name=name, raw=found[key], form=Form.DOLLARS)


def _leg_grid(legs: Sequence[Told]) -> Grid:
    rows = [
        [
            Fact(name="Leg", raw=one["name"], note=f"{one['leg']['ratio']:+d}"),
            Fact(name="Expiration", raw=one["leg"]["contract"]["expires_on"]),
            Fact(name="Right", raw=one["leg"]["contract"]["right"]),
            Fact(name="Strike", raw=one["leg"]["contract"]["strike"], form=Form.NUMBER),
            Fact(name="Bid", raw=one["bid"], form=Form.NUMBER),
            Fact(name="Ask", raw=one["ask"], form=Form.NUMBER),
            Fact(name="Delta", raw=one["delta"], form=Form.NUMBER),
            Fact(name="IV", raw=one["iv"], form=Form.PART),
            Fact(name="Age, s", raw=one["quote_age_seconds"], form=Form.NUMBER),
        ]
        for one in legs
    ]
    return grid_of("Legs", rows)


def checks_grid(checks: Sequence[Told], title: str = "Checks") -> Grid:
    """Return recorded checks as a table, those that said no first."""
    ordered = sorted(checks, key=lambda check: check["verdict"]["answer"] == "allow")
    rows = [
        [
            Fact(name="Check", raw=check["name"], form=Form.WORD),
            Fact(name="Answer", raw=check["verdict"]["answer"]),
            Fact(name="Found", raw=check["value"]),
            Fact(name="Limit", raw=check["limit"]),
            Fact(name="Reason", raw=check["verdict"]["reason"] or ""),
        ]
        for check in ordered
    ]
    return grid_of(f"{title} ({len(rows)})", rows, folded=all(one["verdict"]["answer"] == "allow" for one in checks))
