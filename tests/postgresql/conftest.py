"""A server for the tests of this folder; they are skipped where PostgreSQL is not installed."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.postgresql.cluster import Cluster, binaries


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """Start a server of our own, in a directory that whoever runs it can reach."""
    programs = binaries()
    if programs is None:
        pytest.skip("PostgreSQL is not installed (package postgresql)")
    with TemporaryDirectory(prefix="tornproof-postgresql-") as directory:
        Path(directory).chmod(0o755)
        cluster = Cluster.make(Path(directory), programs)
        try:
            yield cluster
        finally:
            cluster.kill()


@pytest.fixture
def address(cluster: Cluster) -> str:
    """Return the address of an empty database."""
    return cluster.address(cluster.create_database())
