"""The web application: routes, guard and error answers put together."""

from pathlib import Path

from fastapi import APIRouter, FastAPI
from fastapi.staticfiles import StaticFiles

from thetaloom import __version__
from thetaloom.bootstrap import Platform
from thetaloom.engine.loop import EngineLoop
from thetaloom.web import problems
from thetaloom.web.api import (
    bulk,
    care,
    charts,
    findings,
    lineage,
    lineage_search,
    notifications,
    operations,
    orders,
    positions,
    prompts,
    risk,
    risk_validation,
    rolls,
    scans,
    scenarios,
    schedules,
    signals,
    strategies,
    symbols,
    workflow,
)
from thetaloom.web.api.aliases import Aliases
from thetaloom.web.front import Front
from thetaloom.web.pages import ROUTERS as PAGES
from thetaloom.web.security import Guard

STATIC = Path(__file__).parent / "static"
DESCRIPTION = """Strategies, runs, approvals, orders and positions of one Thetaloom installation.

Money, prices and every other exact number are strings such as `"1.20"`; counts are JSON numbers; instants are
ISO 8601 in UTC, by the market's own clock; what is unknown is `null`, never zero. A net credit is positive, a net
debit negative. Lists are paged with `limit` and `offset`. Every error has the shape of `Problem`.
"""


def create_app(platform: Platform, loop: EngineLoop | None = None) -> FastAPI:
    """Make the application over a platform. Whoever made ``loop`` starts and stops it."""
    app = FastAPI(
        title="Thetaloom",
        version=__version__,
        description=DESCRIPTION,
        docs_url=None,  # FastAPI's documentation pages load scripts from elsewhere; /api is ours
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=lambda route: f"{route.tags[0]}_{route.name}" if route.tags else route.name,
    )
    app.state.front = Front(platform=platform, loop=loop)
    api = APIRouter(prefix="/api")
    api.include_router(bulk.router)  # before the routes that take any id
    nouns = (strategies, workflow, positions, rolls, care, findings, orders, risk, risk_validation, scenarios, lineage)
    starters = (signals, schedules, scans, symbols, prompts, lineage_search, notifications, charts)
    for noun in (*nouns, *starters):
        api.include_router(noun.router)
    app.include_router(api)
    app.include_router(signals.hooks)
    app.include_router(operations.router)
    for pages in PAGES:
        app.include_router(pages, include_in_schema=False)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    app.add_middleware(Aliases)
    app.add_middleware(Guard, host=platform.settings.host)
    problems.install(app)
    return app
