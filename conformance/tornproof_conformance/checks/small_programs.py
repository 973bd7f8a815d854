"""
The small programs that an adapter is judged by.
"""

from collections.abc import Iterator
from itertools import product

from tornproof_models.crash.program import Append, Program, Step
from tornproof_models.crash.subject import Options

from tornproof_conformance.adapter.adapter_subject import AdapterSubject
from tornproof_conformance.checks.claimed_programs import BROUGHT, NEEDED
from tornproof_conformance.checks.exploration import ALPHABET, DURABILITIES, ROOMY

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
    for claim, programs in BROUGHT.items():
        if claim in subject.claims and length <= len(programs):
            yield from ((Options(4096), program) for program in programs[length - 1])


def can_take(subject: AdapterSubject, step: Step) -> bool:
    """Tell whether a step is among what an adapter claims."""
    needed = NEEDED.get(type(step))
    return needed is None or needed in subject.claims
