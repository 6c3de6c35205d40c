"""What keeps a configured limit from being enforced; nothing starts while there is any of it."""

from thetaloom.domain.risk.limits import LIMITS, limit_faults
from thetaloom.engine.desk import Desk
from thetaloom.errors import ConfigError


def unread_limits(desk: Desk) -> tuple[str, ...]:
    """Return the faults of the table of limits, and what is configured that no row of it checks."""
    with desk.store.reading() as uow:
        owner = uow.accounts.owner(desk.broker.account_id)
        stored = {} if owner is None else uow.accounts.limits(owner)
    known = {limit.name for limit in LIMITS}
    strangers = tuple(
        f"{name} is configured, and no row of the table checks it" for name in stored if name not in known
    )
    return (*limit_faults(), *strangers)


def refuse_unread_limits(desk: Desk) -> None:
    """Refuse to start while a limit is configured that nothing reads."""
    faults = unread_limits(desk)
    if faults:
        raise ConfigError(
            f"a risk limit would not be enforced: {'; '.join(faults)}",
            advice="Start the version of Thetaloom that set it, or take the row out of the table risk_limits.",
            details=dict.fromkeys(faults, "unread"),
        )
