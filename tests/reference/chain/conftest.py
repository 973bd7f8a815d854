"""A chain of five rows."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.reference.chain.chains import Database, chain_of


@pytest.fixture
def chain() -> Iterator[Database]:
    with closing(chain_of(5)) as connection:
        yield connection
