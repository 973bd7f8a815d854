"""Long programs with crashes shrink to the few steps that the violation needs."""

import random

import pytest
from tornproof_conformance.subjects.reference import find_subject
from tornproof_models.crash.explorer import Explorer
from tornproof_models.crash.program import Append, Crash, Fail, Kill, Program, Rotate, Step, Sync
from tornproof_models.crash.run import run
from tornproof_models.crash.subject import Options
from tornproof_models.disk.crash_models import CLAIMED, CRASH_MODELS
from tornproof_models.disk.faults import Fault
from tornproof_models.shrinking.counterexample import Counterexample, shrink, witness

from tests.models.minimality import EVENTUAL, IMMEDIATE, check_minimal, fails, harshness

CRASHED: tuple[tuple[str, str, Options], ...] = (
    ("acknowledged-before-fsync", "JRN-3", IMMEDIATE),
    ("sync-does-nothing", "JRN-10", EVENTUAL),
    ("newer-synced-first", "REC-1", EVENTUAL),
    ("directory-not-synced", "JRN-3", IMMEDIATE),
    ("fsync-result-ignored", "JRN-3", IMMEDIATE),
    ("shown-before-durable", "REC-8", EVENTUAL),
    ("no-checksum", "JRN-5", IMMEDIATE),
)
"""Miniatures that a random program with crashes convicts, as the machine would."""


def random_program(seed: int) -> Program:
    """Make up a program of sixteen steps, some of which are crashes."""
    chosen = random.Random(seed)

    def step() -> Step:
        kind = chosen.randrange(8)
        if kind == 5:
            return Fail(chosen.randrange(1, 8), chosen.choice(list(Fault)))
        if kind >= 6:
            image = chosen.randrange(1 << 16)
            return Crash(chosen.choice(CLAIMED), chosen.randrange(20), image)
        size = chosen.choice((5, 300, 700))
        return (Append(size), Append(size), Sync(), Rotate(), Kill())[kind]

    return tuple(step() for _ in range(16))


@pytest.mark.parametrize(
    ("miniature", "requirement", "options"), CRASHED, ids=[row[0] for row in CRASHED]
)
def test_a_crash_among_the_steps_is_shrunk(
    miniature: str, requirement: str, options: Options
) -> None:
    """A random program with crashes comes down to a short one, minimal as any other."""
    subject = find_subject(miniature)
    found = next(
        each
        for each in (Counterexample(random_program(n), options, requirement) for n in range(2000))
        if fails(subject, each, each.program, None)
    )
    shrunk = shrink(subject, found)
    assert shrunk is not None
    assert shrunk.minimal
    left = shrunk.counterexample
    assert len(left.program) <= 4
    assert harshness(left.mildest_crash_model) <= harshness(found.mildest_crash_model)
    check_minimal(subject, shrunk)


def test_a_last_crash_is_left_to_the_explorer() -> None:
    """What a crash at the end shows is told as a program and a crash of it, with its image."""
    subject = find_subject("directory-not-synced")
    program = (Append(600), Append(24), Crash("adversarial", 100, 0))
    found = Counterexample(program, IMMEDIATE, "JRN-3")
    shrunk = shrink(subject, found)
    assert shrunk is not None
    assert shrunk.counterexample.program == (Append(5),)
    assert shrunk.counterexample.crash_model == "adversarial"
    assert shrunk.finding is not None
    assert shrunk.finding.lost == ("name 0000000000000000.wal in /journal lost",)


def test_a_crash_in_the_middle_becomes_as_mild_as_it_can() -> None:
    """A crash that the rest of the story needs is the mildest, smallest and earliest that does."""
    subject = find_subject("stale-position-trusted")
    program = (Append(600), Crash("adversarial", 100, 1 << 40), Append(700), Append(800))
    shrunk = shrink(subject, Counterexample(program, IMMEDIATE, "SEG-9"))
    assert shrunk is not None
    assert shrunk.counterexample.program == (Append(5), Kill(), Append(5))
    assert shrunk.counterexample.mildest_crash_model is None


def test_the_image_with_the_fewest_deviations_is_told() -> None:
    """Losing a name loses the file: one deviation, though a part's least lossy image has two."""
    subject, options = find_subject("acknowledged-before-fsync"), IMMEDIATE
    seen = witness(subject, Counterexample((Append(600),), options, "JRN-3", "adversarial"))
    assert seen is not None
    assert seen[1] is not None
    running = run((Append(600),), subject, options)
    explorer = Explorer(subject, options, CRASH_MODELS["adversarial"], depth=1, lazy=False)
    smallest = explorer.explore(running.filesystem.trace)
    assert seen[1].deviations == 1
    assert seen[1].size <= min(each.size for each in smallest)


def test_what_does_not_fail_is_not_shrunk() -> None:
    """A correct subject has no smallest counterexample."""
    found = Counterexample((Append(5), Append(5)), IMMEDIATE, "JRN-3", "adversarial")
    assert shrink(find_subject("reference"), found) is None
    assert witness(find_subject("reference"), found) is None


def test_effort_is_bounded() -> None:
    """With the attempts used up, what there is so far comes back and is not called minimal."""
    subject = find_subject("acknowledged-before-fsync")
    found = Counterexample((Append(600),) * 6, IMMEDIATE, "JRN-3", "prefix")
    shrunk = shrink(subject, found, attempts=3)
    assert shrunk is not None
    assert not shrunk.minimal
    assert shrunk.violation.requirement == "JRN-3"
