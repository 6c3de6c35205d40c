"""What every route is given: the platform to read from, and the engine to command."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, TypeVar

from fastapi import Depends
from starlette.concurrency import run_in_threadpool
from starlette.requests import HTTPConnection

from thetaloom.bootstrap import Platform
from thetaloom.domain.book.reports import AccountSnapshot
from thetaloom.domain.values.ids import UserId
from thetaloom.domain.values.people import Person
from thetaloom.domain.values.reasons import Reason
from thetaloom.engine.commands import Command
from thetaloom.engine.loop import EngineLoop
from thetaloom.errors import InvariantError, NotAllowed, OutcomeUnknown, Unavailable
from thetaloom.store.database import Database
from thetaloom.web.asking import ASKER, Asker
from thetaloom.web.throttling import Throttle

T = TypeVar("T")
ANSWER_SECONDS_MAX = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Front:
    """What one request is given. Without ``loop`` commands are carried out by whoever asks, as tests do."""

    platform: Platform
    loop: EngineLoop | None
    throttle: Throttle
    asker: Asker | None = None  # nobody on the few open doors: signals, health, signing in
    path: str = ""  # that was asked for, where it can be asked for again

    @property
    def person(self) -> Person:
        """Who is signed in, or whose token it is."""
        if self.asker is None:
            raise InvariantError("an open door asked who its visitor is")
        return self.asker.person

    @property
    def csrf(self) -> str:
        """What the forms of this session carry."""
        return "" if self.asker is None else self.asker.csrf

    @property
    def user(self) -> UserId:
        """Whose rows are shown and changed."""
        return self.person.books

    @property
    def has_account(self) -> bool:
        """Whether the trading account belongs to these books; of nobody else's is anything shown or traded."""
        return self.user == self.platform.user_id

    @property
    def database(self) -> Database:
        """Where to read."""
        return self.platform.database

    @property
    def now(self) -> datetime:
        """The market's own time."""
        return self.platform.clock.now()

    def account(self) -> AccountSnapshot | None:
        """Return the balances; ``None`` where the broker does not answer, or where the account is another's."""
        if not self.has_account:
            return None
        try:
            return self.platform.broker.account()
        except Unavailable:
            return None

    def need_account(self) -> None:
        """Refuse what rests on the account where it is another's."""
        if not self.has_account:
            raise NotAllowed(
                Reason.NO_ACCOUNT.value, Reason.NO_ACCOUNT.text, advice="See docs/how-to/sign-in-and-roles.md."
            )

    async def ask(self, command: Command, answer: type[T]) -> T:
        """Have a command carried out and return its answer, or raise its refusal."""
        given = await self._carry_out(command)
        if not isinstance(given, answer):
            raise InvariantError(f"{type(command).__name__} was answered with a {type(given).__name__}")
        return given

    async def tell(self, command: Command) -> None:
        """Have a command carried out that has no answer."""
        await self._carry_out(command)

    async def read(self, query: Callable[[], T]) -> T:
        """Run a query in a thread, so that the event loop never waits for the database."""
        return await run_in_threadpool(query)

    async def _carry_out(self, command: Command) -> object:
        if self.loop is None:
            return await run_in_threadpool(self.platform.engine.handle, command)
        if not self.loop.is_alive or self.loop.failure is not None:
            raise Unavailable("the engine has stopped", advice="Look at /healthz and the log, then start it again.")
        posted = asyncio.wrap_future(self.loop.post(command))
        # Waited for but never canceled: a command that is under way cannot be called back.
        done, _ = await asyncio.wait({posted}, timeout=ANSWER_SECONDS_MAX)
        if not done:
            raise OutcomeUnknown(
                f"the engine did not answer within {ANSWER_SECONDS_MAX:.0f} s",
                advice="The command may yet be carried out: look at the status before asking again.",
            )
        return posted.result()


def the_front(connection: HTTPConnection) -> Front:
    """Return the application's front for the person whom the guard has found."""
    asker = connection.scope.get(ASKER)
    if not isinstance(asker, Asker):
        raise InvariantError(f"{connection.url.path} is open, and asked for a person")
    is_page = connection.scope.get("method") == "GET"
    query = f"?{connection.url.query}" if connection.url.query else ""
    path = connection.url.path + query if is_page else ""
    return replace(the_open_front(connection), asker=asker, path=path)


def the_open_front(connection: HTTPConnection) -> Front:
    """Return the application's front where nobody need be signed in."""
    front = connection.app.state.front
    if not isinstance(front, Front):
        raise InvariantError("the application was not made by create_app")
    return front


FrontDoor = Annotated[Front, Depends(the_front)]
OpenDoor = Annotated[Front, Depends(the_open_front)]
