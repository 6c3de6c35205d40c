"""One question to a language model and its answer, through pydantic-ai, which is imported only when asked.

Whatever goes wrong comes back as ``NoAnswer`` with a word of ours. The words of a server or of a library are never
passed on: a server may repeat the key that it was sent.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from thetaloom.analysts.answers import Failure, NoAnswer, answer_schema

if TYPE_CHECKING:
    from pydantic_ai.messages import ModelResponse
    from pydantic_ai.models import Model

BYTES_MAX = 2_000_000  # of one response of a server
FORM = "opinion"
OPENAI_COMPATIBLE = "openai"
TRANSIENT = (408, 409, 425, 429)  # and all of 500 to 599: another try may help
STARS = "**********"
LIBRARY = ("pydantic_ai.direct", "pydantic_ai.models.openai", "httpx2")
NEVER_SENT = ("ConnectError", "ConnectTimeout", "ProxyError", "UnsupportedProtocol")  # by the names of their classes


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where a model is and how it is asked. ``base_url`` makes it any server that speaks OpenAI's protocol."""

    model: str  # provider:name, or the bare name of a model behind ``base_url``
    base_url: str = ""
    key: str = ""
    timeout_seconds: float = 60.0
    temperature: float | None = 0.1
    tokens_max: int = 4096
    is_constrained: bool = True  # the server is told the form as a JSON schema; otherwise only the prompt says it

    def __repr__(self) -> str:
        return f"Endpoint(model={self.model!r}, base_url={self.base_url!r}, key={STARS!r})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What a model is shown."""

    instructions: str
    prompt: str
    pictures: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What came back; tokens are ``None`` where the server did not count. A failed reply has been paid for too."""

    text: str
    input_tokens: int | None
    output_tokens: int | None
    failure: Failure | None = None  # why the text is no answer, whatever it says
    explanation: str = ""


class Trouble(NoAnswer):
    """A failure on the way; ``is_transient`` says that another try may help, ``may_cost`` that it may be billed."""

    def __init__(self, failure: Failure, explanation: str = "", *, is_transient: bool, may_cost: bool = False) -> None:
        super().__init__(failure, explanation)
        self.is_transient = is_transient
        self.may_cost = may_cost


def ask(endpoint: Endpoint, question: Question) -> Reply:
    """Ask once and wait for the answer no longer than the endpoint's time. Raises ``NoAnswer``."""
    _import_all()
    try:
        return asyncio.run(_ask(endpoint, question))
    except TimeoutError:
        seconds = f"{endpoint.timeout_seconds:g} s"
        raise Trouble(Failure.TIMED_OUT, seconds, is_transient=True, may_cost=True) from None


def _import_all() -> None:
    # The first import takes seconds, and they are not the model's. Where a part is absent the asking says so.
    for name in LIBRARY:
        with suppress(ImportError):
            import_module(name)


async def _ask(endpoint: Endpoint, question: Question) -> Reply:
    async with asyncio.timeout(endpoint.timeout_seconds):
        return await _translated(endpoint, question)


async def _translated(endpoint: Endpoint, question: Question) -> Reply:
    from pydantic_ai import exceptions

    try:
        return _reply(await _request(endpoint, question))
    except exceptions.ModelHTTPError as error:
        raise _of_status(error.status_code) from None
    except exceptions.ContentFilterError:  # the model has read the question all the same
        raise Trouble(Failure.REFUSED_BY_MODEL, is_transient=False, may_cost=True) from None
    except exceptions.UnexpectedModelBehavior as error:
        raise Trouble(Failure.MALFORMED, type(error).__name__, is_transient=False, may_cost=True) from None
    except exceptions.ModelAPIError as error:
        raise _of_connection(error) from None
    except (exceptions.UserError, ImportError, ValueError) as error:
        raise NoAnswer(Failure.NOT_SET_UP, f"{endpoint.model}: {type(error).__name__}") from None


async def _request(endpoint: Endpoint, question: Question) -> "ModelResponse":
    from pydantic_ai.direct import model_request
    from pydantic_ai.messages import BinaryContent, ModelRequest, SystemPromptPart, UserPromptPart
    from pydantic_ai.models import ModelRequestParameters
    from pydantic_ai.output import OutputObjectDefinition
    from pydantic_ai.settings import ModelSettings

    settings = ModelSettings(max_tokens=endpoint.tokens_max, timeout=endpoint.timeout_seconds)
    if endpoint.temperature is not None:
        settings["temperature"] = endpoint.temperature
    form = OutputObjectDefinition(json_schema=answer_schema(), name=FORM, strict=True)
    parameters = ModelRequestParameters(
        output_mode="native" if endpoint.is_constrained else "text",
        output_object=form if endpoint.is_constrained else None,
    )
    pictures = [BinaryContent(data=picture, media_type="image/png") for picture in question.pictures]
    request = ModelRequest(
        parts=[SystemPromptPart(question.instructions), UserPromptPart([question.prompt, *pictures])]
    )
    async with _client() as client:
        model = _model(endpoint, client)
        return await model_request(model, [request], model_settings=settings, model_request_parameters=parameters)


def _model(endpoint: Endpoint, client: Any) -> "Model":
    from pydantic_ai.models import infer_model
    from pydantic_ai.providers import infer_provider_class

    if endpoint.base_url:
        return _compatible(endpoint, client)

    def provider(name: str) -> Any:
        kind: Any = infer_provider_class(name)
        return kind(api_key=endpoint.key, http_client=client) if endpoint.key else kind(http_client=client)

    return infer_model(endpoint.model, provider)


def _compatible(endpoint: Endpoint, client: Any) -> "Model":
    from openai import AsyncOpenAI
    from pydantic_ai.models.openai import OpenAIChatModel
    from pydantic_ai.providers.openai import OpenAIProvider

    # The library tries no second time by itself: each try is one of ours, with its place in the budget.
    server = AsyncOpenAI(
        base_url=endpoint.base_url,
        api_key=endpoint.key or "none",
        http_client=client,
        max_retries=0,
        timeout=endpoint.timeout_seconds,
    )
    name = endpoint.model.removeprefix(f"{OPENAI_COMPATIBLE}:")
    return OpenAIChatModel(name, provider=OpenAIProvider(openai_client=server))


def _client() -> Any:
    # No redirects: a key is sent to the address that was set, and nowhere else.
    import httpx2

    class Bounded(httpx2.AsyncHTTPTransport):
        async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
            response = await super().handle_async_request(request)
            assert isinstance(response.stream, httpx2.AsyncByteStream)
            response.stream = _Counted(response.stream)
            return response

    class _Counted(httpx2.AsyncByteStream):
        def __init__(self, stream: httpx2.AsyncByteStream) -> None:
            self._stream = stream

        async def __aiter__(self) -> AsyncIterator[bytes]:
            size = 0
            async for chunk in self._stream:
                size += len(chunk)
                if size > BYTES_MAX:
                    raise Trouble(Failure.TOO_LONG, f"over {BYTES_MAX} bytes", is_transient=False, may_cost=True)
                yield chunk

        async def aclose(self) -> None:
            await self._stream.aclose()

    return httpx2.AsyncClient(transport=Bounded(), follow_redirects=False)


def _reply(response: "ModelResponse") -> Reply:
    from pydantic_ai.messages import TextPart

    failure, explanation = _flaw(response)
    texts = [part.content for part in response.parts if isinstance(part, TextPart)]
    usage = response.usage
    return Reply(
        text="".join(texts),
        input_tokens=usage.input_tokens or None,
        output_tokens=usage.output_tokens or None,
        failure=failure,
        explanation=explanation,
    )


def _flaw(response: "ModelResponse") -> tuple[Failure | None, str]:
    from pydantic_ai.messages import ToolCallPart

    if response.finish_reason == "content_filter":
        return Failure.REFUSED_BY_MODEL, ""
    if response.finish_reason == "length":
        return Failure.CUT_OFF, ""
    if any(isinstance(part, ToolCallPart) for part in response.parts):  # no tool was offered
        return Failure.MALFORMED, "a tool call"
    return None, ""


def _of_status(status: int) -> Trouble:
    if status == 429:
        return Trouble(Failure.RATE_LIMITED, "HTTP 429", is_transient=True)
    if status >= 500:
        return Trouble(Failure.SERVER_ERROR, f"HTTP {status}", is_transient=True)
    return Trouble(Failure.REFUSED_BY_SERVER, f"HTTP {status}", is_transient=status in TRANSIENT)


def _of_connection(error: BaseException) -> NoAnswer:
    causes: Sequence[BaseException] = _causes(error)
    ours = next((cause for cause in causes if isinstance(cause, NoAnswer)), None)
    if ours is not None:
        return ours
    status = next((cause.status_code for cause in causes if hasattr(cause, "status_code")), None)
    if isinstance(status, int):  # such as a redirect, which is not followed
        return _of_status(status)
    names = [type(cause).__name__ for cause in causes]
    if any(name in NEVER_SENT for name in names):
        return Trouble(Failure.UNREACHABLE, is_transient=True)
    if any("timeout" in name.lower() for name in names):
        return Trouble(Failure.TIMED_OUT, is_transient=True, may_cost=True)
    if any(isinstance(cause, ValueError) for cause in causes):  # something answered, but not in JSON
        return Trouble(Failure.MALFORMED, "no JSON", is_transient=False, may_cost=True)
    return Trouble(Failure.CONNECTION_CUT, is_transient=True, may_cost=True)


def _causes(error: BaseException) -> list[BaseException]:
    found: list[BaseException] = []
    step: BaseException | None = error
    while step is not None and step not in found:
        found.append(step)
        step = step.__cause__ or step.__context__
    return found
