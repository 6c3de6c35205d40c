"""The page of signals lists every message that a sender can be answered with."""

import re

from tests.docs.conftest import ROOT
from thetaloom.domain.run.signal_faults import Fault
from thetaloom.domain.run.signal_intake import Answer
from thetaloom.domain.run.signal_reading import SYNONYMS
from thetaloom.domain.run.signal_shapes import EVERY_SHAPE
from thetaloom.domain.values.reasons import Reason
from thetaloom.web import webhooks
from thetaloom.web.api.signals import STATUSES
from tools.docs.signals_page import ANSWERS, REASONS, signals_page

PAGE = ROOT / "docs" / "reference" / "signals.md"
CODES = set(re.findall(r"^\| `([a-z_-]+)`", PAGE.read_text() if PAGE.exists() else "", re.MULTILINE))


def test_the_page_is_current() -> None:
    assert PAGE.read_text() == signals_page()


def test_every_answer_is_listed_with_its_status() -> None:
    assert {word: status for word, status, _ in ANSWERS} == {one.value: STATUSES.get(one, 202) for one in Answer}


def test_every_code_that_a_sender_can_get_is_listed() -> None:
    refused = {one.code for one in vars(webhooks).values() if isinstance(one, webhooks.Refused)}

    assert refused == {one.code for one in webhooks.REFUSALS}
    assert {one.value for one in Fault} | refused | {one.value for one in REASONS} <= CODES


def test_every_reason_that_the_intake_gives_is_listed() -> None:
    source = (ROOT / "src/thetaloom/domain/run/signal_intake.py").read_text()
    source += (ROOT / "src/thetaloom/domain/run/signal_shapes.py").read_text()
    source += (ROOT / "src/thetaloom/engine/signals.py").read_text()
    used = {Reason[name] for name in re.findall(r"Reason\.([A-Z_]+)\b", source)}

    assert used <= set(REASONS)


def test_every_field_and_form_is_listed() -> None:
    assert {*SYNONYMS, *EVERY_SHAPE} <= CODES
