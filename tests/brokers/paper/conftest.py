"""A paper broker with its market and clock."""

from collections.abc import Iterator

import pytest

from thetaloom.testing.bench import PaperBench


@pytest.fixture
def bench(sqlite_books: str) -> Iterator[PaperBench]:
    """A paper broker on books of this test alone, with the default structure quoted at mid 1.00, natural 0.80."""
    made = PaperBench(sqlite_books)
    yield made
    made.broker.close()
