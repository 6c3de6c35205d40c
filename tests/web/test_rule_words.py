"""A strategy's newer rules in words."""

from decimal import Decimal

from tests.domain.strategy.samples import CALENDAR, TRIDENT
from thetaloom.domain.strategy.documents import parse_strategy
from thetaloom.domain.strategy.metrics import WordMetric
from thetaloom.domain.strategy.rule_words import score_words, stop_words
from thetaloom.domain.strategy.score_rules import HardStops, ScoreTerm, ScoreWhen, ScoreWord
from thetaloom.web.pages.words import in_words


def test_a_trident_is_told_in_words() -> None:
    said = {group.title: list(group.lines) for group in in_words(parse_strategy(TRIDENT | {"shares": 100}))}

    assert said["Legs"] == [
        "short_put: sell 2 put at the strike 0 % out of the money from spot, rounded to a multiple of 2 dollars, "
        "exactly.",
        "long_put: buy 2 put at the strike a width by the table away from short_put.",
        "short_call: sell 1 call at the strike of short_put.",
        "long_call: buy 1 call at the strike a width by the table away from short_call.",
        "Beside 100 shares per structure that the account holds already.",
        "Width in dollars by tradeable capital: 3 below 25000, 5 below 50000, 7 below 75000, 9.",
        "Without short_call, long_call when rsi_14 > 70: Relative strength index over 14 days, 0 to 100.",
    ]
    assert said["Targets"][0] == (
        "put_spread_1: 1 of short_put, long_put at a profit of 40 % of their premium, by an order of its own."
    )


def test_a_calendar_is_told_in_words() -> None:
    guarded = CALENDAR | {
        "legs": [CALENDAR["legs"][0] | {"guard": {"level": "resistance"}}, CALENDAR["legs"][1]],
        "approval": {"manual_only": True},
    }
    said = {group.title: list(group.lines) for group in in_words(parse_strategy(guarded))}

    assert said["Expiration"] == [
        "15 to 35 days away, nearest to 25; the later one 45 to 75 days away, nearest to 55, "
        "at least 1.6 times as far, at most 3 times as far."
    ]
    assert said["Legs"] == [
        "near: sell 1 call at the strike 0 % out of the money from spot, kept 2 % off resistance.",
        "far: buy 1 call of the later expiration at the strike of near.",
    ]
    assert said["Approval"][0].startswith("A person decides, always.")


def test_a_term_of_a_score_tells_every_weight_and_condition() -> None:
    (term,) = score_words(
        [
            ScoreTerm(
                word=WordMetric.MACD_STATE,
                words=(ScoreWord(word="strong_bullish", points=Decimal(30)),),
                when=ScoreWhen(word=WordMetric.TREND, expected="strong"),
                only=True,
                required=True,
                unknown_points=Decimal(-5),
            )
        ]
    )

    assert term.points == "strong bullish: +30; unknown: -5"
    assert term.note == (
        "Counts only while trend is strong. Any other word sets the score to 0. While it is unknown there is no entry."
    )


def test_no_hard_stop_no_words() -> None:
    assert list(stop_words(HardStops())) == []
