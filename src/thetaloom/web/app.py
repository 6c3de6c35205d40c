"""The web application: routes, guard and error answers put together."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute, APIWebSocketRoute
from fastapi.staticfiles import StaticFiles

from thetaloom import __version__
from thetaloom.bootstrap import Platform
from thetaloom.engine.loop import EngineLoop
from thetaloom.errors import InvariantError
from thetaloom.web import live, permissions, problems
from thetaloom.web.api import (
    audit,
    bulk,
    care,
    chains,
    charts,
    findings,
    lineage,
    lineage_search,
    market,
    notifications,
    operations,
    orders,
    paper_trading,
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
    suggestions,
    symbols,
    workflow,
)
from thetaloom.web.api.aliases import Aliases
from thetaloom.web.front import Front
from thetaloom.web.pages import ROUTERS as PAGES
from thetaloom.web.security import Guard
from thetaloom.web.throttling import Throttle
from thetaloom.web.wire.hub import Hub

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
    throttle = Throttle(platform.settings.request_rate_factor, platform.wall)
    app.state.front = Front(platform=platform, loop=loop, throttle=throttle)
    app.state.live = Hub(platform)
    nouns = (strategies, workflow, positions, rolls, care, findings, orders, risk, risk_validation, scenarios, lineage)
    starters = (signals, schedules, scans, symbols, prompts, lineage_search, notifications, charts, chains, audit)
    trading = (suggestions, paper_trading, market)
    every = (bulk, *nouns, *starters, *trading)
    # First what programs wait for: a request builds the routers up to its own, once, and is compared with them.
    outside = (signals.hooks, operations.router, live.router)
    for doors in outside:
        app.include_router(doors)
    for noun in every:  # bulk first: later routes take any id
        app.include_router(noun.router, prefix="/api")  # not in a router of all: each would be built twice, at start
    for pages in PAGES:
        app.include_router(pages, include_in_schema=False)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    permissions.check(_served("/api", (noun.router for noun in every)))
    permissions.check(_served("", (*outside, *PAGES)))
    app.add_middleware(
        Guard,
        host=platform.settings.host,
        database=platform.database,
        wall=platform.wall,
        owner=platform.user_id,
        throttle=throttle,
    )
    app.add_middleware(Aliases)  # before the guard: it judges the path that answers
    problems.install(app)
    return app


def _served(prefix: str, routers: Iterable[APIRouter]) -> Iterator[tuple[str, str]]:
    for router in routers:
        for route in router.routes:
            if not isinstance(route, APIRoute | APIWebSocketRoute):
                raise InvariantError(f"{route} is no route of ours: nobody could say who may ask for it")
            for method in (route.methods or ()) if isinstance(route, APIRoute) else ("WS",):
                yield method, prefix + route.path
