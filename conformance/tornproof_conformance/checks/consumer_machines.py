"""
Run long random programs of readers beside a writer, and of cursors and cleanup.

Hypothesis makes them up and shrinks what violates something.  They go deeper than the
scenarios of the same chapters: many looks, kills and power cuts in one program.
"""

from functools import partial

from tornproof_models.contract import cleanup, reader
from tornproof_models.crash.subject import Subject
from tornproof_models.disk.crash_models import CLAIMED

from tornproof_conformance.cases.hypothesis_search import STEPS, Order
from tornproof_conformance.checks import Budget, Check, Covered, Findings
from tornproof_conformance.search.hunts import MachineHunt
from tornproof_conformance.stream.run_events import Progress
from tornproof_conformance.subjects.machines import machines_of

EXAMPLES_EACH = 3
"""One random program for so many of a journal."""


def _machine(name: str, subject: Subject, budget: Budget) -> Findings:
    examples = budget.examples // EXAMPLES_EACH
    yield Progress(name, 0, 1, "random programs")
    yield from MachineHunt(name, subject.name).play(Order(budget.seed, examples)).problems
    words = f"{examples} random programs of up to {STEPS} steps, with kills and power cuts"
    return Covered(words, {"random_programs": examples}, ("process-kill", *CLAIMED))


READER_MACHINE = Check(
    "reader-machine",
    "long random programs of a reader beside a writer that dies",
    reader.JUDGES,
    partial(_machine, "reader-machine"),
)

CURSOR_MACHINE = Check(
    "cursor-machine",
    "long random programs of cursors and cleanup, with deaths and power cuts",
    cleanup.JUDGES,
    partial(_machine, "cursor-machine"),
)

CONSUMER_MACHINES: tuple[Check, ...] = (READER_MACHINE, CURSOR_MACHINE)


def consumer_machines_of(subject: Subject) -> tuple[Check, ...]:
    """Choose those that a subject can be put through."""
    names = machines_of(subject.name)
    return tuple(check for check in CONSUMER_MACHINES if check.name in names)
