import re
from pathlib import Path

import pytest

import thetaloom
from thetaloom.config import Settings
from thetaloom.domain.values.reasons import ALLOWED, Answer, Reason, Verdict, denied, unknown
from thetaloom.errors import InvalidInput


@pytest.fixture(scope="module")
def shipped_code() -> str:
    """The code of the package but for the list of reasons itself."""
    files = Path(thetaloom.__file__).parent.rglob("*.py")
    return "\n".join(file.read_text() for file in files if file.name != "reasons.py")


@pytest.mark.parametrize("reason", Reason)
def test_each_reason_has_a_code_like_its_name_and_a_sentence(reason: Reason) -> None:
    assert reason.value == reason.name.lower() == str(reason)
    assert reason.text.endswith(".")
    assert reason.text[0].isupper()
    assert next(member for member in Reason if member == reason.value) is reason


@pytest.mark.parametrize("reason", Reason)
def test_each_reason_is_given_somewhere(reason: Reason, shipped_code: str) -> None:
    assert re.search(rf"\bReason\.{reason.name}\b", shipped_code)


@pytest.mark.parametrize("reason", Reason)
def test_the_settings_that_a_reason_names_exist(reason: Reason) -> None:
    for name in re.findall(r"[Ss]etting `(\w+)`", reason.text):
        assert name in Settings.model_fields


def test_no_two_reasons_share_a_text() -> None:
    assert len({reason.text for reason in Reason}) == len(Reason)


def test_only_a_plain_yes_allows() -> None:
    assert ALLOWED.is_allowed
    assert not denied(Reason.NO_SPOT).is_allowed
    assert not unknown(Reason.NO_SPOT).is_allowed


def test_a_no_carries_its_numbers_as_text() -> None:
    verdict = denied(Reason.CREDIT_TOO_LOW, credit=1.5, minimum="2.00", seen=None)

    assert (verdict.answer, verdict.reason) == (Answer.DENY, Reason.CREDIT_TOO_LOW)
    assert verdict.facts == {"credit": "1.5", "minimum": "2.00", "seen": "None"}
    assert unknown(Reason.NO_SPOT, at="15:00").answer is Answer.UNKNOWN


@pytest.mark.parametrize(
    ("verdict", "text"),
    [
        (ALLOWED, "allowed"),
        (denied(Reason.NO_SPOT), "no_spot"),
        (denied(Reason.CREDIT_TOO_LOW, credit="1.50", minimum="2.00"), "credit_too_low (credit=1.50, minimum=2.00)"),
    ],
)
def test_a_verdict_reads_as_a_line(verdict: Verdict, text: str) -> None:
    assert str(verdict) == text


@pytest.mark.parametrize("answer", [Answer.DENY, Answer.UNKNOWN])
def test_a_no_without_a_reason_cannot_be_made(answer: Answer) -> None:
    with pytest.raises(InvalidInput, match="reason"):
        Verdict(answer=answer)
