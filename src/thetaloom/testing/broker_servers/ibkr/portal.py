"""A Client Portal gateway on loopback: only how its login stands."""

import json
from http.server import BaseHTTPRequestHandler

from thetaloom.testing.loopback_http import LoopbackHttp, Quiet

ROUTES = ("/v1/api/tickle", "/v1/api/iserver/auth/status")


class PortalServer:
    """Answers the routes that tell of the login."""

    def __init__(self) -> None:
        self.told: dict[str, bool] = {"authenticated": True, "competing": False, "connected": True}
        self.http_status = 200
        server = self

        class _Handler(Quiet, BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                server.answer(self)

        self._http = LoopbackHttp(_Handler)
        self.asked: list[str] = []

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"{self._http.url}/v1/api/"

    def start(self) -> None:
        """Listen."""
        self._http.start()

    def stop(self) -> None:
        """End."""
        self._http.stop()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        """Answer one request."""
        self.asked.append(request.path)
        status = self.http_status if request.path in ROUTES else 404
        body = {"session": "s1", "iserver": {"authStatus": self.told}} if "tickle" in request.path else self.told
        text = json.dumps(body).encode()
        request.send_response(status)
        request.send_header("Content-Type", "application/json")
        request.send_header("Content-Length", str(len(text)))
        request.end_headers()
        request.wfile.write(text)
