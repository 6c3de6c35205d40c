"""A server on loopback that speaks OpenAI's chat protocol, images included, and fails in every way one can fail."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import Any

from thetaloom.testing.loopback_http import LoopbackHttp, Quiet

SLOW_SECONDS_MAX = 30.0
GOOD: dict[str, Any] = {
    "direction": "bullish",
    "confidence": 72,
    "confidence_label": "MEDIUM",
    "entry": 100,
    "stop": 96,
    "targets": [108, 112],
    "reasons": ["The price stands above its averages.", "MACD crossed upward.", "Volume confirms it."],
}
Script = Callable[["Exchange"], None]


class Exchange:
    """One request, and the ways to answer it."""

    def __init__(self, handler: BaseHTTPRequestHandler, body: dict[str, Any], server: "LlmServer") -> None:
        self._handler = handler
        self.body = body
        self.server = server
        self.authorization = handler.headers.get("authorization", "")

    @property
    def pictures(self) -> list[str]:
        """The images of the request, as data URLs."""
        parts = [part for message in self.body["messages"] for part in _parts(message)]
        return [part["image_url"]["url"] for part in parts if part.get("type") == "image_url"]

    @property
    def words(self) -> str:
        """All text of the request."""
        parts = [part for message in self.body["messages"] for part in _parts(message)]
        return "\n".join(part["text"] for part in parts if part.get("type") == "text")

    def say(self, text: str | None, **more: Any) -> None:
        """Answer with a model's words; ``more`` changes the choice, such as ``finish_reason`` or ``refusal``."""
        choice = {
            "index": 0,
            "finish_reason": more.pop("finish_reason", "stop"),
            "message": {"role": "assistant", "content": text, **more},
        }
        usage = {"prompt_tokens": 1200, "completion_tokens": 150, "total_tokens": 1350}
        answer = {"id": "1", "object": "chat.completion", "created": 1, "model": "test", "choices": [choice]}
        self.send(200, json.dumps({**answer, "usage": usage}).encode())

    def send(self, status: int, content: bytes, **headers: str) -> None:
        """Answer with anything."""
        self._handler.send_response(status)
        self._handler.send_header("content-type", "application/json")
        self._handler.send_header("content-length", str(len(content)))
        for name, entry in headers.items():
            self._handler.send_header(name, entry)
        self._handler.end_headers()
        self._handler.wfile.write(content)

    def stream(self, content: bytes, times: int) -> None:
        """Answer with the same bytes again and again, without saying how many there are."""
        self._handler.send_response(200)
        self._handler.send_header("content-type", "application/json")
        self._handler.end_headers()
        for _ in range(times):
            self._handler.wfile.write(content)

    def cut(self, content: bytes = b"") -> None:
        """Break the connection off, before a word of the answer or in the middle of ``content``."""
        if content:
            self._handler.send_response(200)
            self._handler.send_header("content-type", "application/json")
            self._handler.send_header("content-length", str(len(content)))
            self._handler.end_headers()
            self._handler.wfile.write(content[: len(content) // 2])
            self._handler.wfile.flush()
        self._handler.close_connection = True
        self._handler.connection.shutdown(socket.SHUT_RDWR)

    def hang(self) -> None:
        """Never answer while the server stands."""
        self.server.over.wait(SLOW_SECONDS_MAX)

    def drip(self) -> None:
        """Answer a byte at a time, each before a reader's own time-out; there is never an end."""
        self._handler.send_response(200)
        self._handler.end_headers()
        while not self.server.over.wait(0.05):
            self._handler.wfile.write(b" ")
            self._handler.wfile.flush()


class LlmServer:
    """What the server was asked, and what it answers; the last script answers all that follows."""

    def __init__(self, *scripts: Script) -> None:
        self.scripts = list(scripts) or [answering(GOOD)]
        self.exchanges: list[Exchange] = []
        self.over = threading.Event()
        self.url = ""

    def answer(self, exchange: Exchange) -> None:
        """Answer by the next script."""
        self.exchanges.append(exchange)
        self.scripts[min(len(self.exchanges), len(self.scripts)) - 1](exchange)


@contextmanager
def llm_server(*scripts: Script) -> Iterator[LlmServer]:
    """Run a server that answers by ``scripts``, one a request."""
    state = LlmServer(*scripts)

    class Handler(Quiet, BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # the name that http.server looks for
            length = int(self.headers.get("content-length", 0))
            try:
                state.answer(Exchange(self, json.loads(self.rfile.read(length)), state))
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True  # whoever asked has left

    server = LoopbackHttp(Handler)
    state.url = f"{server.url}/v1"
    server.start()
    try:
        yield state
    finally:
        state.over.set()
        server.stop()


def answering(opinion: dict[str, Any], **changes: Any) -> Script:
    """Answer with an opinion, with some of its fields changed."""
    text = json.dumps({**opinion, **changes})
    return lambda exchange: exchange.say(text)


def saying(text: str | None, **more: Any) -> Script:
    """Answer with these words."""
    return lambda exchange: exchange.say(text, **more)


def calling_a_tool(name: str, arguments: dict[str, Any]) -> Script:
    """Answer with the call of a tool instead of words."""
    call = {"id": "1", "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}
    return lambda exchange: exchange.say(None, finish_reason="tool_calls", tool_calls=[call])


def guarded(key: str, *models: str) -> Script:
    """Answer as servers do: a wrong key is 401, an unknown model 404, anything else an opinion."""

    def answer(exchange: Exchange) -> None:
        if exchange.authorization != f"Bearer {key}":
            exchange.send(401, b'{"error": {"message": "Incorrect API key provided", "code": "invalid_api_key"}}')
        elif exchange.body["model"] not in models:
            exchange.send(404, b'{"error": {"message": "The model does not exist", "code": "model_not_found"}}')
        else:
            answering(GOOD)(exchange)

    return answer


def failing(status: int, content: bytes = b'{"error": {"message": "no"}}', **headers: str) -> Script:
    """Answer with an error."""
    return lambda exchange: exchange.send(status, content, **headers)


def _parts(message: dict[str, Any]) -> list[dict[str, Any]]:
    content = message.get("content") or ""
    return [{"type": "text", "text": content}] if isinstance(content, str) else content
