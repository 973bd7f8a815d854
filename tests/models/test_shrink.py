"""Shrinking leaves what the violation needs, and nothing else."""

import random

import pytest
from tornproof_conformance.subjects.reference import find_subject
from tornproof_models.crash.program import (
    Append,
    Fail,
    Kill,
    Program,
    Reopen,
    Rotate,
    Sync,
)
from tornproof_models.crash.subject import Options
from tornproof_models.disk.faults import Fault
from tornproof_models.disk.trace import Image
from tornproof_models.shrinking.counterexample import (
    Counterexample,
    minimise,
    shrink,
)

from tests.models.minimality import (
    EVENTUAL,
    IMMEDIATE,
    check_minimal,
    harshness,
)

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
