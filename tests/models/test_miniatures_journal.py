"""
Each miniature is caught by a probe, which its twin passes.

The table says what each bug is called where it shows.  The suite has checks of
its own and must catch the miniatures without this table.
"""

import struct
from collections.abc import Iterator
from itertools import product

import pytest
from tornproof_conformance.pytest_support.plugin import requirement
from tornproof_conformance.scenarios import SCENARIOS
from tornproof_models.crash.explorer import Explorer
from tornproof_models.crash.program import Append, Fail, Kill, Program, Reopen, Rotate, Step, Sync
from tornproof_models.crash.run import run
from tornproof_models.crash.subject import Options
from tornproof_models.disk.crash_models import CLAIMED, CRASH_MODELS
from tornproof_models.disk.faults import Fault
from tornproof_models.miniatures.journal_miniatures import MINIATURES, SMALL, MiniatureSubject
from tornproof_models.miniatures.journal_watermark import WATERMARKS

from tests.models.journal_probes import (
    A,
    B,
    C,
    Probe,
    above_the_maximum,
    behind_a_fragment,
    crashes,
    cut_is_reported,
    every_record_by_offset,
    files_after_opening,
    frame_on_disk,
    larger_than_a_segment,
    length_of_four_gigabytes,
    many_segments,
    memory_is_bounded,
    opens,
    poisoned_by_a_failed_sync,
    recovers,
    refuses,
    runs,
    second_writer,
    segments_on_disk,
    three_errors,
    twice_after_an_error,
    writer_after_a_death,
)
from tests.spec.framing import digest, frame, frames, name

FLAGGED = frame(B, length=struct.pack("<I", len(B) | 1 << 31), crc=frame(B)[4:8])
"""A frame with the highest bit of its length set, which its CRC does not cover."""

PADDED = bytes(-len(frame(A)) % 8) + frame(B)
"""What follows the frame of A where frames begin at multiples of eight."""

SEALED_DAMAGE = {name(0): frame(A)[:-1] + b"?" + frame(B), name(98): frames(C)}
TWO_SEGMENTS = {name(0): frames(A, B), name(98): frames(C)}
MISSING = {name(0): frames(A), name(45 + 53): frames(C)}


def put_into(scenario: str) -> Probe:
    """Judge by a scenario of the suite."""
    return lambda subject: {each.requirement for each in SCENARIOS[scenario].judge(subject)}


CAUGHT: tuple[tuple[str, str, Probe], ...] = (
    # frames and checksums
    ("big-endian-length", "FRM-1", frame_on_disk),
    ("crc-of-the-payload-only", "FRM-2", frame_on_disk),
    ("hash-of-another-kind", "FRM-3", frame_on_disk),
    ("hash-unchecked", "FRM-4", recovers("FRM-4", A, tail=frame(B, hash=digest(C)))),
    ("no-checksum", "FRM-4", recovers("FRM-4", A, tail=frame(B)[:-1] + b"?")),
    ("no-checksum", "JRN-5", crashes(Append(5), crash_model="adversarial")),
    ("length-on-trust", "FRM-5", length_of_four_gigabytes),
    ("zeros-are-a-record", "FRM-6", recovers("FRM-6", A, tail=bytes(80))),
    ("zeros-are-a-record", "JRN-5", crashes(Append(5), crash_model="adversarial")),
    ("zero-length-is-the-end", "FRM-7", recovers("FRM-7", A, b"", B)),
    ("zero-length-is-the-end", "JRN-16", put_into("an-empty-record-is-a-record")),
    ("zero-length-is-the-end", "JRN-3", runs(Append(256), Reopen())),
    ("no-maximum", "FRM-8", above_the_maximum),
    ("refused-too-late", "FRM-8", above_the_maximum),
    ("reserved-bits-ignored", "FRM-9", recovers("FRM-9", A, tail=FLAGGED)),
    ("padding-skipped", "FRM-9", recovers("FRM-9", A, tail=PADDED)),
    # torn tails
    ("torn-tail-refused", "REC-1", crashes(Append(5), crash_model="adversarial")),
    ("reads-past-the-end", "REC-1", crashes(Append(600), crash_model="prefix")),
    ("damage-skipped", "REC-5", refuses("REC-5", SEALED_DAMAGE)),
    (
        "damage-skipped",
        "JRN-4",
        crashes(
            Append(472),
            Append(472),
            durability="eventual",
            crash_model="adversarial",
            segment_bytes=4096,
        ),
    ),
    ("appends-behind-a-torn-tail", "REC-4", crashes(Append(5), crash_model="ext4")),
    (
        "stale-tail-reused",
        "REC-8",
        crashes(
            Fail(4, Fault.ERROR_AFTER),
            Append(472),
            Kill(),
            Append(472),
            crash_model="adversarial",
            segment_bytes=4096,
        ),
    ),
    (
        "segment-deleted-with-the-cut",
        "JRN-3",
        crashes(Append(5), Append(5), crash_model="ext4"),
    ),
    ("cut-unreported", "REC-7", cut_is_reported),
    ("cut-not-synced", "REC-2", crashes(Append(5), Append(5), crash_model="adversarial")),
    (
        "shown-before-durable",
        "REC-8",
        crashes(Append(5), Kill(), durability="eventual", crash_model="prefix"),
    ),
    (
        "clean-pages-believed",
        "REC-8",
        crashes(Fail(5, Fault.ERROR), Append(5), Kill(), crash_model="prefix"),
    ),
    ("header-zeroed-during-repair", "REC-3", crashes(Append(5), crash_model="process-kill")),
    # damage, errors and strangers
    ("sealed-damage-cut", "REC-5", refuses("REC-5", SEALED_DAMAGE)),
    ("acts-before-it-decides", "REC-5", refuses("REC-5", SEALED_DAMAGE)),
    ("missing-segment-ignored", "REC-6", refuses("REC-6", MISSING)),
    ("read-error-is-the-end", "JRN-3", runs(Append(5), Fail(4, Fault.ERROR), Reopen())),
    ("segment-read-at-once", "REC-9", memory_is_bounded),
    ("foreign-files-removed", "REC-10", files_after_opening("REC-10", "notes", stays=True)),
    (
        "temporary-files-left",
        "REC-10",
        files_after_opening("REC-10", name(45) + ".tmp", stays=False),
    ),
    ("temporary-files-left", "REC-4", crashes(Append(5), crash_model="process-kill")),
    # promises and syncs
    ("acknowledged-before-fsync", "JRN-3", crashes(Append(5), crash_model="prefix")),
    ("fsync-now-and-then", "JRN-3", crashes(Append(5), crash_model="prefix")),
    (
        "sync-does-nothing",
        "JRN-10",
        crashes(Append(5), Sync(), durability="eventual", crash_model="prefix"),
    ),
    (
        "close-without-sync",
        "JRN-11",
        crashes(Append(5), Reopen(), durability="eventual", crash_model="prefix"),
    ),
    (
        "batched-is-eventual",
        "JRN-3",
        crashes(Append(5), durability="batched", crash_model="prefix"),
    ),
    (
        "next-segment-before-sync",
        "REC-1",
        crashes(Append(5), Rotate(), durability="eventual", crash_model="ext4"),
    ),
    (
        "newer-synced-first",
        "REC-1",
        crashes(Append(5), Rotate(), durability="eventual", crash_model="ext4"),
    ),
    ("directory-not-synced", "JRN-3", crashes(Append(5), crash_model="adversarial")),
    ("parent-directory-not-synced", "JRN-3", crashes(Append(5), crash_model="adversarial")),
    # after an error
    ("fsync-retried", "JRN-7", poisoned_by_a_failed_sync),
    ("fsync-retried", "JRN-3", crashes(Fail(5, Fault.ERROR), Append(5), crash_model="prefix")),
    ("fsync-result-ignored", "JRN-7", poisoned_by_a_failed_sync),
    (
        "fsync-result-ignored",
        "JRN-3",
        crashes(Fail(5, Fault.ERROR), Append(5), crash_model="prefix"),
    ),
    ("poison-forgotten", "JRN-7", poisoned_by_a_failed_sync),
    (
        "poison-forgotten",
        "REC-1",
        crashes(Fail(5, Fault.ERROR), Append(5), Append(600), crash_model="prefix"),
    ),
    ("fragment-stays", "JRN-8", behind_a_fragment),
    ("append-retried", "JRN-8", behind_a_fragment),
    ("append-retried", "JRN-6", twice_after_an_error),
    (
        "goes-on-after-a-rollback",
        "JRN-4",
        crashes(
            Fail(4, Fault.ERROR_AFTER),
            Append(472),
            Append(472),
            Append(472),
            durability="eventual",
            crash_model="adversarial",
            segment_bytes=4096,
        ),
    ),
    ("interruption-forgotten", "JRN-12", put_into("an-interrupted-append-is-the-last")),
    ("written-by-a-child", "JRN-13", put_into("a-forked-child-has-no-journal")),
    ("links-followed", "REC-13", put_into("only-its-own-files-are-opened")),
    ("failed-close-keeps-the-lock", "JRN-14", put_into("closing-lets-go")),
    # names, offsets, sizes, locks
    ("offsets-per-segment", "JRN-1", runs(Append(5), Rotate(), Append(5))),
    ("newest-segment-first", "JRN-2", runs(Append(5), Rotate(), Append(5))),
    ("stale-position-trusted", "SEG-9", runs(Append(5), Kill(), Append(5))),
    (
        "decimal-names",
        "SEG-1",
        opens("SEG-1", {name(0): frames(A, B), name(98): frames(C)}, A, B, C),
    ),
    ("names-sorted-as-text", "REC-1", many_segments),
    ("bases-rounded-up", "SEG-2", segments_on_disk),
    ("off-by-one-search", "SEG-3", every_record_by_offset),
    ("boundary-unchecked", "SEG-8", three_errors),
    ("one-error-for-all", "SEG-8", three_errors),
    ("frame-spans-segments", "SEG-5", segments_on_disk),
    ("oversize-record-refused", "SEG-6", larger_than_a_segment),
    ("oversize-record-unseen", "SEG-6", larger_than_a_segment),
    ("no-lock", "JRN-9", second_writer),
    ("lock-outlives-its-holder", "JRN-9", writer_after_a_death),
    ("lock-outlives-its-holder", "REC-1", crashes(Append(5), crash_model="process-kill")),
)
"""Each miniature, a requirement that it violates, and a probe that shows it."""

ROWS = [
    pytest.param(
        miniature, violated, probe, id=f"{miniature}-{violated}", marks=requirement(violated)
    )
    for miniature, violated, probe in CAUGHT
]


@pytest.mark.parametrize(("miniature", "violated", "probe"), ROWS)
def test_miniature_is_caught(miniature: str, violated: str, probe: Probe) -> None:
    """The probe names a requirement that the miniature says it violates."""
    journal = MINIATURES[miniature]

    found = probe(MiniatureSubject(miniature, journal))

    assert violated in found
    assert violated in journal.breaks


@pytest.mark.parametrize(("miniature", "violated", "probe"), ROWS)
def test_twin_passes(miniature: str, violated: str, probe: Probe) -> None:  # noqa: ARG001
    """The same probe finds nothing wrong with the twin."""
    assert probe(SMALL) == set()


def test_every_miniature_is_in_the_table() -> None:
    """No miniature goes free; those with a watermark are judged by its own scenarios."""
    assert {miniature for miniature, _, _ in CAUGHT} == set(MINIATURES) - set(WATERMARKS)


def test_every_requirement_has_a_miniature() -> None:
    """Each MUST on frames, journals, recovery and segments is violated by some miniature."""
    musts = [f"FRM-{n}" for n in range(1, 10)] + [f"JRN-{n}" for n in range(1, 17)]
    musts += [f"REC-{n}" for n in range(1, 14)] + [f"SEG-{n}" for n in (1, 2, 3, 4, 5, 6, 8, 9)]

    broken = set().union(*(miniature.breaks for miniature in MINIATURES.values()))

    assert set(musts) == broken


# The twin, further

ALPHABET: tuple[Step, ...] = (Append(5), Append(600), Sync(), Rotate(), Reopen())
ALIGNED: tuple[Step, ...] = (Append(472), Append(24), Sync(), Kill())
"""Frames as long as a sector: a hole may end where a record begins."""


def _programs(alphabet: tuple[Step, ...], length: int) -> Iterator[Program]:
    for steps in range(1, length + 1):
        yield from product(alphabet, repeat=steps)


@pytest.mark.parametrize("durability", ["immediate", "eventual"])
@pytest.mark.parametrize("crash_model", CLAIMED)
@pytest.mark.parametrize(
    ("alphabet", "segment_bytes"),
    [(ALPHABET, 512), (ALIGNED, 4096)],
    ids=["small segments", "aligned frames"],
)
def test_twin_survives_every_small_program(
    alphabet: tuple[Step, ...], segment_bytes: int, crash_model: str, durability: str
) -> None:
    """Every crash of every program of up to three steps, and every crash of its recovery."""
    options = Options(segment_bytes=segment_bytes, durability=durability)
    explorer = Explorer(SMALL, options, CRASH_MODELS[crash_model])

    for program in _programs(alphabet, 3):
        running = run(program, SMALL, options)
        assert running.violations == [], program
        assert explorer.explore(running.filesystem.trace) == [], program

    assert explorer.coverage.complete


STRUCK: tuple[Program, ...] = (
    (Append(5), Append(600), Append(6)),
    (Append(5), Rotate(), Append(5), Kill(), Append(6)),
    (Append(5), Reopen(), Append(600), Sync(), Kill(), Append(6)),
)


@pytest.mark.parametrize("durability", ["immediate", "eventual"])
@pytest.mark.parametrize("program", STRUCK, ids=["appends", "rotate and kill", "reopen and sync"])
@pytest.mark.parametrize("fault", Fault)
def test_twin_survives_every_fault(program: Program, durability: str, fault: Fault) -> None:
    """Whatever disk operation fails, nothing is lost but what failed, then or in a crash."""
    options = Options(durability=durability)
    explorers = [
        Explorer(SMALL, options, CRASH_MODELS[crash_model], depth=1)
        for crash_model in ("ext4", "adversarial")
    ]
    count = run(program, SMALL, options).filesystem.operations

    for nth in range(1, count + 1):
        running = run((Fail(nth, fault), *program), SMALL, options)
        assert running.violations == [], nth
        for explorer in explorers:
            assert explorer.explore(running.filesystem.trace) == [], nth
