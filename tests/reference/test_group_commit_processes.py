"""
Group commit in a process that is killed, followed by another, on a real disk.

The same journal lives through many lives of its writer.  Each ends with SIGKILL
at a moment that nobody chose; then the journal is recovered and compared with
what the writer had acknowledged, and with what the follower had seen.
"""

import random
from collections.abc import Iterator
from multiprocessing.connection import Connection, wait
from pathlib import Path

import pytest
from attrs import define, field
from tornproof.journal import Cursor, Journal
from tornproof_conformance.pytest_support.plugin import requirement

from tests.reference import group_commit_workers as workers
from tests.reference.processes import PATIENCE, read, start

LIVES = 12


@define
class Witness:
    """Everything that was ever said about the journal, by offset."""

    acknowledged: dict[int, bytes] = field(factory=dict)
    seen: dict[int, bytes] = field(factory=dict)
    """What the follower has seen, in its order."""

    recovered: dict[int, bytes] = field(factory=dict)
    """What any recovery has shown."""


@pytest.fixture
def directory(tmp_path: Path) -> str:
    """An empty journal."""
    directory = str(tmp_path / "journal")
    Journal.open(directory).close()
    return directory


def live_and_die(directory: str, life: int, acknowledgements: int, witness: Witness) -> None:
    """Let the writer live for so many acknowledgements, and the follower for a little longer."""
    follower, seen = start(workers.follow, directory)
    writer, acknowledged = start(workers.write, directory, life, duplex=False)
    told = b""
    for connection in words_of(acknowledged, seen):
        if connection is seen:
            assert hear(seen, witness), "the follower has ended"
            continue
        more = read(acknowledged)
        assert more, "the writer has ended"
        told += more
        if len(told) >= acknowledgements * workers.ACKNOWLEDGEMENT.size:
            break

    writer.kill()
    writer.join(PATIENCE)
    while more := read(acknowledged):
        told += more
    for offset, *name in workers.ACKNOWLEDGEMENT.iter_unpack(told):
        witness.acknowledged[offset] = workers.payload_of(*name)

    assert follower.is_alive(), "the follower has ended"
    seen.send(None)
    for _ in words_of(seen):
        if not hear(seen, witness):
            break
    follower.join(PATIENCE)
    assert follower.exitcode == 0
    acknowledged.close()
    seen.close()


def words_of(*connections: Connection) -> Iterator[Connection]:
    """Yield whichever connection has something to say, for ever."""
    while ready := wait(connections, PATIENCE):
        yield from (each for each in connections if each in ready)
    raise AssertionError("no word from any process")


def hear(seen: Connection, witness: Witness) -> bool:
    """Take in one record from the follower; false if it has gone."""
    try:
        message = seen.recv_bytes()
    except (EOFError, ConnectionResetError):
        return False
    [offset] = workers.OFFSET.unpack_from(message)
    witness.seen[offset] = message[workers.OFFSET.size :]
    return True


@requirement("GRP-1", "GRP-4", "JRN-3", "JRN-5", "REC-8", "RDR-5", "SEG-7", "SEG-9", "CUR-3")
def test_a_journal_with_many_writers_survives_many_kills(directory: str) -> None:
    """Nothing acknowledged is lost, nothing is invented, and the follower has missed nothing."""
    source, witness = random.Random(20), Witness()

    for life in range(LIVES):
        live_and_die(directory, life, source.randint(1, 250), witness)
        with Journal.open(directory) as journal:
            content, first, end = dict(journal.scan()), journal.first, journal.end
        cursor = Cursor.open(directory, "follower").position

        # what was acknowledged, seen or shown is there, or was removed after it had been seen
        for said in (witness.acknowledged, witness.seen, witness.recovered):
            for offset, payload in said.items():
                there = content if offset >= first else witness.seen
                assert there.get(offset) == payload, f"life {life}, offset {offset}"
        assert first <= cursor <= end

        # what is there was handed over once, and the records of each writer are in order
        history = {**{at: seen for at, seen in witness.seen.items() if at < first}, **content}
        assert list(history) == chain(history), f"life {life}"
        for names in names_by_writer(history).values():
            assert names == list(range(len(names)))
        witness.recovered.update(content)

    assert first > 0, "cleanup has removed something"
    assert list(witness.seen) == sorted(witness.seen), "the follower saw each once, in order"
    assert len(witness.acknowledged) > LIVES


def chain(history: dict[int, bytes]) -> list[int]:
    """Return the offsets at which records must be, each behind the one before it, from zero."""
    offsets, at = [], 0
    for payload in history.values():
        offsets.append(at)
        at += 40 + len(payload)
    return offsets


def names_by_writer(history: dict[int, bytes]) -> dict[tuple[int, int], list[int]]:
    """Sort the records by life and writer; insist that each is what that writer hands over."""
    found: dict[tuple[int, int], list[int]] = {}
    for payload in history.values():
        life, writer, number = map(int, payload.split(b" ", 3)[:3])
        assert payload == workers.payload_of(life, writer, number)
        found.setdefault((life, writer), []).append(number)
    return found
