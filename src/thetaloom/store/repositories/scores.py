"""Scores of opinions: written when the opinion is made, and once more when it is judged."""

from collections.abc import Sequence
from datetime import date, datetime

from sqlalchemy import Connection, select, update

from thetaloom.domain.run.opinion_scores import OpinionScore
from thetaloom.domain.values.ids import UserId
from thetaloom.store.database import Database
from thetaloom.store.score_tables import opinion_scores as table
from thetaloom.store.statements import columns_of, insert_or_skip, row_of, values_of

_SELECT = select(*columns_of(table, OpinionScore))


class SqlScores:
    """Scores in the database."""

    def __init__(self, connection: Connection, database: Database) -> None:
        self._connection = connection
        self._database = database

    def add(self, score: OpinionScore) -> None:
        """Write a score that is to be judged; one that is there already stays as it is."""
        self._connection.execute(insert_or_skip(self._database, table), row_of(score))

    def due(self, on: date, limit: int) -> Sequence[OpinionScore]:
        """Return scores not judged yet that are due on a day or before, the longest due first."""
        wanted = _SELECT.where(table.c.judged_at.is_(None), table.c.due_on <= on)
        return values_of(
            OpinionScore, self._connection.execute(wanted.order_by(table.c.due_on, table.c.id).limit(limit))
        )

    def recent(
        self, user: UserId, symbol: str, analyst: str, *, before: datetime, limit: int
    ) -> Sequence[OpinionScore]:
        """Return an analyst's latest opinions on a symbol made before an instant, oldest first."""
        key = (table.c.user_id == user, table.c.symbol == symbol, table.c.analyst == analyst, table.c.made_at < before)
        newest = _SELECT.where(*key).order_by(table.c.made_at.desc(), table.c.id).limit(limit)
        return values_of(OpinionScore, self._connection.execute(newest))[::-1]

    def save(self, score: OpinionScore) -> None:
        """Write how an opinion came out; what was judged once is never judged anew."""
        key = (table.c.id == score.id, table.c.judged_at.is_(None))
        self._connection.execute(update(table).where(*key).values(row_of(score)))
