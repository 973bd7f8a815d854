"""Shrinking leaves what the violation needs, and nothing else."""

import random
from collections.abc import Iterator

import pytest
from tornproof_conformance.subjects.reference import find_subject
from tornproof_models.contract.journal import History
from tornproof_models.crash.explorer import Explorer
from tornproof_models.crash.findings import Finding
from tornproof_models.crash.program import (
    Append,
    Crash,
    Fail,
    Kill,
    Program,
    Reopen,
    Rotate,
    Step,
    Sync,
)
from tornproof_models.crash.recovery import recover
from tornproof_models.crash.run import advance, run
from tornproof_models.crash.subject import Options, Subject
from tornproof_models.disk.crash_models import CLAIMED, CRASH_MODELS
from tornproof_models.disk.faults import Fault
from tornproof_models.disk.filesystem import ModelFilesystem
from tornproof_models.disk.image_builder import Choice, bits
from tornproof_models.disk.images import ImageSpace
from tornproof_models.disk.registers import Registers
from tornproof_models.disk.trace import Image, Trace
from tornproof_models.shrinking.counterexample import (
    Counterexample,
    Shrunk,
    minimise,
    shrink,
    witness,
)

IMMEDIATE = Options()
EVENTUAL = Options(durability="eventual")
ROOMY = Options(segment_bytes=4096)
ROOMY_EVENTUAL = Options(segment_bytes=4096, durability="eventual")


# Anything


@pytest.mark.parametrize("needed", [(), (0,), (19,), (3, 7), (0, 9, 10, 19), tuple(range(20))])
def test_minimise_keeps_what_is_needed(needed: tuple[int, ...]) -> None:
    """What fails if and only if it has certain items comes down to those items."""
    assert minimise(range(20), set(needed).issubset) == needed


def test_minimise_leaves_no_item_that_could_go() -> None:
    """Where failing comes and goes, dropping any one item of the result ends it."""
    for seed in range(50):
        chosen = random.Random(seed)
        failing = {
            tuple(sorted(chosen.sample(range(8), chosen.randrange(2, 8)))) for _ in range(99)
        }
        failing.add(tuple(range(8)))
        smallest = minimise(range(8), failing.__contains__)
        assert smallest in failing
        for position in range(len(smallest)):
            assert (*smallest[:position], *smallest[position + 1 :]) not in failing


def test_minimise_takes_the_simplest_items() -> None:
    """An item is replaced by the simplest proposal that fails, and then perhaps dropped."""

    def fails(items: tuple[int, ...]) -> bool:
        return sum(items) >= 10 and all(item >= 3 for item in items)

    smallest = minimise((50, 60, 4), fails, lambda items, position: range(items[position]))
    assert smallest == (10,)


def test_minimise_asks_the_same_questions() -> None:
    """Two runs ask in the same order: nothing is left to chance."""
    asked: list[list[tuple[int, ...]]] = [[], []]
    for each in asked:

        def fails(items: tuple[int, ...], each: list[tuple[int, ...]] = each) -> bool:
            each.append(items)
            return {2, 5} <= set(items)

        minimise(range(12), fails)
    assert asked[0] == asked[1]


# Programs and images


def test_difference_counts_bytes_and_names() -> None:
    """Bytes that differ, bytes that only one has, and a name that only one has."""
    one = Image({"/a": b"abc", "/b": b"12"}, frozenset({"/d"}))
    other = Image({"/a": b"aXc!", "/c": b""})
    assert one.difference(other) == (1 + 1) + (2 + 1) + 1 + 1
    assert one.difference(other) == other.difference(one)
    assert one.difference(one) == 0


MANY_DIGITS: Program = (Append(256), Append(4000), Append(5), Reopen())
"""Segments at an offset of three hexadecimal digits, and at one of four."""

FOUND: tuple[tuple[str, str, Options, str | None, Program], ...] = (
    # exploration
    ("no-checksum", "JRN-5", IMMEDIATE, "ext4", (Append(5), Append(5))),
    ("zeros-are-a-record", "JRN-5", IMMEDIATE, "ext4", (Append(5), Append(5))),
    ("torn-tail-refused", "REC-1", IMMEDIATE, "ext4", (Append(5), Append(5))),
    ("reads-past-the-end", "REC-1", IMMEDIATE, "prefix", (Append(600),)),
    ("appends-behind-a-torn-tail", "REC-4", IMMEDIATE, "ext4", (Append(5),)),
    ("segment-deleted-with-the-cut", "JRN-3", IMMEDIATE, "ext4", (Append(5), Append(5))),
    ("cut-not-synced", "REC-2", IMMEDIATE, "adversarial", (Append(5), Append(5))),
    ("header-zeroed-during-repair", "REC-3", IMMEDIATE, "process-kill", (Append(5),)),
    ("acknowledged-before-fsync", "JRN-3", IMMEDIATE, "prefix", (Append(5),)),
    ("fsync-now-and-then", "JRN-3", IMMEDIATE, "prefix", (Append(5),)),
    ("sync-does-nothing", "JRN-10", EVENTUAL, "prefix", (Append(5), Sync())),
    ("close-without-sync", "JRN-11", EVENTUAL, "prefix", (Append(5), Reopen())),
    ("next-segment-before-sync", "REC-1", EVENTUAL, "ext4", (Append(5), Rotate())),
    ("newer-synced-first", "REC-1", EVENTUAL, "ext4", (Append(5), Rotate())),
    ("directory-not-synced", "JRN-3", IMMEDIATE, "adversarial", (Append(5),)),
    ("parent-directory-not-synced", "JRN-3", IMMEDIATE, "adversarial", (Append(5),)),
    ("temporary-files-left", "REC-4", IMMEDIATE, "process-kill", (Append(5),)),
    ("lock-outlives-its-holder", "REC-1", IMMEDIATE, "process-kill", (Append(5),)),
    ("shown-before-durable", "REC-8", EVENTUAL, "prefix", (Append(5), Kill())),
    ("watermark-ahead-of-the-sync", "REC-1", IMMEDIATE, "ext4", (Append(5),)),
    ("watermark-on-trust", "REC-1", IMMEDIATE, "process-kill", (Append(5),)),
    ("damage-skipped", "JRN-4", ROOMY_EVENTUAL, "adversarial", (Append(472), Append(472))),
    ("zero-length-is-the-end", "JRN-3", IMMEDIATE, None, (Append(256), Reopen())),
    ("off-by-one-search", "JRN-15", IMMEDIATE, None, (Append(5), Reopen(), Append(5))),
    ("frame-spans-segments", "REC-1", IMMEDIATE, None, (Append(600), Reopen())),
    ("oversize-record-unseen", "JRN-3", IMMEDIATE, None, (Append(600), Reopen())),
    ("names-sorted-as-text", "REC-1", IMMEDIATE, None, MANY_DIGITS),
    ("offsets-per-segment", "JRN-1", IMMEDIATE, None, (Append(5), Rotate(), Append(5))),
    ("newest-segment-first", "JRN-2", IMMEDIATE, None, (Append(5), Rotate(), Append(5))),
    ("stale-position-trusted", "SEG-9", IMMEDIATE, None, (Append(5), Kill(), Append(5))),
    # faults
    (
        "read-error-is-the-end",
        "JRN-3",
        IMMEDIATE,
        None,
        (Append(5), Fail(4, Fault.ERROR), Reopen()),
    ),
    (
        "stale-tail-reused",
        "REC-8",
        ROOMY,
        "adversarial",
        (Fail(4, Fault.ERROR_AFTER), Append(472), Kill(), Append(472)),
    ),
    (
        "clean-pages-believed",
        "REC-8",
        IMMEDIATE,
        "prefix",
        (Fail(5, Fault.ERROR), Append(5), Kill()),
    ),
    ("fragment-stays", "JRN-15", IMMEDIATE, None, (Fail(4, Fault.SHORT_THEN_NO_SPACE), Append(5))),
    ("append-retried", "JRN-6", IMMEDIATE, None, (Fail(4, Fault.ERROR_AFTER), Append(5))),
    ("fsync-retried", "JRN-3", IMMEDIATE, "prefix", (Fail(5, Fault.ERROR), Append(5))),
    ("fsync-result-ignored", "JRN-3", IMMEDIATE, "prefix", (Fail(5, Fault.ERROR), Append(5))),
    (
        "poison-forgotten",
        "REC-1",
        IMMEDIATE,
        "prefix",
        (Fail(5, Fault.ERROR), Append(5), Append(600)),
    ),
    (
        "goes-on-after-a-rollback",
        "JRN-4",
        ROOMY_EVENTUAL,
        "adversarial",
        (Fail(4, Fault.ERROR_AFTER), Append(472), Append(472), Append(472)),
    ),
)
"""
What the checks find: miniature, requirement, options, crash model, program.

Every miniature that is caught by what it does, rather than by what was done to it.
"""

PADDING: tuple[tuple[Program, Program], ...] = (
    ((Append(88),), (Rotate(),)),
    ((), (Append(24), Append(88))),
    ((), ()),
)
"""What is put before and after it, as far as it still fails then."""


@pytest.mark.parametrize(
    ("miniature", "requirement", "options", "crash_model", "program"),
    FOUND,
    ids=[f"{row[0]}-{row[1]}" for row in FOUND],
)
def test_what_is_left_is_minimal(
    miniature: str, requirement: str, options: Options, crash_model: str | None, program: Program
) -> None:
    """Padded, and found in a harsher crash model, each comes down to something 1-minimal."""
    subject = find_subject(miniature)
    padded = (
        Counterexample((*a, *program, *z), options, requirement, "adversarial") for a, z in PADDING
    )
    shrunk = next(filter(None, (shrink(subject, each) for each in padded)))
    assert shrunk.minimal
    assert shrunk.violation.requirement == requirement
    left = shrunk.counterexample
    size = harshness(left.mildest_crash_model), len(left.program)
    assert size <= (harshness(crash_model), len(program))
    check_minimal(subject, shrunk)


def harshness(crash_model: str | None) -> int:
    """Rank a crash model; no crash at all is milder than any."""
    return CRASH_MODELS[crash_model].harshness if crash_model else -1


def check_minimal(subject: Subject, shrunk: Shrunk) -> None:
    """Without any step, deviation, or harshness of the crash model, the requirement holds."""
    left = shrunk.counterexample
    for position in range(len(left.program)):
        shorter = (*left.program[:position], *left.program[position + 1 :])
        assert fails(subject, left, shorter, left.crash_model) is None, position
    if shrunk.finding is None:
        return
    assert left.crash_model is not None
    for milder in [name for name in CLAIMED if harshness(name) < harshness(left.crash_model)]:
        assert fails(subject, left, left.program, milder) is None, milder
    running = run(left.program, subject, left.options)
    check_deviations(subject, left, shrunk.finding, running.filesystem.trace, running.began)


def fails(
    subject: Subject, left: Counterexample, program: Program, crash_model: str | None
) -> Finding | str | None:
    """Tell how a program violates the requirement, as the checks themselves would."""
    running = run(program, subject, left.options)
    for violation in running.violations:
        if violation.requirement == left.requirement:
            return violation.message
    if running.violations or crash_model is None:
        return None
    explorer = Explorer(subject, left.options, CRASH_MODELS[crash_model])
    for finding in explorer.explore(running.filesystem.trace, before=running.began):
        if finding.violation.requirement == left.requirement:
            return finding
    return None


def check_deviations(
    subject: Subject, left: Counterexample, finding: Finding, trace: Trace, before: History
) -> None:
    """Undo each deviation of a crash, alone: what is left of the crash must be survived."""
    assert left.crash_model is not None
    crash_model = CRASH_MODELS[left.crash_model]
    registers, history = Registers.of(trace.initial, crash_model.floors), before
    for event in trace.events[: finding.crash_point]:
        registers.advance(event)
        history = advance(history, event)
    space = ImageSpace(registers, crash_model)
    choice = next(
        choice
        for choice in space.choices()
        if space.deviations(choice) == finding.deviations
        and space.builder.build(choice) == finding.image
    )
    undone = list(without_each_deviation(space, choice))
    assert len(undone) == finding.deviations
    for less in undone:
        survived = Explorer(subject, left.options, crash_model, depth=2 if finding.inner else 1)
        findings = survived.explore(Trace(space.builder.build(less), ()), before=history)
        worse = [
            each
            for each in findings
            if each.violation.requirement == left.requirement
            and deviations(each) + finding.deviations - 1 < deviations(finding)
        ]
        assert worse == []
    if finding.inner:
        recovered = recover(subject, left.options, ModelFilesystem(finding.image))
        assert recovered.records is not None
        inner_before = History(settled=recovered.records)
        check_deviations(subject, left, finding.inner, recovered.trace, inner_before)


def deviations(finding: Finding) -> int:
    """Count the deviations of a crash, and of one in the recovery from it."""
    return finding.deviations + (deviations(finding.inner) if finding.inner else 0)


def without_each_deviation(space: ImageSpace, choice: Choice) -> Iterator[Choice]:
    """Yield a choice without one of its fillings, or of its losses and all that hung on it."""
    lost = space.everything & ~choice.kept
    roots = {
        space.below[i] & space.above[i]: i
        for i in bits(lost)
        if not space.below[i] & ~space.above[i] & lost
    }
    for filling in choice.fillings:
        yield Choice(choice.kept, tuple(each for each in choice.fillings if each != filling))
    for root in roots.values():
        others = 0
        for other in roots.values():
            others |= space.above[other] if other != root else 0
        kept = space.everything & ~others
        fillings = tuple(pair for pair in choice.fillings if not kept >> pair[0] & 1)
        yield Choice(kept, fillings)


# Long programs with crashes

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
