"""The settings in force and where each comes from, and the limits, which can be set here."""

from dataclasses import dataclass

from fastapi import APIRouter
from starlette.responses import HTMLResponse, Response

from thetaloom.config import ENVIRONMENT_PREFIX, Settings, origins, shown
from thetaloom.domain.risk.limits import LIMITS, RiskLimits
from thetaloom.engine.commands import SetLimit
from thetaloom.web.front import FrontDoor
from thetaloom.web.pages.forms import Notice, Word, see
from thetaloom.web.pages.frame import Frame, frame_of
from thetaloom.web.pages.render import page

router = APIRouter(prefix="/settings")


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One setting."""

    name: str
    content: str  # stars for a secret
    origin: str
    variable: str
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitRow:
    """One limit as a person sets it."""

    name: str
    now: str
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingsView:
    """All settings and all limits."""

    frame: Frame
    settings: tuple[Setting, ...]
    limits: tuple[LimitRow, ...]


@router.get("")
def settings(front: FrontDoor, notice: Notice = "") -> HTMLResponse:
    """Show the settings in force."""
    own = front.platform.settings
    sources = origins(own)
    with front.platform.store.reading() as seen:
        limits = RiskLimits.from_settings(seen.accounts.limits(front.user)).as_settings()
    view = SettingsView(
        frame=frame_of(front, "settings", notice),
        settings=tuple(
            Setting(
                name=name,
                content=_text(entry),
                origin=sources[name],
                variable=ENVIRONMENT_PREFIX + name.upper(),
                description=Settings.model_fields[name].description or "",
            )
            for name, entry in shown(own).items()
        ),
        limits=tuple(LimitRow(name=one.name, now=str(limits[one.name]), description=one.doc) for one in LIMITS),
    )
    return page("settings.html", view)


@router.post("/limits")
async def set_limit(front: FrontDoor, name: Word = "", limit: Word = "") -> Response:
    """Set one risk limit; what is decided from now on is held against it."""
    await front.ask(SetLimit(user_id=front.user, name=name, limit=limit.strip()), RiskLimits)
    return see("/settings", "limit_set")


def _text(entry: object) -> str:
    if isinstance(entry, list):
        return ", ".join(map(str, entry))
    return "" if entry is None else str(entry)
