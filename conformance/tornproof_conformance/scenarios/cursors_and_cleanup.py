"""
Scenarios about readers, cursors and cleanup.

They are played for subjects that have them.  Each is a search rather than a
situation: a writer, a reader, consumers and a cleaner go through small programs,
one disk operation at a time, and the power fails wherever it matters.
"""

from collections.abc import Iterator, Sequence
from itertools import product
from typing import Protocol, cast

from attrs import frozen
from tornproof.filesystem import Filesystem
from tornproof_models.contract.journal import Violation
from tornproof_models.crash.program import Append, Rotate, Sync
from tornproof_models.crash.subject import Options, Subject
from tornproof_models.disk.crash_models import CLAIMED, CRASH_MODELS
from tornproof_models.readers import following
from tornproof_models.readers.cleanup_explorer import explore_programs
from tornproof_models.readers.following import Following, ReaderUnderTest
from tornproof_models.readers.programs import Clean, Consume, ConsumerStep, ConsumerSubject
from tornproof_models.readers.shown import ShowingExplorer

from tornproof_conformance.scenarios.scenario import scenario

ALPHABET: tuple[ConsumerStep, ...] = (
    Append(5),
    Append(600),
    Sync(),
    Rotate(),
    Consume(2),
    Clean(),
)

ROTATED: tuple[ConsumerStep, ...] = (Append(5), Rotate(), Append(6))
CLEANED: tuple[ConsumerStep, ...] = (*ROTATED, Consume(1), Clean())


class ReadSubject(ConsumerSubject, Protocol):
    """A subject with cursors, cleanup, and readers in other processes."""

    def open_reader(self, filesystem: Filesystem, *, durable_only: bool) -> ReaderUnderTest:
        """Open a reader of the journal in `DIRECTORY`."""
        ...


def has_cursors(subject: Subject) -> bool:
    """Tell whether a subject has cursors, and can clean up behind them."""
    return hasattr(subject, "open_cursor") and hasattr(subject, "positions")


def has_readers(subject: Subject) -> bool:
    """Tell whether a subject has readers as well."""
    return has_cursors(subject) and hasattr(subject, "open_reader")


@frozen
class _Readers:
    """The readers of a subject."""

    subject: ReadSubject

    @property
    def name(self) -> str:
        return self.subject.name

    def open(self, filesystem: Filesystem, *, durable_only: bool) -> ReaderUnderTest:
        return self.subject.open_reader(filesystem, durable_only=durable_only)


def _begin(
    subject: Subject, durability: str, *, durable_only: bool, pieces: bool = True
) -> Following:
    read = cast("ReadSubject", subject)
    options = Options(durability=durability)
    return Following.begin(read, _Readers(read), options, durable_only=durable_only, pieces=pieces)


def _programs() -> Iterator[tuple[ConsumerStep, ...]]:
    for length in (1, 2):
        yield from product(ALPHABET, repeat=length)


def _told(violations: Sequence[Violation], how: str) -> Iterator[Violation]:
    for violation in violations:
        yield Violation(violation.requirement, f"{how}: {violation.message}")


def _story(program: Sequence[ConsumerStep]) -> str:
    return "; ".join(map(str, program))


@scenario("SEG-7", "SEG-9", "CUR-1", "CUR-2", "CUR-3", where=has_cursors)
def cursors_and_cleanup_survive_crashes(subject: Subject) -> Iterator[Violation]:
    """If a consumer, a cleanup or the power ends at any point, a cursor's records stay."""
    for claim in CLAIMED:
        steps = 2 if claim == "process-kill" else 1  # where images are few
        explored = explore_programs(cast("ConsumerSubject", subject), CRASH_MODELS[claim], steps)
        if explored.violations:
            yield from _told(explored.violations, f"{claim}, {_story(explored.program)}")
            return


@scenario("RDR-1", "RDR-2", "RDR-3", "RDR-4", "RDR-5", "RDR-6", where=has_readers)
def a_reader_follows_a_writer(subject: Subject) -> Iterator[Violation]:
    """A reader that looks between any two disk operations of a writer sees each record once."""
    for durability, durable_only in product(("immediate", "eventual"), (True, False)):
        for program in (*_programs(), CLEANED):
            follower = _begin(subject, durability, durable_only=durable_only)
            if found := following.follow(follower, program):
                yield from _told(found, f"{durability}, {_story(program)}")
                return


@scenario("RDR-1", "RDR-3", "RDR-4", "RDR-5", where=has_readers)
def a_writer_may_get_on_during_a_look(subject: Subject) -> Iterator[Violation]:
    """A rotation or cleanup between any two disk operations of a reader skips no record."""
    for (program, since), durable_only in product(((ROTATED, 0), (CLEANED, 4)), (True, False)):
        follower = _begin(subject, "immediate", durable_only=durable_only, pieces=False)
        if found := following.race(follower, program, since=since):
            yield from _told(found, f"in the middle of a look, {_story(program)}")
            return


@scenario("RDR-1", "RDR-3", "RDR-5", where=has_readers)
def a_reader_outlives_a_writer(subject: Subject) -> Iterator[Violation]:
    """After a writer is killed at any point, its reader goes on with the next writer's records."""
    for durable_only in (True, False):
        follower = _begin(subject, "immediate", durable_only=durable_only)
        if found := following.kill(follower, ROTATED, (Append(4), Sync())):
            yield from _told(found, f"killed during {_story(ROTATED)}")
            return


@scenario("RDR-6", "SEG-9", where=has_readers)
def what_a_reader_has_shown_stays(subject: Subject) -> Iterator[Violation]:
    """No crash removes or replaces a record that a reader of durable records has shown."""
    for claim in CLAIMED:
        explorer = ShowingExplorer(CRASH_MODELS[claim])
        for durability, program in product(("immediate", "eventual"), _programs()):
            follower = _begin(subject, durability, durable_only=True)
            if found := explorer.explore(follower, program):
                yield from _told(found, f"{claim}, {durability}, {_story(program)}")
                return
