"""Opinions: added once, never changed."""

from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, insert, select

from thetaloom.domain.run.opinion_records import OpinionRecord
from thetaloom.domain.values.ids import RunId
from thetaloom.store.opinion_tables import opinions as table
from thetaloom.store.statements import columns_of, row_of, values_of

_OF_RUN = (
    select(*columns_of(table, OpinionRecord))
    .where(table.c.run_id == bindparam("of_run"))
    .order_by(table.c.made_at, table.c.analyst.desc(), table.c.id)
)


class SqlOpinions:
    """Opinions in the database."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, record: OpinionRecord) -> None:
        """Write what an analyst said."""
        self._connection.execute(insert(table), row_of(record))

    def of_run(self, run: RunId) -> Sequence[OpinionRecord]:
        """Return what was said in a run, that of the rules first."""
        return values_of(OpinionRecord, self._connection.execute(_OF_RUN, {"of_run": run}))
