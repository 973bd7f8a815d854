"""Counterexamples that become frozen vectors."""

from typing import Any

from click.testing import CliRunner, Result
from tornproof_conformance.cases.case import Case, ProgramCase, try_case
from tornproof_conformance.cases.promotion import make_case
from tornproof_conformance.cases.reproducer import Reproducer, reproducer_of
from tornproof_conformance.commands.vectors import command as vectors
from tornproof_conformance.subjects.reference import find_subject
from tornproof_conformance.vectors.frames import make_frame
from tornproof_models.crash.program import Append
from tornproof_models.crash.subject import Options

EVENTUAL = Options(durability="eventual")


def tornproof(*arguments: str) -> Result:
    """Run `tornproof vectors` in this process."""
    return CliRunner().invoke(vectors, arguments)


def counterexample(subject: str, case: Case, requirement: str) -> Reproducer:
    """Return the reproducer of what a case shows."""
    problem = next(
        each
        for each in try_case(case, find_subject(subject))
        if each.violation.requirement == requirement
    )
    return reproducer_of(problem, subject)


def torn_tail() -> Reproducer:
    """Return a torn tail that is refused, where it must be cut."""
    case = ProgramCase((Append(5), Append(5)), EVENTUAL, "adversarial", sector_bytes=64)
    return counterexample("torn-tail-refused", case, "REC-1")


def promoted(saved: Reproducer, identifier: str = "rec/found") -> dict[str, Any]:
    """Make a vector with nothing said about it."""
    return make_case(saved, identifier, "", (), "tornproof fuzz")


A, B = make_frame(b"first"), make_frame(b"second")
