"""A database with a chain and dead letters."""

from contextlib import closing
from pathlib import Path

import pytest
from tornproof.chain import connect, prepare
from tornproof.drainer import encode
from tornproof.drainer.sink import Admitted, ChainSink

from tests.conformance.databases.database_commands import event


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """A chain of three rows, and two dead letters, one with a reason that talks to terminals."""
    path = tmp_path / "audit.db"
    with closing(connect(path)) as connection:
        prepare(connection, str(path))
        sink = ChainSink(connection, clock=lambda: 0)
        sink.append([Admitted(encode(event(number)), number) for number in (1, 2, 3)])
        sink.dead_letter(Admitted(encode(event(4)), 4), "no such column")
        sink.dead_letter(Admitted(encode(event(5)), 5), "red \x1b[31m")
    return path
