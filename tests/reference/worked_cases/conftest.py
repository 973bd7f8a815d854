"""A database with the tables of a queue."""

from collections.abc import Iterator

import pytest
from tornproof_models.faulty_database import MemoryDatabase

from tests.reference.drainer_world import database


@pytest.fixture
def world() -> Iterator[MemoryDatabase]:
    """A database with the tables."""
    made = database()
    yield made
    made.close()
