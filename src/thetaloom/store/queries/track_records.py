"""How opinions came out: single scores, and the records that they make."""

from datetime import datetime

from sqlalchemy import select

from thetaloom.domain.run.model_calls import Spent
from thetaloom.domain.run.opinion_scores import OpinionScore
from thetaloom.domain.run.track_record import TrackRecord, track_records
from thetaloom.domain.values.ids import UserId
from thetaloom.store.database import Database
from thetaloom.store.model_calls import SqlModelCalls
from thetaloom.store.queries.paging import FIRST_PAGE, Page, Window, matching, owned, page_of, since
from thetaloom.store.score_tables import opinion_scores as table
from thetaloom.store.statements import columns_of, value_of, values_of

_SELECT = select(*columns_of(table, OpinionScore))
SCORES_MAX = 50_000


def records_of(
    database: Database,
    user: UserId,
    *,
    analyst: str | None = None,
    prompt: str | None = None,
    start: datetime | None = None,
    synthetic: bool | None = None,
) -> tuple[TrackRecord, ...]:
    """Return a record for each analyst, model and prompt; ``prompt`` is the id of a template that took part."""
    wanted = [*matching(table.c.analyst, analyst), *since(table.c.made_at, start)]
    wanted += matching(table.c.synthetic, synthetic)
    chosen = _SELECT.where(owned(table, user), *wanted).order_by(table.c.made_at.desc(), table.c.id)
    with database.connect() as connection:
        scores = values_of(OpinionScore, connection.execute(chosen.limit(SCORES_MAX)))
    return track_records([one for one in scores if prompt is None or took_part(one, prompt)])


def list_scores(
    database: Database, user: UserId, *, analyst: str | None = None, window: Window = FIRST_PAGE
) -> Page[OpinionScore]:
    """Return the scores of the user's opinions, newest first."""
    chosen = _SELECT.where(owned(table, user), *matching(table.c.analyst, analyst))
    ordered = chosen.order_by(table.c.made_at.desc(), table.c.id)
    with database.connect() as connection:
        return page_of(connection, ordered, window, lambda row: value_of(OpinionScore, row))


def spent_on(database: Database, at: datetime) -> Spent:
    """Return what models have cost on the day of an instant, UTC."""
    return SqlModelCalls(database).spent(at.date().isoformat())


def took_part(score: OpinionScore, prompt: str) -> bool:
    """Whether a template, in any version or in the one named, was a part of the prompt."""
    parts = score.prompt.split("+")
    return prompt in parts or any(part.partition("@")[0] == prompt for part in parts)
