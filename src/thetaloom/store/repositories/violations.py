"""Violations of risk limits: written once, never changed."""

from sqlalchemy import Connection, insert

from thetaloom.domain.risk.violations import Violation
from thetaloom.store.schema import risk_violations as table
from thetaloom.store.statements import row_of


class SqlViolations:
    """Violations in the database."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, violation: Violation) -> None:
        """Write one violation."""
        self._connection.execute(insert(table), row_of(violation))
