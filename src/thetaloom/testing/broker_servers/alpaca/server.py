"""Alpaca as a server on loopback: its trading API, its data API and its two sockets over one backend."""

from thetaloom.domain.values.ids import BrokerOrderId
from thetaloom.testing.broker_servers.alpaca.books import AlpacaShelf
from thetaloom.testing.broker_servers.alpaca.data_api import DataApi
from thetaloom.testing.broker_servers.alpaca.http import AlpacaHttp
from thetaloom.testing.broker_servers.alpaca.sockets import AlpacaSockets
from thetaloom.testing.broker_servers.alpaca.trading_api import Answer, Asked, TradingApi
from thetaloom.testing.broker_servers.alpaca.wire import (
    Json,
    ShownOrder,
    event_of,
    named,
    order_name,
    written,
)
from thetaloom.testing.broker_servers.backend import Backend, Change, Changed

SECRET = "simulated"


class AlpacaServer:
    """Implements ``testing.broker_servers.BrokerServer``."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self.faults: list[str] = []
        self.keys = ("AKSIM" if backend.is_live else "PKSIM", SECRET)
        backend.name_order = order_name
        self.shelf = AlpacaShelf(backend)
        self.trading = TradingApi(backend, self.shelf, self.faults)
        self.data = DataApi(backend, self.faults)
        self.http = AlpacaHttp(backend, self.keys, self._answer, self.faults)
        self.sockets = AlpacaSockets(self.keys, self.faults, self.data.quotes)
        self.keeps_legs_back = False  # updates tell of an order without its legs, and of each leg by itself
        self._told: dict[BrokerOrderId, str] = {}
        self._is_running = False
        backend.on_change(self._hear)
        backend.market.on_change(self._hear_market)

    @property
    def options(self) -> dict[str, str]:
        """What ``BrokerSetup.options`` needs to reach it."""
        return {
            "api_url": self.http.url,
            "data_url": self.http.url,
            "stream_url": f"{self.sockets.url}/stream",
            "data_stream_url": f"{self.sockets.url}/v1beta1/opra",
            "option_feed": "opra",
            "requests_per_minute": "60000",
            "fresh_seconds": "0.001",
        }

    @property
    def secrets(self) -> dict[str, str]:
        """What ``BrokerSetup.secrets`` needs to sign in."""
        return {"key-id": self.keys[0], "secret-key": self.keys[1]}

    @property
    def account(self) -> str:
        """The number of the account."""
        return self.backend.account_number

    def start(self) -> None:
        """Listen on free ports."""
        self.http.start()
        self.sockets.start()
        self._is_running = True

    def stop(self) -> None:
        """Hang up and end."""
        self._is_running = False
        self.http.stop()
        self.sockets.stop()

    def drop_streams(self) -> None:
        """Cut every socket."""
        self.sockets.drop()

    def mute(self, on: bool) -> None:
        """Keep the sockets open and say nothing more on them, or speak again."""
        self.sockets.mute(on)

    def expire_tokens(self) -> None:
        """Change nothing: Alpaca's keys do not end by themselves, and there are no tokens."""

    def go_down(self, on: bool) -> None:
        """Answer nobody, or come back on the same ports."""
        if on and self._is_running:
            self._is_running = False
            self.http.stop()
            self.sockets.pause()
        elif not on and not self._is_running:
            self.http.start()
            self.sockets.start()
            self._is_running = True

    def _answer(self, asked: Asked) -> Answer | None:
        return self.trading.answer(asked) or self.data.answer(asked)

    def _hear_market(self) -> None:
        if self._is_running:
            self.sockets.tell_quotes()

    def _hear(self, change: Change) -> None:
        self.shelf.sync()
        if change.of is Changed.ACCOUNT or change.broker_order_id is None or not self._is_running:
            return
        shown = self.shelf.shown(change.broker_order_id)
        if shown is not None:
            update = self._update(shown, change)
            if update is not None and self.keeps_legs_back and len(shown.order.legs) > 1:
                for record in (*shown.leg_records(), shown.record(nested=False)):
                    self.sockets.tell_trade(update | {"order": record})
            elif update is not None:
                self.sockets.tell_trade(update)

    def _update(self, shown: ShownOrder, change: Change) -> Json | None:
        at = {"timestamp": written(self.backend.clock.now()), "order": shown.record()}
        one = change.execution
        if change.of is Changed.EXECUTION and one is not None and one.corrects:
            told = {"event": event_of(one), "reason": event_of(one).upper()}
            return at | told | {"execution_id": named(one.transaction_id), "previous_execution_id": named(one.corrects)}
        if change.of is Changed.EXECUTION and one is not None:
            return at | {
                "event": "fill" if shown.word == "filled" else "partial_fill",
                "execution_id": named(one.transaction_id),
                "price": str(one.price),
                "qty": str(abs(one.quantity)),
                "position_qty": "0",
            }
        word = shown.word
        if word in {"filled", "partially_filled"} or self._told.get(shown.order.broker_order_id) == word:
            return None
        self._told[shown.order.broker_order_id] = word
        return at | {"event": word, "event_id": named("event", shown.order.broker_order_id, word)}
