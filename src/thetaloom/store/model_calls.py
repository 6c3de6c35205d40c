"""The book of what was asked of language models, in transactions of its own: an analyst works outside the engine's."""

from sqlalchemy import Connection, insert, select, text, update

from thetaloom.domain.run.model_calls import CallStatus, DailyBudget, ModelCall, Spent
from thetaloom.domain.values.money import NOTHING
from thetaloom.store.database import Database
from thetaloom.store.prompt_tables import model_calls as table
from thetaloom.store.statements import columns_of, row_of, value_of

_SELECT = select(*columns_of(table, ModelCall))
_BUDGET_LOCK = 5_023_001  # two workers on PostgreSQL must not spend the same rest


class SqlModelCalls:
    """Implements ``ports.model_calls.ModelCalls``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def answer_to(self, request: str) -> ModelCall | None:
        """Return the newest answered call with this digest."""
        wanted = _SELECT.where(table.c.request == request, table.c.status == CallStatus.ANSWERED)
        with self._database.connect() as connection:
            row = connection.execute(wanted.order_by(table.c.asked_at.desc()).limit(1)).first()
        return None if row is None else value_of(ModelCall, row)

    def reserve(self, call: ModelCall, budget: DailyBudget) -> bool:
        """Write an attempt down if the day's budget allows all that it may use."""
        with self._database.transaction() as transaction:
            if not self._database.is_sqlite:
                transaction.connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _BUDGET_LOCK})
            spent = _spent(transaction.connection, call.day)
            if not budget.allows(spent, call.input_tokens + call.output_tokens, call.cost):
                return False
            transaction.connection.execute(insert(table), row_of(call, day=call.day))
            transaction.commit()
        return True

    def settle(self, call: ModelCall) -> None:
        """Write what became of an attempt."""
        with self._database.transaction() as transaction:
            transaction.connection.execute(update(table).where(table.c.id == call.id).values(row_of(call)))
            transaction.commit()

    def spent(self, day: str) -> Spent:
        """Return what a day has cost so far."""
        with self._database.connect() as connection:
            return _spent(connection, day)


def _spent(connection: Connection, day: str) -> Spent:
    wanted = select(table.c.input_tokens, table.c.output_tokens, table.c.cost).where(table.c.day == day)
    rows = connection.execute(wanted).all()
    return Spent(
        calls=len(rows),
        tokens=sum(row.input_tokens + row.output_tokens for row in rows),
        cost=sum((row.cost for row in rows if row.cost is not None), NOTHING),
    )
