import re

import pytest

from thetaloom.domain.run.events import EventKind


@pytest.mark.parametrize("kind", EventKind)
def test_an_event_is_named_alike_in_code_and_in_the_store(kind: EventKind) -> None:
    assert kind.value.lower() == kind.name.replace("_", "").lower()


@pytest.mark.parametrize("kind", EventKind)
def test_an_event_is_a_fact_in_the_past(kind: EventKind) -> None:
    last = re.findall(r"[A-Z][a-z]+", kind.value)[-1]

    assert last.endswith("ed")
