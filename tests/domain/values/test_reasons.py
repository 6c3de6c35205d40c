import pytest

from thetaloom.domain.values.reasons import ALLOWED, Answer, Reason, Verdict, denied, unknown
from thetaloom.errors import InvalidInput


@pytest.mark.parametrize("reason", Reason)
def test_each_reason_has_a_code_like_its_name_and_a_sentence(reason: Reason) -> None:
    assert reason.value == reason.name.lower() == str(reason)
    assert reason.text.endswith(".")
    assert reason.text[0].isupper()
    assert next(member for member in Reason if member == reason.value) is reason


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
