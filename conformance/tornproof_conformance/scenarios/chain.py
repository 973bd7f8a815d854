"""
Scenarios about a chain: what was done to it, and what its verification says.

They are played for targets that have a chain in a database that others can
write to.  Each builds a chain of its own, tampers with it in SQL, and asks.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import cast

from tornproof_models.contract.journal import Violation
from tornproof_models.explore.workload import Target

from tornproof_conformance.queues import ChainUnderTest, HasChain
from tornproof_conformance.scenarios.scenario import scenario

ROWS = 4
GENESIS = bytes(32)


def has_chain(target: Target) -> bool:
    """Tell whether a target has a chain."""
    return isinstance(target, HasChain)


def _chain(target: Target, rows: int = ROWS, *, signed: bool = False) -> ChainUnderTest:
    chain = cast("HasChain", target).open_chain()
    for number in range(rows):
        chain.append(f"agent {number}", signed=signed)
    return chain


def _breaks_after(
    target: Target, statements: Sequence[str], *, against_head: bool
) -> Sequence[str]:
    """Tamper with a chain and verify it."""
    with closing(_chain(target)) as chain:
        head = chain.head() if against_head else None
        for statement in statements:
            chain.connection.execute(statement)
        return chain.verify(head=head)


@scenario("CHN-1", "CHN-2", "CHN-5", profile="chain/v1", where=has_chain)
def a_chain_is_numbered_from_one_and_begins_with_zeros(target: Target) -> Iterator[Violation]:
    """Rows are 1, 2, 3 and so on, the first follows 32 zero bytes, and the whole verifies."""
    with closing(_chain(target)) as chain:
        query = "SELECT sequence, prev_hash FROM signed_events ORDER BY sequence"
        rows = chain.connection.execute(query).fetchall()
        numbers = [number for number, _ in rows]
        if numbers != list(range(1, ROWS + 1)):
            yield Violation("CHN-1", f"{ROWS} rows have the numbers {numbers}")
        if rows and rows[0][1] != GENESIS:
            yield Violation("CHN-2", f"row 1 follows {rows[0][1]!r}")
        breaks = chain.verify(head=chain.head())
        if breaks:
            yield Violation("CHN-5", f"a chain that nobody touched is said to be broken: {breaks}")


@scenario("CHN-1", "CHN-8", profile="chain/v1", where=has_chain)
def nobody_appends_between_head_and_insertion(target: Target) -> Iterator[Violation]:
    """From its first statement to its commit, an append keeps every other writer out."""
    with closing(_chain(target, 1)) as chain, closing(chain.connect()) as other:
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


@scenario("CHN-3", "CHN-4", profile="chain/v1", where=has_chain)
def the_head_stands_for_everything_before_it(target: Target) -> Iterator[Violation]:
    """Chains that differ anywhere have different heads, wherever a separator may stand."""
    for requirement, one, other in (
        ("CHN-3", [("somebody", "type"), ("b", "type"), ("c", "type")], None),
        ("CHN-4", [("a\x1fb", "c")], [("a", "b\x1fc")]),
        ("CHN-4", [("ab", "c")], [("a", "bc")]),
    ):
        heads = []
        for rows in (one, other or [("else", "type"), *one[1:]]):
            with closing(_chain(target, 0)) as chain:
                for agent, kind in rows:
                    chain.append(agent, kind)
                heads.append(chain.head())
        if heads[0] == heads[1]:
            yield Violation(
                requirement,
                f"a chain that begins with {one[0]!r} and one that does not have the same head",
            )


@scenario("CHN-5", profile="chain/v1", where=has_chain)
def every_edit_is_seen(target: Target) -> Iterator[Violation]:
    """Whichever column of whichever row is changed, verification says so."""
    with closing(_chain(target, 0)) as chain:
        columns = [row[1] for row in chain.connection.execute("PRAGMA table_info(signed_events)")]
    for column in columns:
        for sequence in range(1, ROWS + 1):
            edit = f"{column} = CASE typeof({column}) WHEN 'integer' THEN 99 ELSE 'edited' END"
            statement = f"UPDATE signed_events SET {edit} WHERE sequence = {sequence}"
            if not _breaks_after(target, [statement], against_head=True):
                yield Violation("CHN-5", f"an edit of {column} in row {sequence} is not seen")


@scenario("CHN-5", profile="chain/v1", where=has_chain)
def rows_that_go_come_or_change_places_are_seen(target: Target) -> Iterator[Violation]:
    """A deletion, also after renumbering; a swap; a copy; and, against a head, a cut."""
    renumber = "UPDATE signed_events SET sequence = sequence - 1 WHERE sequence > {}"
    for sequence in range(1, ROWS):
        delete = f"DELETE FROM signed_events WHERE sequence = {sequence}"
        for how, statements in (
            ("deleted", [delete]),
            ("deleted, the others renumbered", [delete, renumber.format(sequence)]),
            (
                "swapped with the next",
                [
                    f"UPDATE signed_events SET sequence = -1 WHERE sequence = {sequence}",
                    f"UPDATE signed_events SET sequence = {sequence}"
                    f" WHERE sequence = {sequence + 1}",
                    f"UPDATE signed_events SET sequence = {sequence + 1} WHERE sequence = -1",
                ],
            ),
        ):
            if not _breaks_after(target, statements, against_head=False):
                yield Violation("CHN-5", f"that row {sequence} was {how} is not seen")
        cut = [f"DELETE FROM signed_events WHERE sequence > {sequence}"]
        if not _breaks_after(target, cut, against_head=True):
            yield Violation("CHN-5", f"a chain cut after row {sequence} passes against its head")


@scenario("CHN-6", profile="chain/v1", where=has_chain)
def every_break_is_reported(target: Target) -> Iterator[Violation]:
    """Edits of three rows are three breaks or more."""
    edit = "UPDATE signed_events SET agent_id = 'edited' WHERE sequence <> 2"
    breaks = _breaks_after(target, [edit], against_head=False)
    if len(breaks) < 3:
        yield Violation("CHN-6", f"{ROWS - 1} rows were edited, and the breaks are {breaks}")


@scenario("CHN-7", profile="chain/v1", where=has_chain)
def a_signature_needs_its_key_and_its_place(target: Target) -> Iterator[Violation]:
    """Signed rows hold with the key, not without, and not if the signature is another row's."""
    for with_key, statements, good in (
        (True, [], True),
        (False, [], False),
        (
            True,
            [
                "UPDATE signed_events SET signature ="
                " (SELECT signature FROM signed_events WHERE sequence = 2) WHERE sequence = 1"
            ],
            False,
        ),
    ):
        with closing(_chain(target, 2, signed=True)) as chain:
            for statement in statements:
                chain.connection.execute(statement)
            breaks = chain.verify(with_key=with_key)
            if good != (not breaks):
                key = "with" if with_key else "without"
                moved = " and a moved signature" if statements else ""
                yield Violation("CHN-7", f"{key} the key{moved}, the breaks are {breaks}")
