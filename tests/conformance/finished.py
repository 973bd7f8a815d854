"""
A check that is run to its end, for tests that look at what it covered.
"""

from tornproof_conformance.cases.case import Problem
from tornproof_conformance.checks import Covered, Findings
from tornproof_conformance.stream.run_events import Progress


def finished(findings: Findings) -> tuple[list[Problem], Covered]:
    """Return the problems that a check has found, and what it says of what it tried."""
    problems: list[Problem] = []
    while True:
        try:
            found = next(findings)
        except StopIteration as end:
            return problems, end.value
        if isinstance(found, Problem):
            problems.append(found)
        else:
            assert isinstance(found, Progress)
