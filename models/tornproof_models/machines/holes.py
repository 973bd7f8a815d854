"""
What the v0.7 design cannot keep, found and not asserted.

For each hole there is a way in: which programs to look among, and which
violation to wait for.  The hunt does the rest.  The same program then goes
through the reference's durable profile, which must come out of it clean.

`python -m tornproof_models.machines.holes` prints all the stories as Markdown,
the same in every run.
"""

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial
from hashlib import sha256

from attrs import evolve, frozen
from hypothesis import find, settings
from hypothesis import strategies as st
from tornproof.chain.pairwise import (
    COLUMNS,
    PairwiseRow,
    pairwise_bytes,
    pairwise_hash,
    verify_pairwise,
)

from tornproof_models.contract.delivery import Profile, Violation
from tornproof_models.database_faults import Kind, When
from tornproof_models.explore.deliveries import (
    Arm,
    AskDrain,
    Hold,
    Kill,
    Program,
    Step,
    Submit,
)
from tornproof_models.explore.hunting import Finding, hunt, violations_of
from tornproof_models.machines.drainer import ReferenceQueue
from tornproof_models.miniatures.deferred_audit_v07 import DeferredAuditV07


@frozen
class Hole:
    """A hole of the design: what it is, and where to look for it."""

    id: str
    sentence: str
    among: Callable[[Program], bool]
    wanted: Callable[[Violation], bool]


def _strikes(program: Program) -> list[Kind]:
    return [step.strike.kind for step in program if isinstance(step, Arm)]


def _without_strikes(program: Program) -> bool:
    return not _strikes(program)


def _only(*kinds: Kind) -> Callable[[Program], bool]:
    return lambda program: sorted(_strikes(program)) == sorted(kinds)


def _with(step: Step) -> Callable[[Program], bool]:
    return lambda program: not _strikes(program) and step in program


def _says(requirement: str, *words: str) -> Callable[[Violation], bool]:
    return lambda violation: (
        violation.requirement == requirement and all(word in violation.message for word in words)
    )


def _panic_with_a_buffer(program: Program) -> bool:
    encodable = all(step.encodable for step in program if isinstance(step, Submit))
    return _only(Kind.PANIC)(program) and encodable


def _ambiguous_commit(program: Program) -> bool:
    strikes = [step.strike for step in program if isinstance(step, Arm)]
    return [(each.point, each.when) for each in strikes] == [("commit", When.AFTER)]


def _panic_and_drain(program: Program) -> bool:
    return _only(Kind.PANIC)(program) and AskDrain() in program


HOLES: tuple[Hole, ...] = (
    Hole(
        "H1",
        "A panic of the sink loses the receiver, and everything buffered behind it.",
        _panic_with_a_buffer,
        _says("DRN-1", "e2", "neither"),
    ),
    Hole("H2", "A crash loses everything queued.", _with(Kill()), _says("DRN-1", "neither")),
    Hole(
        "H3",
        "A COMMIT that reports an error and did commit puts the event in both tables.",
        _ambiguous_commit,
        _says("DRN-1", "in the chain and in the dead-letter queue"),
    ),
    Hole(
        "H4",
        "If the dead-letter queue refuses too, the event is dropped.",
        _only(Kind.NO_SUCH_COLUMN, Kind.BUSY),
        _says("DRN-1", "neither"),
    ),
    Hole(
        "H5",
        "After a panic a drain burns its whole timeout.",
        _panic_and_drain,
        _says("DRN-12", "given up"),
    ),
    Hole(
        "H6",
        "Closing waits for ever while any producer holds a handle.",
        _with(Hold()),
        _says("DRN-11"),
    ),
    Hole(
        "H7",
        "A dead letter raises two counters, so the counters do not partition.",
        _only(Kind.NO_SUCH_COLUMN),
        _says("DRN-13", "add up"),
    ),
    Hole(
        "H10",
        "The dead-letter queue keeps a hash and not the bytes, so nothing can be replayed.",
        _only(Kind.NO_SUCH_COLUMN),
        _says("DRN-15"),
    ),
    Hole(
        "H11",
        "With synchronous=NORMAL a power cut undoes an appended row.",
        _without_strikes,
        _says("DRN-17"),
    ),
    Hole(
        "H14",
        "An event that cannot be encoded kills the drainer.",
        _with(Submit(encodable=False)),
        _says("DRN-1", "e2"),
    ),
)


def find_hole(hole: Hole) -> Finding:
    """Let the machine find a hole in the v0.7 design, and shrink what it found."""
    finding = hunt(DeferredAuditV07, Profile.DURABLE, among=hole.among, wanted=hole.wanted)
    if finding is None:
        raise LookupError(f"{hole.id} was not found: the hunt looks too narrowly, or the model is")
    return finding


def reference_violations(program: Program) -> tuple[Violation, ...]:
    """Run the same program through the reference's durable profile."""
    return violations_of(program, partial(ReferenceQueue, Profile.DURABLE), Profile.DURABLE)


# The chain's holes

_SETTINGS = settings(derandomize=True, database=None, max_examples=2_000, deadline=None)


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


def find_rewritten_chain() -> list[PairwiseRow]:
    """Find a chain with a row rewritten that still verifies, with the same head (H9)."""

    def rewritten(count: int, edited: int, repaired: int) -> list[PairwiseRow]:
        rows = chain_of(count)
        edited, repaired = edited % count, repaired % count
        rows[edited] = evolve(rows[edited], agent_id="somebody else")
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
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute(f"CREATE TABLE signed_events ({', '.join(COLUMNS)})")
        values = ", ".join("?" * len(COLUMNS))
        for each in rows:
            columns = [getattr(each, name) for name in COLUMNS]
            connection.execute(f"INSERT INTO signed_events VALUES ({values})", columns)
        return verify_pairwise(connection).holds


# Stories


def stories() -> str:
    """Tell every hole with its counterexample, as Markdown."""
    return "\n\n".join(story(identifier) for identifier in IDENTIFIERS) + "\n"


def story(identifier: str) -> str:
    """Tell one hole: the program, what it violates, and how the durable profile fares."""
    if identifier in _CHAIN_STORIES:
        return _CHAIN_STORIES[identifier]()
    hole = next(each for each in HOLES if each.id == identifier)
    finding = find_hole(hole)
    steps = "\n".join(f"{n}. {step}" for n, step in enumerate(finding.program, start=1))
    found = "\n".join(f"- {each.requirement}: {each.message}." for each in finding.violations)
    clean = reference_violations(finding.program)
    fares = (
        "The durable profile comes out of the same steps with nothing violated."
        if not clean
        else "The durable profile does no better:\n\n"
        + "\n".join(f"- {each.requirement}: {each.message}." for each in clean)
    )
    return f"**{hole.id}.** {hole.sentence}\n\n{steps}\n\nThen:\n\n{found}\n\n{fares}"


def _tell_collision() -> str:
    one, other = find_colliding_rows()
    fields = "\n".join(
        f"- agent {each.agent_id!r}, type {each.event_type!r}" for each in (one, other)
    )
    return (
        "**H8.** Fields that are joined with 0x1F are not injective.\n\n"
        f"Two rows that agree in everything else:\n\n{fields}\n\n"
        f"Both have the hash `{pairwise_hash(one).hex()[:16]}…`.\n\n"
        "In the cumulative chain every field stands behind its length (CHN-4)."
    )


def _tell_rewriting() -> str:
    forgery = find_rewritten_chain()
    rows = "\n".join(
        f"{each.sequence}. agent {each.agent_id!r}, follows `{(each.prev_hash or b'').hex()[:16]}…`"
        for each in forgery
    )
    return (
        "**H9.** A row can be rewritten if the one link behind it is repaired.\n\n"
        f"A chain of {len(forgery)} rows whose first agent was 'agent':\n\n{rows}\n\n"
        f"It verifies, and its head is still `{pairwise_hash(forgery[-1]).hex()[:16]}…`.\n\n"
        "In the cumulative chain the hash of a row covers the link, and so all of history (CHN-3)."
    )


_CHAIN_STORIES = {"H8": _tell_collision, "H9": _tell_rewriting}
IDENTIFIERS = ("H1", "H2", "H3", "H4", "H5", "H6", "H7", "H8", "H9", "H10", "H11", "H14")

if __name__ == "__main__":
    print(stories())
