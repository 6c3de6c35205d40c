"""A template reads the values it is given, and can do nothing else; and it always ends."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thetaloom.domain.run.prompt_text import RENDERED_MAX, check_template, render
from thetaloom.domain.run.prompt_values import EXAMPLE, NAMES
from thetaloom.domain.run.prompts import Prompt, PromptKind, PromptLanguage, choose, parts_of, reference_of
from thetaloom.domain.values.ids import PromptId, StrategyId
from thetaloom.errors import InvalidInput, ThetaloomError
from thetaloom.store.prompt_catalogue import load_prompts

ROWS = [{"close": at} for at in range(300)]
VALUES = {
    "symbol": "SPY",
    "price": Decimal("1234.565"),
    "change": Decimal("-0.0525"),
    "nothing": None,
    "rows": ROWS,
    "ind": {"rsi": 58.25, "items": 3},
    "now": datetime(2026, 1, 6, 15, 30, tzinfo=UTC),
    "today": date(2026, 1, 6),
}
READS = (
    ("{{ price | round_decimal }}", "1234.56"),  # half to even
    ("{{ price | round_decimal(1) }} {{ nothing | round_decimal }}", "1234.6 (unknown)"),
    ("{{ change | format_percent }} {{ change | abs | format_percent(1) }}", "-5.25% 5.2%"),
    ("{{ price | format_currency }} {{ change | format_currency('€', 3) }}", "$1,234.56 -€0.052"),
    ("{{ now() | datetimeformat }} {{ now | datetimeformat('%H:%M') }}", "2026-01-06 15:30 UTC 15:30"),
    ("{{ today() | dateformat }} {{ now | dateformat('%d.%m.%Y') }}", "2026-01-06 06.01.2026"),
    ("{{ nothing | default_if_none('none') }} {{ absent | default('gone') }}", "none gone"),
    ("{{ ind.rsi }} {{ ind['rsi'] }} {{ ind.items }}", "58.25 58.25 3"),
    ("{% for row in rows[-2:] %}{{ loop.index }}={{ row.close }}{{ ';' if not loop.last }}{% endfor %}", "1=298;2=299"),
    ("{% for name, number in ind | items %}{{ name }} {% endfor %}", "rsi items"),
    ("{% if price > 1000 and symbol in ['SPY', 'QQQ'] %}yes{% else %}no{% endif %}", "yes"),
    ("{{ price * 2 - 1 }} {{ rows | length }} {{ rows[0].close ~ symbol }}", "2468.130 300 0SPY"),
    ("{{ '{{ symbol }}' }} {{ absent is defined }} {{ nothing is none }}", "{{ symbol }} False True"),
)


@pytest.mark.parametrize(("template", "text"), READS)
def test_a_template_reads_its_values(template: str, text: str) -> None:
    assert render(template, VALUES).text == text


PIECES = (*"{}%|.()[]'\"ax_ 09*~-+\n", "{{", "}}", "{% ", " %}", "for ", "in ", "if ", "endfor", "endif", "rows")
ESCAPES = (
    "{{ symbol.__class__ }}",
    "{{ symbol['__class__'] }}",
    "{{ symbol | attr('__class__') }}",
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{{ symbol.upper() }}",
    "{{ rows.append(1) }}",
    "{{ ind.update({}) }}",
    "{{ now.__reduce__ }}",
    "{{ now.year.__class__ }}",
    "{{ now(1) }}",
    "{{ self }}",
    "{{ self._TemplateReference__context }}",
    "{{ _ }}",
    "{{ caller() }}",
    "{{ varargs }}",
    "{{ cycler.__init__.__globals__.os }}",
    "{{ lipsum() }}",
    "{{ namespace() }}",
    "{{ range(10) }}",
    "{{ dict(a=1) }}",
    "{{ rows | map(attribute='__class__') | list }}",
    "{{ rows | tojson }}",
    "{{ symbol | format(1) }}",
    "{{ '%s' % symbol }}",
    "{{ symbol * 1000000000 }}",
    "{{ rows + rows }}",
    "{{ 9 ** 9 ** 9 }}",
    "{{ " + "9" * 6000 + " }}",
    "{{ " + "(" * 3000 + "1" + ")" * 3000 + " }}",
    "{{ " + "-" * 3000 + "1 }}",
    "{% set x = 1 %}",
    "{% set x %}{% endset %}",
    "{% macro m() %}{% endmacro %}",
    "{% import 'x' as y %}",
    "{% from 'x' import y %}",
    "{% include '/etc/passwd' %}",
    "{% extends 'x' %}",
    "{% block x %}{% endblock %}",
    "{% call symbol() %}{% endcall %}",
    "{% filter upper %}{% endfilter %}",
    "{% with a = 1 %}{% endwith %}",
    "{% autoescape true %}{% endautoescape %}",
    "{% for x in rows recursive %}{{ loop(x) }}{% endfor %}",
    "{% for x in 'abc' %}{% endfor %}",
    "{% for x in symbol %}{{ x }}{% endfor %}",
    "{% for a in rows %}{% for b in rows %}{% for c in rows %}{% endfor %}{% endfor %}{% endfor %}",
    "{% for a in rows %}{% for b in rows %}{% if a == b %}{% endif %}{% endfor %}{% endfor %}",
    "{% for a in rows %}" + "{{ rows | join }}" * 60 + "{% endfor %}",
    "{% for a in rows %}" + "x" * 300 + "{% endfor %}",
    "{{ rows | counted(1) }}",
    "{{ price | round_decimal(999999999) }}",
    "{{ now | datetimeformat('" + "%c" * 100 + "') }}",
    "{{ price / 0 }}",
    "{{ absent }}",
    "{{ ind.absent }}",
    "{{ rows[999].close }}",
    "{{ loop.index }}",
    "{{ unclosed",
    "x" * 20_001,
    " ",
)


@pytest.mark.parametrize("template", ESCAPES, ids=range(len(ESCAPES)))
def test_a_template_reaches_nothing_else_and_ends(template: str) -> None:
    with pytest.raises(InvalidInput):
        render(template, VALUES)


def test_what_is_missing_is_listed_and_never_a_number() -> None:
    found = render(
        "{{ absent }} {{ ind.gone | round_decimal }} {% for x in away %}{{ x }}{% endfor %}", VALUES, strict=False
    )

    assert found.text == "(unknown) (unknown)" and set(found.missing) == {"absent", "gone", "away"}


@pytest.mark.parametrize("value", [object(), b"x", lambda: 1, [[[[[[[1]]]]]]], list(range(500)), type])
def test_only_plain_data_is_given_to_a_template(value: object) -> None:
    with pytest.raises(InvalidInput):
        render("{{ x }}", {"x": value})


@given(st.lists(st.sampled_from(PIECES), max_size=60).map("".join))
@settings(max_examples=300, deadline=None)
def test_any_text_is_a_template_or_is_refused_in_words(text: str) -> None:
    try:
        assert len(render(text, VALUES, strict=False).text) <= RENDERED_MAX
    except ThetaloomError as error:
        assert error.message


@given(st.text(max_size=200))
@settings(deadline=None)
def test_a_value_is_never_read_as_a_template(text: str) -> None:
    assert render("a{{ x }}b", {"x": text}).text == render("a{{ x }}b", {"x": text}, strict=False).text
    assert "{{" not in text or "{{" in render("a{{ x }}b", {"x": text}).text


def test_the_shipped_templates_are_filled_in_strictly_and_read_only_what_is_supplied() -> None:
    for prompt in load_prompts():
        assert set(check_template(prompt.text)) <= set(NAMES) == set(EXAMPLE)
        assert render(prompt.text, EXAMPLE).text


def a_prompt(name: str, **changes: object) -> Prompt:
    fields = {"name": name, "kind": PromptKind.ANALYSIS, "language": PromptLanguage.ENGLISH, "text": "x"}
    return Prompt(**{**fields, **changes, "id": PromptId(name)})  # type: ignore[arg-type]  # fields of the right kinds


def test_a_strategys_own_template_goes_before_the_default_and_an_inactive_one_is_not_used() -> None:
    own, mine = StrategyId("own"), a_prompt("b", strategy_id=StrategyId("own"))
    usual, off = a_prompt("c", is_default=True), a_prompt("a", strategy_id=StrategyId("own"), is_active=False)
    every = [usual, mine, off, a_prompt("d")]

    assert choose(every, PromptKind.ANALYSIS, PromptLanguage.ENGLISH, own) == mine
    assert choose(every, PromptKind.ANALYSIS, PromptLanguage.ENGLISH, StrategyId("other")) == usual
    assert choose(every, PromptKind.ANALYSIS, PromptLanguage.ENGLISH, None) == usual
    assert choose(every, PromptKind.SYSTEM, PromptLanguage.ENGLISH, own) is None
    assert reference_of(parts_of(every, PromptLanguage.CHINESE, own)) == "b@1"  # English stands in
