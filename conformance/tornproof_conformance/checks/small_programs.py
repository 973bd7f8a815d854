"""
The small programs that an adapter is judged by.
"""

from collections.abc import Iterator
from itertools import product

from tornproof_models.crash.program import Append, Program, Rotate, Step, Submit
from tornproof_models.crash.subject import Options

from tornproof_conformance.adapter.adapter_subject import AdapterSubject
from tornproof_conformance.checks.exploration import ALPHABET, DURABILITIES, ROOMY

TOGETHER: tuple[tuple[Program, ...], ...] = (
    ((Submit((5, 24)),), (Submit((472, 24, 5)),)),
    ((Append(5), Submit((24, 472))), (Submit((5, 24)), Submit((24, 472, 5)))),
)
"""Programs of one and of two operations for those who have group commit."""

LEAST_OPERATIONS = 2
"""
A verdict needs every program of up to so many operations.

Most published bugs of logs need two: one operation to leave something behind, and one to
meet it (`spec/checks.md`).
"""


def programs_of(subject: AdapterSubject, length: int) -> Iterator[tuple[Options, Program]]:
    """Yield the programs of a length that an adapter can run, with what to open it with."""
    for segment_bytes, alphabet in ((512, ALPHABET), (4096, ROOMY)):
        steps = [step for step in alphabet if can_take(subject, step)]
        for program in product(steps, repeat=length):
            for durability in DURABILITIES:
                if any(isinstance(step, Append) for step in program):
                    yield Options(segment_bytes, durability), program
    if subject.takes_many and length <= len(TOGETHER):
        yield from ((Options(4096), program) for program in TOGETHER[length - 1])


def can_take(subject: AdapterSubject, step: Step) -> bool:
    """Tell whether a step is among what an adapter claims."""
    return not isinstance(step, Rotate) or "journal/segments" in subject.claims
