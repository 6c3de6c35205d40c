"""The pages: plain HTML from one typed view record each; every form works without JavaScript."""

from thetaloom.web.pages import (
    approvals,
    care,
    dashboard,
    journal,
    lineage,
    listings,
    prompts,
    rank,
    reconciling,
    reference,
    risk,
    runs,
    scans,
    schedules,
    signals,
    strategies,
)

ROUTERS = (
    dashboard.router,
    approvals.router,
    runs.router,
    signals.router,
    listings.router,
    care.router,
    journal.router,
    strategies.router,
    rank.router,
    scans.router,
    schedules.router,
    risk.router,
    reconciling.router,
    lineage.router,
    prompts.router,
    reference.router,
)
