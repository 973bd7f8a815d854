"""
Search for changes that the pairwise chain cannot detect, with Hypothesis.

Each row of the v0.7 chain keeps the hash of the row before, and that hash covers
neither its own link nor anything earlier.  Verification passes two things that
it should not: rows with the same bytes that are not the same (H8), and a
rewritten row whose one link was repaired (H9).  Both are then tried on the
cumulative chain.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from hashlib import sha256

from attrs import evolve, frozen
from hypothesis import find, settings
from hypothesis import strategies as st
from tornproof.chain import Entry, append, prepare, verify
from tornproof.chain.pairwise import (
    COLUMNS,
    PairwiseRow,
    pairwise_bytes,
    pairwise_hash,
    verify_pairwise,
)
from tornproof.chain.row import COLUMNS as CUMULATIVE
from tornproof.chain.row import Row, content, content_of, row_hash
from tornproof.chain.verify import Break

_SETTINGS = settings(derandomize=True, database=None, max_examples=2_000, deadline=None)

SOMEBODY_ELSE = "somebody else"


@frozen
class Story:
    """A hole with its counterexample, for people."""

    id: str
    sentence: str
    given: str
    steps: tuple[str, ...]
    found: tuple[str, ...]
    """What is wrong after the steps."""

    instead: str
    """How the reference fares."""

    def __str__(self) -> str:
        """Tell it in plain lines."""
        steps = "\n".join(f"{n}. {step}" for n, step in enumerate(self.steps, start=1))
        found = "\n".join(f"- {each}" for each in self.found)
        return f"{self.sentence}\n\n{self.given}\n\n{steps}\n\n{found}\n\n{self.instead}\n"


# H8


def find_colliding_rows() -> tuple[PairwiseRow, PairwiseRow]:
    """Find two different rows with the same bytes: the separator may stand in a field (H8)."""
    texts = st.text("ab\x1f", max_size=3)
    rows = st.builds(
        lambda agent, kind: evolve(row(1), agent_id=agent, event_type=kind), texts, texts
    )
    return find(
        st.tuples(rows, rows),
        lambda pair: pair[0] != pair[1] and pairwise_bytes(pair[0]) == pairwise_bytes(pair[1]),
        settings=_SETTINGS,
    )


def cumulative_bytes(row: PairwiseRow) -> bytes:
    """Write down the same row the way the cumulative chain does."""
    assert row.sequence is not None
    assert row.prev_hash is not None
    return content(
        row.sequence,
        row.prev_hash,
        row.id,
        row.agent_id,
        row.event_type,
        row.payload_hash,
        row.attest_level,
        row.timestamp,
        None,
    )


def tell_collision() -> Story:
    """Tell two rows that have one hash."""
    pair = find_colliding_rows()
    differ = len({cumulative_bytes(each) for each in pair}) == 2
    return Story(
        "H8",
        "Fields that are joined with 0x1F are not injective.",
        "Two rows that agree in everything else:",
        tuple(f"agent {each.agent_id!r}, type {each.event_type!r}" for each in pair),
        (f"both have the hash {shortened(pairwise_hash(pair[0]))}",),
        "In the cumulative chain, where each field stands behind its length (CHN-4), the two "
        f"{'differ' if differ else 'agree'}.",
    )


# H9


def find_rewritten_chain() -> list[PairwiseRow]:
    """Find a chain with a row rewritten that still verifies, with the same head (H9)."""

    def rewritten(count: int, edited: int, repaired: int) -> list[PairwiseRow]:
        rows = chain_of(count)
        edited, repaired = edited % count, repaired % count
        rows[edited] = evolve(rows[edited], agent_id=SOMEBODY_ELSE)
        if repaired > 0:
            link = pairwise_hash(rows[repaired - 1])
            rows[repaired] = evolve(rows[repaired], prev_hash=link)
        return rows

    def passes(forgery: list[PairwiseRow]) -> bool:
        before = chain_of(len(forgery))
        same_head = pairwise_hash(before[-1]) == pairwise_hash(forgery[-1])
        return forgery != before and same_head and verifies(forgery)

    small = st.integers(0, 5)
    return find(st.builds(rewritten, st.integers(1, 5), small, small), passes, settings=_SETTINGS)


def breaks_of_the_same_forgery(count: int) -> tuple[Break, ...]:
    """
    Do the same to a cumulative chain of so many rows, and verify it against its head.

    The first row is rewritten, with its hash, and the link of the second is repaired.
    """
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        prepare(connection, "memory")
        entries = [
            Entry(each.id, each.agent_id, each.event_type, "2026", b"") for each in chain_of(count)
        ]
        head = append(connection, entries)
        first = Row(*connection.execute(f"SELECT {CUMULATIVE} FROM signed_events").fetchone())
        forged = row_hash(content_of(evolve(first, agent_id=SOMEBODY_ELSE)), None)
        connection.execute(
            "UPDATE signed_events SET agent_id = ?, row_hash = ? WHERE sequence = 1",
            (SOMEBODY_ELSE, forged),
        )
        connection.execute("UPDATE signed_events SET prev_hash = ? WHERE sequence = 2", (forged,))
        return verify(connection, head=head.hash).breaks


def tell_rewriting() -> Story:
    """Tell a chain that was rewritten."""
    forgery = find_rewritten_chain()
    breaks = breaks_of_the_same_forgery(len(forgery))
    seen = "; ".join(map(str, breaks)) or "nothing"
    return Story(
        "H9",
        "A row can be rewritten if the one link behind it is repaired.",
        f"A chain of {len(forgery)} rows whose agents were all 'agent':",
        tuple(
            f"agent {each.agent_id!r}, follows {shortened(each.prev_hash or b'')}"
            for each in forgery
        ),
        (
            "it verifies",
            f"its head is still {shortened(pairwise_hash(forgery[-1]))}",
        ),
        "In the cumulative chain the hash of a row covers its link, and so all of history (CHN-3). "
        f"After the same forgery its verification says: {seen}.",
    )


# Chains


def row(number: int, previous: bytes = bytes(32)) -> PairwiseRow:
    """Make a row of a v0.7 chain."""
    payload_hash = sha256(b"payload %d" % number).digest()
    return PairwiseRow(
        f"id-{number}", "agent", "type", payload_hash, None, "unsigned", "2026", previous, number
    )


def chain_of(count: int) -> list[PairwiseRow]:
    """Make a v0.7 chain of so many rows."""
    rows: list[PairwiseRow] = []
    for number in range(1, count + 1):
        rows.append(row(number, pairwise_hash(rows[-1]) if rows else bytes(32)))
    return rows


def verifies(rows: Sequence[PairwiseRow]) -> bool:
    """Say whether the v0.7 verification finds nothing wrong."""
    with database_of(rows) as connection:
        return verify_pairwise(connection).holds


@contextmanager
def database_of(rows: Sequence[PairwiseRow]) -> Iterator[sqlite3.Connection]:
    """Put rows into a v0.7 table."""
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute(f"CREATE TABLE signed_events ({', '.join(COLUMNS)})")
        values = ", ".join("?" * len(COLUMNS))
        for each in rows:
            columns = [getattr(each, name) for name in COLUMNS]
            connection.execute(f"INSERT INTO signed_events VALUES ({values})", columns)
        yield connection


def shortened(digest: bytes) -> str:
    """Show the beginning of a hash."""
    return f"`{digest.hex()[:16]}…`"
