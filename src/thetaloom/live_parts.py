"""The gates of live trading that a person opens: the two settings, and the account's own flag."""

import tomllib
from collections.abc import Mapping
from hashlib import blake2b

from thetaloom.config import ENVIRONMENT_PREFIX, PAPER_BROKER, Mode, Settings
from thetaloom.domain.run.events import Event, EventKind
from thetaloom.domain.values.ids import AccountId, UserId
from thetaloom.errors import InvalidInput, NotAllowed
from thetaloom.marketdata.clocks import SystemClock
from thetaloom.ports.live_switches import Switches
from thetaloom.store.database import Database
from thetaloom.store.unit_of_work import SqlStore

TRUE_WORDS = frozenset({"true", "1", "yes", "on"})


class SettingsSwitches:
    """The two switches, read anew from ``config.toml`` where that is where they came from.

    What stands in the environment or was given at the start cannot change while the process runs.
    """

    def __init__(self, settings: Settings) -> None:
        self._at_start = Switches(wants_live=settings.wants_live, allows_live=settings.allow_live)
        self._file = settings.home_folder / "config.toml"
        self._in_file = self._read()

    def now(self) -> Switches:
        """Return the switches; one that was on at the start and is gone from the file is off."""
        in_file = self._read()
        return Switches(
            wants_live=self._at_start.wants_live and (in_file.wants_live or not self._in_file.wants_live),
            allows_live=self._at_start.allows_live and (in_file.allows_live or not self._in_file.allows_live),
        )

    def _read(self) -> Switches:
        try:
            found: Mapping[str, object] = tomllib.loads(self._file.read_text())
        except (OSError, ValueError):
            return Switches()
        return Switches(
            wants_live=str(found.get("mode")).lower() == Mode.LIVE.value,
            allows_live=str(found.get("allow_live")).lower() in TRUE_WORDS,
        )


def allow_live(database: Database, settings: Settings, user: UserId, account: AccountId, code: str | None) -> None:
    """Allow real money on an account, in two steps: without the right code it refuses and tells the code.

    Raises ``NotAllowed`` with that code, and ``InvalidInput`` where there is no broker of real money.
    """
    if settings.broker == PAPER_BROKER:
        raise InvalidInput(
            f"the broker of this home is paper, and {account} can never hold real money",
            advice=f"Set {ENVIRONMENT_PREFIX}BROKER to a broker first.",
        )
    wanted = _code_of(database, account)
    if code != wanted:
        is_other = "" if code is None else "that is not the code of this account in this home; "
        raise NotAllowed(
            "confirmation_needed",
            f"{is_other}from then on orders of account {account} at {settings.broker} are about real money",
            advice=f"If you mean it: thetaloom broker allow-live {account} --code {wanted}",
            details={"account": account, "broker": settings.broker, "code": wanted},
        )
    _set(database, settings, user, account, is_allowed=True)


def forbid_live(database: Database, settings: Settings, user: UserId, account: AccountId) -> None:
    """Allow real money on an account no more: at once, in one step. New risk is barred, exits go on."""
    _set(database, settings, user, account, is_allowed=False)


def is_live_allowed(database: Database, account: AccountId) -> bool:
    """Tell whether a person allowed real money on the account."""
    with SqlStore(database).reading() as uow:
        return bool(uow.accounts.is_live(account))


def _set(database: Database, settings: Settings, user: UserId, account: AccountId, *, is_allowed: bool) -> None:
    kind = EventKind.LIVE_ALLOWED if is_allowed else EventKind.LIVE_REVOKED
    facts = {"account": account, "broker": settings.broker}
    with SqlStore(database).unit_of_work() as uow:
        if uow.accounts.is_live(account) is None and is_allowed:  # before its first start
            uow.accounts.ensure(account, user, settings.broker, is_live=False)
        uow.accounts.allow_live(account, is_allowed=is_allowed)
        uow.events.add(Event(kind=kind, user_id=user, happened_at=SystemClock().now(), facts=facts))
        uow.commit()


def _code_of(database: Database, account: AccountId) -> str:
    # Of this installation and this account: a line copied from elsewhere opens nothing.
    installation = SqlStore(database).installation_id()
    return blake2b(f"{installation}/{account}/live".encode(), digest_size=4).hexdigest()
