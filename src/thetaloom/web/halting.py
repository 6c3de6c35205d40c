"""Halting from a page or a program: the flag goes up in the request itself, whatever the engine is busy with."""

import structlog

from thetaloom.domain.book.halts import StandingHalt, check_scope
from thetaloom.engine.commands import Halt
from thetaloom.web.front import Front

log = structlog.get_logger()


async def halt_at_once(front: Front, scope: str, note: str) -> None:
    """Raise the flag, then have the engine write it down and cancel what works."""
    check_scope(scope)
    reason = note or "halted by a person"
    halt = StandingHalt(scope=scope, reason=reason, by=front.person.id, at=front.now.isoformat())

    def hoist() -> None:
        try:
            front.platform.desk.halts.hoist(halt)
        except OSError as error:  # the engine halts by its own books
            log.warning("halt_flag_not_raised", scope=scope, error=str(error))

    await front.read(hoist)
    await front.tell(Halt(user_id=front.user, by=front.person.id, scope=scope, note=note))
