"""
Scenarios about the verification of a chain that someone has changed.

They are played for subjects that have a chain in a database that others can
write to.  Each builds a chain of its own, tampers with it in SQL, and asks.
What its rows should be is worked out by the contract, which has written the
bytes down a second time.
"""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from itertools import product
from typing import Any, cast

from attrs import astuple, evolve, frozen
from tornproof.errors import TornproofError
from tornproof_models.contract.hash_chain import COLUMNS, FINDS_NOTHING, Row, judge_rows, sealed
from tornproof_models.contract.journal import Violation
from tornproof_models.crash.subject import Subject

from tornproof_conformance.adapter.speaking.messages import Refusal
from tornproof_conformance.scenarios.scenario import scenario
from tornproof_conformance.subjects.queues import ChainUnderTest, HasChain

ROWS = 4
SELECT = f"SELECT {', '.join(COLUMNS)} FROM signed_events"
INSERT = (
    f"INSERT INTO signed_events ({', '.join(COLUMNS)}) VALUES ({', '.join('?' * len(COLUMNS))})"
)


def has_chain(subject: Subject) -> bool:
    """Tell whether a subject has a chain, in a table that others can get at."""
    return isinstance(subject, HasChain) and bool(getattr(subject, "shows_its_database", True))


def is_in_this_process(subject: Subject) -> bool:
    """Tell whether a chain's own connection can be watched."""
    return has_chain(subject) and not hasattr(subject, "command")


@contextmanager
def chain_of(
    subject: Subject, rows: int = ROWS, *, signed: bool = False
) -> Iterator[ChainUnderTest]:
    """Build a chain of so many rows, and leave it at the end."""
    with closing(cast("HasChain", subject).open_chain()) as chain:
        for number in range(rows):
            chain.append(f"agent {number}", signed=signed)
        yield chain


def rows_of(connection: sqlite3.Connection) -> list[Row]:
    """Read the rows as they are."""
    return [Row(*columns) for columns in connection.execute(f"{SELECT} ORDER BY sequence")]


@contextmanager
def _tampered(chain: ChainUnderTest, *statements: str) -> Iterator[None]:
    """Tamper with a chain, and put its rows back."""
    before = chain.connection.execute(SELECT).fetchall()
    for statement in statements:
        chain.connection.execute(statement)
    yield
    _put(chain, before)


def _put(chain: ChainUnderTest, rows: Sequence[Sequence[object]]) -> None:
    chain.connection.execute("DELETE FROM signed_events")
    chain.connection.executemany(INSERT, rows)


@scenario("CHN-1", "CHN-2", "CHN-3", "CHN-4", "CHN-5", "EVT-3", claim="chain/v1", where=has_chain)
def every_row_is_as_the_rows_before_make_it(subject: Subject) -> Iterator[Violation]:
    """Numbers, links and hashes of 12 rows are those computed from the fields."""
    texts = ("ab", "a", "", "a\x1fb", "\x01\x01", "\u00e9", "\u00e9\u20ac\U0001f600", "x" * 300)
    agents = (*texts, *(f"row {number}" for number in range(len(texts) + 1, 13)))
    with chain_of(subject, 0) as chain:
        for agent in agents:
            chain.append(agent)
        rows = rows_of(chain.connection)
        if len(rows) != len(agents):
            yield Violation("CHN-1", f"{len(agents)} events were appended: {len(rows)} rows")
        yield from judge_rows(rows)
        breaks = chain.verify(head=chain.head())
        if breaks:
            found = "; ".join(map(str, breaks))
            yield Violation("CHN-5", f"an unchanged chain is said to be broken: {found}")


@scenario("CHN-1", "CHN-8", claim="chain/v1", where=is_in_this_process)
def nobody_appends_between_head_and_insertion(subject: Subject) -> Iterator[Violation]:
    """An append holds the write lock from its first statement to its commit."""
    with chain_of(subject, 1) as chain, closing(chain.connect()) as other:
        intruded = []

        def intrude(statement: str) -> None:
            if statement.startswith("BEGIN"):
                return
            try:
                other.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                return
            other.execute("ROLLBACK")
            intruded.append(statement)

        chain.connection.set_trace_callback(intrude)
        chain.append("late")
        chain.connection.set_trace_callback(None)
        if intruded:
            yield Violation("CHN-8", f"another writer could begin before {intruded[0]!r}")


@scenario("CHN-1", claim="chain/v1", where=has_chain)
def nothing_is_appended_behind_a_row_without_a_number(subject: Subject) -> Iterator[Violation]:
    """Nothing is appended after a row without a number; with a number, appending goes on."""
    with chain_of(subject, 2) as chain:
        last = rows_of(chain.connection)[-1]
        odd = evolve(last, id="odd", sequence=cast("int", None))
        chain.connection.execute(INSERT, astuple(odd))
        with suppress(TornproofError):
            chain.append("behind it")
        numbered = "SELECT count(*) FROM signed_events WHERE sequence IS NOT NULL"
        (rows,) = chain.connection.execute(numbered).fetchone()
        if rows != 2:
            yield Violation("CHN-1", "a row was appended while another had no number")
        if not chain.verify():
            yield Violation("CHN-5", "a row without a number passes", FINDS_NOTHING)
        chain.connection.execute("DELETE FROM signed_events WHERE id = 'odd'")
        chain.append("afterwards")
        if chain.connection.execute(numbered).fetchone() == (2,):
            yield Violation("CHN-1", "with that row gone, nothing is appended")


@scenario("CHN-3", "CHN-4", claim="chain/v1", where=has_chain)
def the_head_stands_for_everything_before_it(subject: Subject) -> Iterator[Violation]:
    """Chains that differ in any field have different heads, also around separators."""
    for requirement, one, other in (
        ("CHN-3", [("somebody", "type"), ("b", "type"), ("c", "type")], None),
        ("CHN-4", [("a\x1fb", "c")], [("a", "b\x1fc")]),
        ("CHN-4", [("ab", "c")], [("a", "bc")]),
    ):
        heads = []
        for rows in (one, other or [("else", "type"), *one[1:]]):
            with chain_of(subject, 0) as chain:
                for agent, kind in rows:
                    chain.append(agent, kind)
                heads.append(chain.head())
        if heads[0] == heads[1]:
            yield Violation(
                requirement,
                f"a chain that begins with {one[0]!r} and one that does not have the same head",
            )


@scenario("CHN-5", claim="chain/v1", where=has_chain)
def every_edit_is_seen(subject: Subject) -> Iterator[Violation]:
    """Verification reports a change of any column of any row."""
    with chain_of(subject) as chain:
        head = chain.head()
        for column in COLUMNS:
            for edit, sequence in product(_edits(column), range(1, ROWS + 1)):
                statement = (
                    f"UPDATE signed_events SET {column} = {edit} WHERE sequence = {sequence}"
                )
                with _tampered(chain, statement):
                    if _passes(chain, head):
                        words = f"{column} of row {sequence} was edited ({edit}), and it passes"
                        yield Violation("CHN-5", words, FINDS_NOTHING)


def _passes(chain: ChainUnderTest, head: bytes) -> bool:
    """Verify; a chain that cannot be read, which is an error, does not pass."""
    try:
        return not chain.verify(head=head)
    except (TornproofError, Refusal):
        return False


def _edits(column: str) -> tuple[str, str, str]:
    """Make edits: to a value of another type, to one of the same size, and to no value at all."""
    other = f"CASE typeof({column}) WHEN 'integer' THEN 99 ELSE 'edited' END"
    zeros = f"zeroblob(length({column}))"
    alike = (
        f"CASE typeof({column}) WHEN 'integer' THEN 98 WHEN 'text' THEN {column} || 'x'"
        f" WHEN 'blob' THEN iif({column} = {zeros}, randomblob(length({column})), {zeros})"
        " ELSE x'00' END"
    )
    nothing = (
        f"CASE typeof({column}) WHEN 'integer' THEN 'none' WHEN 'text' THEN CAST(x'ff' AS TEXT)"
        " WHEN 'blob' THEN x'' ELSE 'edited' END"
    )
    return other, alike, nothing


@scenario("CHN-5", claim="chain/v1", where=has_chain)
def rows_that_go_come_or_change_places_are_seen(subject: Subject) -> Iterator[Violation]:
    """Verification reports deletions, swaps, insertions and, given a head, truncations."""
    with chain_of(subject) as chain:
        head = chain.head()
        for sequence in range(1, ROWS):
            for how, statements in (
                ("deleted", [_delete(sequence)]),
                ("deleted, the others renumbered", [_delete(sequence), _renumber(sequence)]),
                ("swapped with the next", _swap(sequence)),
                ("put in once more at the end", [_repeat(sequence)]),
            ):
                with _tampered(chain, *statements):
                    if not chain.verify():
                        yield Violation("CHN-5", f"that row {sequence} was {how} is not seen")
            with _tampered(chain, f"DELETE FROM signed_events WHERE sequence > {sequence}"):
                if not chain.verify(head=head):
                    message = f"a chain cut after row {sequence} passes against its head"
                    yield Violation("CHN-5", message)


def _delete(sequence: int) -> str:
    return f"DELETE FROM signed_events WHERE sequence = {sequence}"


def _renumber(sequence: int) -> str:
    return f"UPDATE signed_events SET sequence = sequence - 1 WHERE sequence > {sequence}"


def _swap(sequence: int) -> list[str]:
    number = "UPDATE signed_events SET sequence = {} WHERE sequence = {}"
    places = ((-1, sequence), (sequence, sequence + 1), (sequence + 1, -1))
    return [number.format(*each) for each in places]


def _repeat(sequence: int, last: int = ROWS) -> str:
    changed = {"id": "'again'", "sequence": str(last + 1)}
    columns = ", ".join(changed.get(name, name) for name in COLUMNS)
    names = ", ".join(COLUMNS)
    return (
        f"INSERT INTO signed_events ({names}) SELECT {columns} FROM signed_events "
        f"WHERE sequence = {sequence}"
    )


@frozen
class Tampering:
    """Several things done to a chain, and where it breaks."""

    words: str
    statements: tuple[str, ...]
    places: tuple[frozenset[int], ...]
    """For each of them, the numbers of which a verification has to name at least one."""


_EDIT = "UPDATE signed_events SET agent_id = 'edited' WHERE sequence"
TAMPERINGS = (
    Tampering(
        "rows 1, 3, 4 and 8 were edited",
        (f"{_EDIT} IN (1, 3, 4, 8)",),
        tuple(map(frozenset, ({1}, {3}, {4}, {8}))),
    ),
    Tampering(
        "rows 2 and 5 were deleted, and 7 was edited",
        (_delete(2), _delete(5), f"{_EDIT} = 7"),
        tuple(map(frozenset, ({2, 3}, {5, 6}, {7}))),
    ),
    Tampering(
        "rows 1 and 2 were swapped, 5 was edited, and 6 put in once more as row 9",
        (*_swap(1), f"{_EDIT} = 5", _repeat(6, 8)),
        tuple(map(frozenset, ({1}, {2}, {5}, {9}))),
    ),
    Tampering(
        "the number of row 2 was made a text, the agent of row 4 bytes that are none, and 7 edited",
        (
            "UPDATE signed_events SET sequence = 'two' WHERE sequence = 2",
            "UPDATE signed_events SET agent_id = CAST(x'ff' AS TEXT) WHERE sequence = 4",
            f"{_EDIT} = 7",
        ),
        tuple(map(frozenset, ({3}, {4}, {7}))),
    ),
)


@scenario("CHN-6", claim="chain/v1", where=has_chain)
def every_break_is_reported(subject: Subject) -> Iterator[Violation]:
    """If several rows were changed, verification reports each of them."""
    with chain_of(subject, 8) as chain:
        for tampering in TAMPERINGS:
            with _tampered(chain, *tampering.statements):
                breaks = chain.verify()
            named = {each.sequence for each in breaks} - {None}
            missed = [sorted(place) for place in tampering.places if not place & named]
            if len(breaks) < len(tampering.places) or (named and missed):
                found = "; ".join(map(str, breaks)) or "none"
                message = f"{tampering.words}, and the breaks are: {found}"
                yield Violation("CHN-6", message, "" if breaks else FINDS_NOTHING)


@scenario("CHN-7", claim="chain/v1", where=has_chain)
def a_signature_needs_its_key_and_its_place(subject: Subject) -> Iterator[Violation]:
    """Signed rows pass with the key, and fail without it or with another row's signature."""
    with chain_of(subject, 2, signed=True) as chain:
        first, second = rows_of(chain.connection)
        moved = sealed(evolve(second, signature=first.signature))
        for words, with_key, rows, holds in (
            ("with the key", True, (first, second), True),
            ("without the key", False, (first, second), False),
            ("with the key and a moved signature", True, (first, moved), False),
        ):
            _put(chain, [astuple(row) for row in rows])
            breaks = chain.verify(with_key=with_key)
            if holds != (not breaks):
                found = "; ".join(map(str, breaks)) or "none"
                message = f"{words}, the breaks are: {found}"
                yield Violation("CHN-7", message, "" if breaks else FINDS_NOTHING)


@scenario("CHN-7", claim="chain/v1", where=has_chain)
def a_signature_covers_the_whole_row(subject: Subject) -> Iterator[Violation]:
    """If any field of a row is changed, its signature fails, even with a corrected hash."""
    with chain_of(subject, 2, signed=True) as chain:
        first, second = rows_of(chain.connection)
        for column in ("id", "agent_id", "event_type", "timestamp", "payload_hash", "public_key"):
            value = getattr(second, column)
            change: Mapping[str, Any] = {
                column: f"not {value}" if isinstance(value, str) else bytes(32)
            }
            forged = sealed(evolve(second, **change))
            _put(chain, [astuple(first), astuple(forged)])
            if not chain.verify(with_key=True):
                message = f"the {column} of a signed row was changed, and it passes with the key"
                yield Violation("CHN-7", message, FINDS_NOTHING)
