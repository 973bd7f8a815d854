"""A server for the tests of this folder; they are skipped where PostgreSQL is not installed."""

from collections.abc import Iterator

import pytest

from tests.postgresql.cluster import Cluster, binaries, running


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """Start a server of our own."""
    programs = binaries()
    if programs is None:
        pytest.skip("PostgreSQL is not installed (package postgresql)")
    with running(programs) as cluster:
        yield cluster


@pytest.fixture
def address(cluster: Cluster) -> str:
    """Return the address of an empty database."""
    return cluster.address(cluster.create_database())
