"""
Scenarios about chains that a forger has made whole again, and about what a verification must
not say.

Whoever can write to the table can compute hashes and links too.  What is left to see is a number
that is missing, a signature that is gone, a saved head; and an investigator needs to be told
which rows are wrong, and no others.
"""

from collections.abc import Iterator, Sequence

from attrs import astuple, evolve
from tornproof_models.contract.hash_chain import FINDS_NOTHING, Row, sealed
from tornproof_models.contract.journal import Violation
from tornproof_models.crash.subject import Subject

from tornproof_conformance.scenarios.chain_verification import (
    INSERT,
    chain_of,
    has_chain,
    rows_of,
)
from tornproof_conformance.scenarios.scenario import scenario
from tornproof_conformance.subjects.queues import ChainUnderTest

CHAIN = "chain/v1"
ROWS = 4
LONG = 8

GENESIS = bytes(32)


def _put(chain: ChainUnderTest, rows: Sequence[Row]) -> None:
    chain.connection.execute("DELETE FROM signed_events")
    chain.connection.executemany(INSERT, [astuple(row) for row in rows])


def _relinked(rows: Sequence[Row]) -> list[Row]:
    """Give each row the link and the hash that its place asks for."""
    made, last = [], GENESIS
    for row in rows:
        made.append(sealed(evolve(row, prev_hash=last)))
        last = made[-1].row_hash
    return made


@scenario("CHN-5", claim=CHAIN, where=has_chain)
def a_wrong_number_is_seen_without_a_wrong_hash(subject: Subject) -> Iterator[Violation]:
    """Rows that are numbered otherwise than 1, 2, 3 are breaks, though every hash is right."""
    with chain_of(subject, ROWS) as chain:
        rows = rows_of(chain.connection)
        for words, numbers in (
            ("lacks row 3", (1, 2, 4)),
            ("begins with row 0", (0, 1, 2)),
            ("begins with row 2", (2, 3, 4)),
        ):
            forged = [evolve(row, sequence=n) for row, n in zip(rows, numbers, strict=False)]
            _put(chain, _relinked(forged))
            if not chain.verify():
                message = f"a chain {words}, all of its links and hashes are right, and it passes"
                yield Violation("CHN-5", message, FINDS_NOTHING)


@scenario("CHN-2", claim=CHAIN, where=has_chain)
def a_first_row_that_follows_something_is_a_break(subject: Subject) -> Iterator[Violation]:
    """A row 1 whose link is not 32 zero bytes is a break, though every hash is right."""
    with chain_of(subject, 1) as chain:
        (row,) = rows_of(chain.connection)
        _put(chain, [sealed(evolve(row, prev_hash=bytes([1] * 32)))])
        if not chain.verify():
            message = "row 1 follows another, its own hash is right, and it passes"
            yield Violation("CHN-2", message, FINDS_NOTHING)


@scenario("CHN-1", claim=CHAIN, where=has_chain)
def the_last_row_is_that_of_the_highest_number(subject: Subject) -> Iterator[Violation]:
    """An append continues the row of the highest number, in whatever order the rows lie."""
    with chain_of(subject, ROWS) as chain:
        rows = rows_of(chain.connection)
        _put(chain, rows[::-1])
        chain.append("late")
        last = rows_of(chain.connection)[-1]
        if (last.sequence, last.prev_hash) != (ROWS + 1, rows[-1].row_hash):
            message = f"{ROWS} rows lie in reverse order: the next does not follow row {ROWS}"
            yield Violation("CHN-1", message)


@scenario("CHN-5", claim=CHAIN, where=has_chain)
def a_head_is_found_in_what_has_grown_behind_it(subject: Subject) -> Iterator[Violation]:
    """A chain that has grown still goes through its old head; one that was emptied does not."""
    with chain_of(subject, 2) as chain:
        if breaks := chain.verify(head=GENESIS):
            message = (
                "against the head of the empty chain, which every chain begins with, it is said: "
            )
            yield Violation("CHN-5", f"{message}{breaks[0]}")
        head = chain.head()
        chain.append("later")
        if breaks := chain.verify(head=head):
            message = "a chain has grown behind a saved head, and it is said: "
            yield Violation("CHN-5", f"{message}{breaks[0]}")
        chain.connection.execute("DELETE FROM signed_events")
        if not chain.verify(head=head):
            yield Violation("CHN-5", "all rows were deleted, and it passes", FINDS_NOTHING)


@scenario("CHN-7", claim=CHAIN, where=has_chain)
def a_row_that_has_lost_its_signature_is_a_break(subject: Subject) -> Iterator[Violation]:
    """A row at a level of signed ones without a signature is a break, though its hash is right."""
    with chain_of(subject, 2, signed=True) as chain:
        first, second = rows_of(chain.connection)
        stripped = sealed(evolve(second, signature=None, public_key=None))
        _put(chain, [first, stripped])
        if not chain.verify(with_key=True):
            message = f"a row at level {second.attest_level} has lost its signature, and it passes"
            yield Violation("CHN-7", message, FINDS_NOTHING)


@scenario("CHN-14", claim=CHAIN, where=has_chain)
def a_head_is_found_behind_a_break(subject: Subject) -> Iterator[Violation]:
    """After an edit, a verification against the saved head finds no break more than one without."""
    with chain_of(subject, ROWS) as chain:
        head = chain.head()
        chain.connection.execute("UPDATE signed_events SET agent_id = 'x' WHERE sequence = 2")
        without, breaks = chain.verify(), chain.verify(head=head)
        if len(breaks) > len(without):
            words = f"row 2 was edited, and row {ROWS} still has the saved head"
            yield Violation("CHN-14", f"{words}: {'; '.join(map(str, breaks))}")


@scenario("CHN-13", claim=CHAIN, where=has_chain)
def a_row_that_nobody_changed_is_not_named(subject: Subject) -> Iterator[Violation]:
    """After an edit or a deletion, the breaks name that row and the one behind it, no others."""
    for words, statement, allowed in (
        ("row 3 was edited", "UPDATE signed_events SET agent_id = 'x' WHERE sequence = 3", {3, 4}),
        ("row 3 was deleted", "DELETE FROM signed_events WHERE sequence = 3", {3, 4}),
    ):
        with chain_of(subject, LONG) as chain:
            chain.connection.execute(statement)
            named = {each.sequence for each in chain.verify()} - {None}
        if others := sorted(each for each in named - allowed if each is not None):
            yield Violation(
                "CHN-13", f"of {LONG} rows {words}, and the breaks name row {others[0]}"
            )
