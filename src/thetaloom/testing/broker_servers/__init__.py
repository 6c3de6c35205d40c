"""Loopback servers that speak brokers' own protocols over one exchange, for tests, benches and practice.

What a server takes, fills and settles is judged by the paper broker behind it, see ``backend``; the server itself only
translates, strictly, and does what a test plans to go wrong.
"""

from typing import Protocol

from thetaloom.testing.broker_servers.backend import Backend


class BrokerServer(Protocol):
    """One simulated broker on loopback, in threads of its own."""

    @property
    def backend(self) -> Backend:
        """The exchange behind it."""
        ...

    @property
    def faults(self) -> list[str]:
        """What the other side did that the protocol does not allow."""
        ...

    @property
    def options(self) -> dict[str, str]:
        """What ``BrokerSetup.options`` needs to reach it."""
        ...

    @property
    def secrets(self) -> dict[str, str]:
        """What ``BrokerSetup.secrets`` needs to sign in."""
        ...

    @property
    def account(self) -> str:
        """The number of the account, as the other side is told it."""
        ...

    def start(self) -> None:
        """Listen on a free port."""
        ...

    def stop(self) -> None:
        """Hang up and end."""
        ...

    def drop_streams(self) -> None:
        """Cut every line that is open."""
        ...

    def mute(self, on: bool) -> None:
        """Keep the lines open and say nothing more on them, or speak again."""
        ...

    def expire_tokens(self) -> None:
        """Let every token that was given out end now."""
        ...

    def go_down(self, on: bool) -> None:
        """Answer nobody, or come back."""
        ...
