"""
Scenarios about chains of v0.7 and v1.0, which are only read.

Such a chain is made here, row by row, tampered with, and given to whoever claims to
verify it.  What that verification cannot see, nobody asks it to see; it is asked
to say so.
"""

import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, cast

from attrs import astuple, evolve
from tornproof_models.contract.hash_chain import (
    FINDS_NOTHING,
    WRITES,
    PairwiseRow,
    later_chain,
    pairwise_chain,
    pairwise_hash,
)
from tornproof_models.contract.journal import Violation
from tornproof_models.crash.subject import Subject

from tornproof_conformance.scenarios.scenario import scenario
from tornproof_conformance.subjects.queues import VerifiesPairwise

PAIRWISE = "chain/pairwise"
ROWS = 5

V07_COLUMNS = 9
"""Those of a row of v0.7, which has no cause."""


def verifies_pairwise(subject: Subject) -> bool:
    """Tell whether a subject verifies chains of v0.7."""
    return isinstance(subject, VerifiesPairwise)


def verified(
    subject: Subject,
    rows: Sequence[PairwiseRow],
    *,
    head: bytes | None = None,
    keys: Sequence[bytes] = (),
) -> tuple[Sequence[object], Sequence[str], bool]:
    """Return the breaks, the blind spots, and whether the file is as it was."""
    with tempfile.TemporaryDirectory(prefix="tornproof-v07-") as directory:
        path = Path(directory) / "v07.db"
        with closing(sqlite3.connect(path)) as connection, connection:
            write_rows(connection, rows)
        before = path.read_bytes()
        verifier = cast("VerifiesPairwise", subject)
        breaks, blind = verifier.verify_pairwise(path, head=head, keys=keys)
        return breaks, blind, path.read_bytes() == before


@scenario("AUD-17", claim=PAIRWISE, where=verifies_pairwise)
def reading_evidence_changes_nothing(subject: Subject) -> Iterator[Violation]:
    """A database's write-ahead log of another process is read, and not changed."""
    rows = pairwise_chain(ROWS)
    for words, logged, holds in (
        ("are whole", rows[-2:], True),
        ("were edited", [evolve(rows[-2], agent_id="somebody else"), rows[-1]], False),
    ):
        with tempfile.TemporaryDirectory(prefix="tornproof-v07-") as directory:
            path = Path(directory) / "evidence" / "v07.db"
            path.parent.mkdir()
            _leave_in_the_log(path, rows[:-2], logged)
            before = _files(path.parent)
            breaks, _ = cast("VerifiesPairwise", subject).verify_pairwise(path)
            if (after := _files(path.parent)) != before:
                touched = sorted(
                    name for name in before | after if before.get(name) != after.get(name)
                )
                message = f"verifying a database has changed {', '.join(touched)}"
                yield Violation("AUD-17", message, WRITES)
            if bool(breaks) == holds:
                message = f"the last rows, which are in the log of the database, {words}"
                said = f"{message}, and the chain is said to {_say(holds)}"
                yield Violation("AUD-17", said, "" if holds else FINDS_NOTHING)


def _say(holds: bool) -> str:
    return "be broken" if holds else "hold"


def _files(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def _leave_in_the_log(
    path: Path, rows: Sequence[PairwiseRow], logged: Sequence[PairwiseRow]
) -> None:
    """Write a database whose last rows are in its log, as a process that was killed leaves it."""
    live = path.parent.with_name("live.db")
    with closing(sqlite3.connect(live)) as connection:
        write_rows(connection, rows)
        connection.commit()
        connection.execute("PRAGMA journal_mode = WAL")
        _insert(connection, logged)
        connection.commit()
        for suffix in ("", "-wal"):
            content = live.with_name(f"{live.name}{suffix}").read_bytes()
            path.with_name(f"{path.name}{suffix}").write_bytes(content)


def write_rows(connection: sqlite3.Connection, rows: Sequence[PairwiseRow]) -> None:
    """Make a table with rows of a pairwise chain; without a cause there is no column for it."""
    causes = any(row.cause_hash for row in rows)
    names = list(PairwiseRow.__annotations__)[: None if causes else -1]
    connection.execute(f"CREATE TABLE signed_events ({', '.join(names)})")
    _insert(connection, rows, len(names))


def _insert(
    connection: sqlite3.Connection, rows: Sequence[PairwiseRow], columns: int = V07_COLUMNS
) -> None:
    values = ", ".join("?" * columns)
    connection.executemany(
        f"INSERT INTO signed_events VALUES ({values})", [astuple(row)[:columns] for row in rows]
    )


@scenario("CHN-9", claim=PAIRWISE, where=verifies_pairwise)
def an_old_chain_is_verified_and_left_as_it_is(subject: Subject) -> Iterator[Violation]:
    """An intact v0.7 chain has no breaks, and verification does not change its file."""
    breaks, _, untouched = verified(subject, pairwise_chain(ROWS))
    if breaks:
        yield Violation("CHN-9", f"a chain of v0.7 that holds is said to be broken: {breaks[0]}")
    if not untouched:
        yield Violation("CHN-9", "verifying a chain of v0.7 has changed its file", WRITES)


@scenario("CHN-9", claim=PAIRWISE, where=verifies_pairwise)
def damage_to_an_old_chain_is_seen(subject: Subject) -> Iterator[Violation]:
    """In a v0.7 chain an edit, a deletion, a swap or a first row with a link is a break."""
    rows = pairwise_chain(ROWS)
    for words, tampered in (
        ("row 2 was edited", changed(rows, 2, agent_id="somebody else")),
        ("the payload of row 3 was exchanged", changed(rows, 3, payload_hash=bytes(32))),
        ("row 3 was deleted", [*rows[:2], *rows[3:]]),
        ("row 1 was deleted", rows[1:]),
        ("rows 2 and 3 have changed places", _swapped(rows)),
        ("row 1 follows something", changed(rows, 1, prev_hash=bytes([1] * 32))),
        ("a row without a number was put in", [*rows, evolve(rows[2], id="x", sequence=None)]),
        ("a row with the number 0 was put in", [*rows, evolve(rows[2], id="x", sequence=0)]),
        ("a row with a negative number was put in", [*rows, evolve(rows[2], id="x", sequence=-4)]),
        ("row 5 has lost its signature", changed(rows, 5, attest_level="daemon_signed")),
    ):
        if not verified(subject, tampered)[0]:
            message = f"{words}, in a chain of v0.7, and it is said to hold"
            yield Violation("CHN-9", message, FINDS_NOTHING)


@scenario("CHN-10", claim=PAIRWISE, where=verifies_pairwise)
def a_later_chain_is_verified_and_damage_to_it_seen(subject: Subject) -> Iterator[Violation]:
    """A v1.0 chain passes, also after rows of v0.7; an edit before its last row is a break."""
    for joined in (0, 1, 3):
        rows = later_chain(ROWS, joined)
        words = f"a chain of {ROWS} rows, of which v0.7 wrote {joined} and v1.0 the others,"
        breaks, _, untouched = verified(subject, rows)
        if breaks:
            yield Violation("CHN-10", f"{words} is whole and said to be broken: {breaks[0]}")
        if not untouched:
            yield Violation("CHN-10", f"verifying {words} has changed its file", WRITES)
        for number in range(1, ROWS):
            if not verified(subject, changed(rows, number, agent_id="somebody else"))[0]:
                message = f"{words} had row {number} edited, and is said to hold"
                yield Violation("CHN-10", message, FINDS_NOTHING)
    rows = later_chain(ROWS)
    rows = changed(rows, ROWS, prev_hash=pairwise_hash(rows[-2]))
    if not verified(subject, rows)[0]:
        message = "a joined link behind length-prefixed ones is said to hold"
        yield Violation("CHN-10", message, FINDS_NOTHING)


@scenario("CHN-9", claim=PAIRWISE, where=verifies_pairwise)
def what_an_old_chain_cannot_show_is_said(subject: Subject) -> Iterator[Violation]:
    """The result names the forgeries of a v0.7 chain that verification cannot detect."""
    rows = pairwise_chain(ROWS)
    forged = changed(rows, 2, agent_id="somebody else")
    forged = changed(forged, 3, prev_hash=pairwise_hash(forged[1]))
    for words, passing in (
        ("a row rewritten, with its link repaired (H9)", forged),
        ("bytes shifted across a separator (H8)", _shifted()),
        ("the last row rewritten", changed(rows, ROWS, agent_id="somebody else")),
    ):
        breaks, blind, _ = verified(subject, passing)
        if breaks:
            yield Violation("CHN-9", f"{words}: no link is broken, and it is said: {breaks[0]}")
        if not blind:
            yield Violation("CHN-9", f"{words}: it passes, and nothing says that it would")


def changed(rows: Sequence[PairwiseRow], number: int, **changes: Any) -> list[PairwiseRow]:
    """Return the rows, one of them with other columns; its number counts from 1."""
    copy = list(rows)
    copy[number - 1] = evolve(copy[number - 1], **changes)
    return copy


def _swapped(rows: Sequence[PairwiseRow]) -> list[PairwiseRow]:
    second, third = rows[1], rows[2]
    return [rows[0], evolve(third, sequence=2), evolve(second, sequence=3), *rows[3:]]


def _shifted() -> list[PairwiseRow]:
    """Make a chain, and let the agent of a row take over the beginning of its type."""
    rows = changed(pairwise_chain(2), 1, agent_id="a", event_type="b\x1fc")
    rows = changed(rows, 2, prev_hash=pairwise_hash(rows[0]))
    return changed(rows, 1, agent_id="a\x1fb", event_type="c")
