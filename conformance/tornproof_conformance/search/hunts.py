"""
The random searches that checks and the fuzzer share.

A hunt makes programs up and reports those that violate something, shrunk.

- `explorer`: programs of a few steps, with faults, crashed everywhere, every image
- `journal-…`: programs of many steps, crashed here and there, many crashes deep
- the machines of `machines`: everything that is no journal

What each of them saw is added up in a `Catch`.
"""

from base64 import b64encode
from collections.abc import Sequence
from hashlib import blake2b
from typing import Protocol

import hypothesis
from attrs import define, field, frozen
from hypothesis import reject
from hypothesis import strategies as st
from tornproof_models.contract.journal import Violation
from tornproof_models.crash.explorer import Explorer
from tornproof_models.crash.program import Append, Fail, Kill, Reopen, Rotate, Step, Sync
from tornproof_models.crash.run import run
from tornproof_models.crash.subject import JournalUnderTest, Options, Subject
from tornproof_models.disk.crash_models import CLAIMED, CRASH_MODELS, CrashModel
from tornproof_models.disk.faults import Fault, Kind
from tornproof_models.disk.filesystem import ModelFilesystem
from tornproof_models.disk.images import ImageSpace
from tornproof_models.disk.registers import Registers
from tornproof_models.disk.trace import Sync as SyncEvent
from tornproof_models.disk.trace import SyncDirectory, Trace
from tornproof_models.machines.journal_machine import SIZES, ProgramViolated, journal_machine

from tornproof_conformance.cases.case import MachineCase, Problem, ProgramCase, try_case
from tornproof_conformance.cases.hypothesis_search import (
    Caught,
    Found,
    Order,
    search_cases,
    search_machine,
)
from tornproof_conformance.cases.shrinking import shrink_problem
from tornproof_conformance.subjects.machines import machines_of, make_machine
from tornproof_conformance.subjects.reference import find_journal


@define
class Catch:
    """What a hunt, or many, came back with."""

    programs: int = 0
    images: int = 0
    """Crash images that were decided."""

    outcomes: set[bytes] = field(factory=set)
    """The different things that recoveries were seen to do, as hashes."""

    problems: list[Problem] = field(factory=list)
    gave_up: str = ""
    """Why the hunt could not be played, if it could not."""

    def count(self) -> None:
        """Count a program."""
        self.programs += 1

    def note(self, outcome: str) -> None:
        """Note what a recovery was seen to do."""
        self.outcomes.add(blake2b(outcome.encode(), digest_size=8).digest())

    def add(self, other: "Catch") -> None:
        """Add what another hunt came back with, but for its problems."""
        self.programs += other.programs
        self.images += other.images
        self.outcomes |= other.outcomes


class Hunt(Protocol):
    """A way to search."""

    @property
    def name(self) -> str:
        """What reports call it, and what its part of a database is called."""
        ...

    def play(self, order: Order) -> Catch:
        """Search once, and return what was caught."""
        ...


def hunts_of(subject: str) -> tuple[Hunt, ...]:
    """
    Return every hunt that a subject can be subjected to.

    Raises `Invalid`, with the names there are, for a name that is no subject.
    """
    machines = tuple(MachineHunt(name, subject) for name in machines_of(subject))
    if machines and subject != "reference":
        return machines
    judged = find_journal(subject)
    return (
        ExplorerHunt(judged),
        JournalHunt(judged, "immediate"),
        JournalHunt(judged, "eventual"),
        *machines,
    )


# What recoveries do


@define
class Watched:
    """A subject whose every opening is looked at."""

    _subject: Subject
    _catch: Catch
    images: int = 0
    """How many disks were opened on which a crash had left something."""

    @property
    def name(self) -> str:
        """What reports call it."""
        return self._subject.name

    def open(self, filesystem: ModelFilesystem, options: Options) -> JournalUnderTest:
        """
        Open the journal and note what it took.

        An outcome is: whether it opened, whether it cut something, and what sorts of
        disk operations it went through, in order.
        """
        before = filesystem.operations
        self.images += before == 0 and bool(filesystem.initial.directories)
        try:
            opened = self._subject.open(filesystem, options)
        except Exception as error:
            self._note(type(error).__name__, filesystem.kinds[before:])
            raise
        self._note("cut" if opened.discarded_bytes else "whole", filesystem.kinds[before:])
        return opened

    def _note(self, end: str, kinds: Sequence[Kind]) -> None:
        self._catch.note(f"{end} {' '.join(kinds)}")


# A journal, short and everywhere

STEPS: st.SearchStrategy[Step] = st.one_of(
    st.builds(Append, SIZES),
    st.builds(Sync),
    st.builds(Rotate),
    st.builds(Reopen),
    st.builds(Kill),
    st.builds(Fail, st.integers(1, 12), st.sampled_from(Fault)),
)

CASES = st.builds(
    ProgramCase,
    st.lists(STEPS, min_size=1, max_size=8).map(tuple),
    st.builds(
        Options,
        segment_bytes=st.sampled_from((512, 4096)),
        durability=st.sampled_from(("immediate", "eventual")),
    ),
    st.sampled_from(CLAIMED),
    st.sampled_from((512, 64)),
)
"""
Programs twice as long as those that are all tried, with other sizes, and faults.

Sectors of 64 bytes tear most frames, sectors of 512 few.  The crash models come from
mild to harsh, so that a failure shrinks to the mildest.
"""


LIMIT = 1 << 12
"""
Images of one moment above which a program is left to the machines: 4,096.

They multiply with every unsynced sector, and one program of a million images
would cost the time of a thousand others.
"""


@frozen
class ExplorerHunt:
    """Crash random programs everywhere, and judge every image."""

    subject: Subject
    name: str = "explorer"

    def play(self, order: Order) -> Catch:
        """Search among programs."""
        catch = Catch()
        watched = Watched(self.subject, catch)

        def check(case: ProgramCase) -> None:
            if violations := _explore(watched, case, catch):
                raise Found(case, violations)

        name = f"{self.subject.name}/{self.name}/"
        caught = search_cases(name, CASES, check, order, catch.count)
        if caught:
            assert isinstance(caught.failure, Found)
            catch.problems += _problems(caught.failure.case, self.subject, caught)
        return catch


def _problems(case: ProgramCase, subject: Subject, caught: Caught) -> list[Problem]:
    """Shrink what was caught once more, crashes and all, for each requirement by itself."""
    requirements = {each.requirement for each in caught.violations}
    return [
        shrink_problem(problem, subject)
        for problem in try_case(case, subject)
        if problem.violation.requirement in requirements
    ]


def _explore(subject: Subject, case: ProgramCase, catch: Catch) -> list[Violation]:
    running = run(case.program, subject, case.options)
    if running.violations:
        return running.violations
    assert case.crash_model is not None
    crash_model, trace = CRASH_MODELS[case.crash_model], running.filesystem.trace
    if _most_images(trace, crash_model, case.sector_bytes) > LIMIT:
        reject()
    explorer = Explorer(subject, case.options, crash_model, sector_bytes=case.sector_bytes)
    findings = explorer.explore(trace)
    catch.images += explorer.coverage.judged
    return [finding.violation for finding in findings]


def _most_images(trace: Trace, crash_model: CrashModel, sector_bytes: int) -> int:
    """Count the images of the moment that has the most: just before a sync, or the last."""
    registers = Registers.of(trace.initial, crash_model.floors, sector_bytes=sector_bytes)
    most = 0
    for event in trace.events:
        if isinstance(event, SyncEvent | SyncDirectory):
            most = max(most, ImageSpace(registers, crash_model).count())
        registers.advance(event)
    return max(most, ImageSpace(registers, crash_model).count())


# A journal, long and deep


@frozen
class JournalHunt:
    """Let the journal's machine loose."""

    subject: Subject
    durability: str

    @property
    def name(self) -> str:
        """Name the machine and the durability level."""
        return f"journal-{self.durability}"

    def play(self, order: Order) -> Catch:
        """Search with the machine."""
        catch = Catch()
        options = Options(durability=self.durability)
        watched = Watched(self.subject, catch)
        name = f"{self.subject.name}/{self.name}/"
        caught = search_machine(name, journal_machine(watched, options), order, catch.count)
        catch.images = watched.images
        if caught:
            assert isinstance(caught.failure, ProgramViolated)
            case = ProgramCase(caught.failure.program, options)
            catch.problems += _problems(case, self.subject, caught)
        return catch


# Everything else


@frozen
class MachineHunt:
    """Let another machine loose."""

    name: str
    subject: str

    def play(self, order: Order) -> Catch:
        """Search with the machine."""
        catch = Catch()
        machine = make_machine(self.name, self.subject)
        name = f"{self.subject}/{self.name}/"
        caught = search_machine(name, machine, order, catch.count)
        if caught:
            choices = b64encode(caught.choices).decode()
            case = MachineCase(self.name, hypothesis.__version__, choices, caught.steps)
            catch.problems += (Problem(violation, case) for violation in caught.violations)
        return catch
