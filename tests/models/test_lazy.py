"""Deciding lazily judges the same images as building each, and fewer recoveries are run."""

from collections.abc import Callable
from itertools import islice, product
from typing import Any

import pytest
from attrs import frozen
from tornproof.errors import Invalid
from tornproof_conformance.checks.exploration import ALPHABET
from tornproof_conformance.subjects.reference import find_subject
from tornproof_models.certificates.checker.plain_disk import Disk
from tornproof_models.contract.journal import History, Violation
from tornproof_models.crash import crash_judge, undecided
from tornproof_models.crash import explorer as explorer_module
from tornproof_models.crash.access_log import WatchedFilesystem
from tornproof_models.crash.explorer import Explorer
from tornproof_models.crash.findings import Coverage
from tornproof_models.crash.program import Append, Kill, Program, Reopen
from tornproof_models.crash.recovery import Outcome
from tornproof_models.crash.run import run
from tornproof_models.crash.subject import Options, Subject
from tornproof_models.disk import digests, image_builder, image_sets
from tornproof_models.disk.crash_models import CLAIMED, CRASH_MODELS
from tornproof_models.disk.filesystem import ModelFile, ModelFilesystem
from tornproof_models.disk.image_sets import Part
from tornproof_models.disk.images import ImageSpace
from tornproof_models.disk.registers import Registers
from tornproof_models.disk.trace import Image, Trace, Write

from tests.models.brute_force import SECTOR
from tests.models.judge import random_programs, space_of
from tests.models.three_ways import SHARE, SIZES, TraceCase, differing, subjects
from tests.models.wanderer import Wandered, Wanderer

Judged = set[tuple[History, object, str]]

PROGRAMS: list[Program] = [
    *product(ALPHABET, repeat=2),
    (Append(472), Append(472), Append(5)),
    (Append(600), Kill(), Append(5)),
    (Append(5), Append(600), Reopen(), Append(5)),
]


def explore(
    program: Program, name: str, crash_model: str, *, lazy: bool, monkeypatch: pytest.MonkeyPatch
) -> tuple[Judged, Coverage]:
    """Explore a program and collect every (debt, outcome) that the contract was asked about."""
    judged: Judged = set()

    def record(history: History, outcome: Outcome) -> list[Violation]:
        judged.add((history, outcome.records, outcome.error))
        return []

    monkeypatch.setattr(crash_judge, "judge", record)
    target, options = find_subject(name), Options(durability="eventual", segment_bytes=2048)
    trace = run(program, target, options).filesystem.trace
    explorer = Explorer(target, options, CRASH_MODELS[crash_model], lazy=lazy)
    explorer.explore(trace)
    assert explorer.coverage.complete
    return judged, explorer.coverage


@pytest.mark.parametrize("crash_model", CLAIMED)
@pytest.mark.parametrize("name", ["reference", "appends-behind-a-torn-tail"])
def test_lazy_and_plain_exploration_judge_the_same(
    name: str, crash_model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For each program, both ways ask the contract exactly the same questions."""
    for program in PROGRAMS:
        lazy, _ = explore(program, name, crash_model, lazy=True, monkeypatch=monkeypatch)
        plain, _ = explore(program, name, crash_model, lazy=False, monkeypatch=monkeypatch)
        assert lazy == plain, program


@pytest.mark.parametrize("size", range(SIZES))
def test_every_outcome_is_found_in_three_ways(size: int) -> None:
    """Lazily, by plain enumeration and by brute force, recoveries come to the same."""
    chosen = subjects(SHARE)[size]
    assert len(chosen) == SHARE[size]
    assert all(1 << size <= each.images < 2 << size for each in chosen)
    assert [each.seed for each in chosen if list(differing(each))] == []


UNKEPT = Disk.unkept
BUGS: dict[str, tuple[Any, str, Any]] = {
    "the pruner takes no note of reads": (WatchedFilesystem, "_look", lambda *_: None),
    "answers are told apart by nothing": (
        explorer_module,
        "answers_of",
        lambda *a: [(0, piece) for _, piece in undecided.answers_of(*a)],
    ),
    "all sectors have one digest": (
        image_builder,
        "digest_sector",
        lambda path, sector, _: digests.digest_sector(path, sector, b"1"),
    ),
    "brute force knows no garbage": (
        Disk,
        "unkept",
        lambda self, register: UNKEPT(self, register)[:1],
    ),
}


@pytest.mark.parametrize("name", BUGS)
def test_a_bug_in_one_way_is_noticed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever way goes wrong, it no longer finds what the others do."""
    monkeypatch.setattr(*BUGS[name])
    assert any(map(is_noticed, subjects(SHARE)[6]))


def is_noticed(subject: TraceCase) -> bool:
    """Tell whether something differs, or a way comes to no end of it."""
    try:
        return bool(list(differing(subject)))
    except (AssertionError, Invalid):
        return True


def judged_twice_crashed(
    trace: Trace, crash_model: str, target: Subject, *, lazy: bool, monkeypatch: pytest.MonkeyPatch
) -> set[tuple[History, Outcome]]:
    """Explore a trace two crashes deep, and collect what the contract was asked."""
    judged: set[tuple[History, Outcome]] = set()

    def record(history: History, outcome: Outcome) -> list[Violation]:
        judged.add((history, outcome))
        return []

    monkeypatch.setattr(crash_judge, "judge", record)
    explorer = Explorer(
        target, Options(), CRASH_MODELS[crash_model], sector_bytes=SECTOR, lazy=lazy
    )
    explorer.explore(trace)
    assert explorer.coverage.complete
    return judged


@pytest.mark.parametrize("crash_model", CLAIMED)
def test_a_second_crash_is_judged_the_same(
    crash_model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On random traces, lazy and plain exploration find the same two crashes deep."""
    small = (each for each in random_programs() if space_of(each, "adversarial").count() <= 4)
    # of the first four, two have ten thousands of images at the second crash
    for number, trace in enumerate(islice(small, 4, 40), 4):
        target = Wanderer(number, shows=1)
        lazy = judged_twice_crashed(trace, crash_model, target, lazy=True, monkeypatch=monkeypatch)
        plain = judged_twice_crashed(
            trace, crash_model, target, lazy=False, monkeypatch=monkeypatch
        )
        assert lazy == plain, number


# Recoveries that look, the second time, where they did not look the first


def cut_within_what_nobody_read(file: ModelFile) -> bytes:
    """Cut a sector in two without looking at it; see later what is left of it."""
    if file.size() == 8:
        file.truncate(6)
    elif file.size() == 6:
        return file.read_at(4, 2)
    return b""


def write_over_what_nobody_read(file: ModelFile) -> bytes:
    """Write a part of a sector without looking at the rest; see that later."""
    if file.size() == 8:
        file.write_at(6, b"more")
    elif file.size() == 10:
        return file.read_at(4, 2)
    return b""


def write_where_something_was_cut(file: ModelFile) -> bytes:
    """Cut a sector off without looking at it; see later what shows through another."""
    if file.size() == 8:
        file.truncate(4)
        file.sync()
        file.write_at(4, b"zz")
    elif file.size() == 6:
        return file.read_at(4, 2)
    return b""


def write_what_was_read(file: ModelFile) -> bytes:
    """Forget where something was read, and write it down."""
    if file.size() == 8:
        read = file.read_at(0, 3)
        file.truncate(0)
        file.sync()
        file.write_at(8, read)
    elif file.size() == 11:
        return file.read_at(8, 3)
    return b""


def leave_what_was_read(file: ModelFile) -> bytes:
    """Cut off what was read, so that it may show through what is written there."""
    if file.size() == 8:
        file.read_at(0, 4)
        file.truncate(0)
        file.sync()
        file.write_at(0, b"new")
    elif file.size() == 3:
        return file.read_at(0, 3)
    return b""


@frozen
class Scripted:
    """Recovers a single file in a certain way."""

    script: Callable[[ModelFile], bytes]
    name: str = "scripted"

    def open(self, filesystem: ModelFilesystem, options: Options) -> Wandered:
        """Do what the script says, and show what it saw."""
        del options
        return Wandered(self.script(filesystem.open("/a")))


@pytest.mark.parametrize("crash_model", CLAIMED)
@pytest.mark.parametrize(
    "script",
    [
        cut_within_what_nobody_read,
        write_over_what_nobody_read,
        write_where_something_was_cut,
        write_what_was_read,
        leave_what_was_read,
    ],
)
def test_what_nobody_looked_at_first_may_matter_later(
    script: Callable[[ModelFile], bytes], crash_model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a first recovery passed over is told apart when a second one sees it."""
    trace = Trace(Image({"/a": b"abcdefgh"}), (Write(1, 0, b"ABCDEFGH"),))
    target = Scripted(script)
    lazy = judged_twice_crashed(trace, crash_model, target, lazy=True, monkeypatch=monkeypatch)
    plain = judged_twice_crashed(trace, crash_model, target, lazy=False, monkeypatch=monkeypatch)
    assert lazy == plain


def test_a_journal_that_stops_at_a_bad_frame_needs_few_recoveries() -> None:
    """A billion images of sixteen unsynced records are decided by two thousand recoveries."""
    target, options = (
        find_subject("reference"),
        Options(durability="eventual", segment_bytes=1 << 20),
    )
    trace = run((Append(472),) * 16, target, options).filesystem.trace
    explorer = Explorer(target, options, CRASH_MODELS["adversarial"], depth=1)
    assert explorer.explore(trace) == []
    assert explorer.coverage.complete
    assert explorer.coverage.images > 1_000_000_000
    assert explorer.coverage.recovered < 2_500


@pytest.mark.parametrize("crash_model", CLAIMED)
def test_the_parts_of_a_split_make_up_the_whole(crash_model: str) -> None:
    """However a space is split, its parts are disjoint and contain every choice once."""
    target, options = find_subject("reference"), Options(durability="eventual", segment_bytes=2048)
    trace = run((Append(600), Append(5), Append(600)), target, options).filesystem.trace
    registers = Registers.of(trace.initial, CRASH_MODELS[crash_model].floors)
    registers.replay(trace.events)
    space = ImageSpace(registers, CRASH_MODELS[crash_model])
    pending, whole = [Part()], 0
    while pending:
        part = pending.pop()
        splits = (image_sets.split(space, part, register) for register in space.histories)
        pieces = next((pieces for pieces in splits if pieces != [part]), [])
        if not pieces:
            whole += image_sets.count(space, part)
            assert image_sets.count(space, part) == 1
            continue
        assert sum(image_sets.count(space, piece) for piece in pieces) == image_sets.count(
            space, part
        )
        pending += pieces
    assert whole == space.count() == len(set(space.choices()))


def test_a_splitter_that_forgets_a_piece_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """If a split drops a piece, the images that were judged no longer add up."""
    target, options = find_subject("reference"), Options(durability="eventual", segment_bytes=2048)
    trace = run((Append(472), Append(472)), target, options).filesystem.trace
    whole = image_sets.split
    monkeypatch.setattr(image_sets, "split", lambda *arguments: list(whole(*arguments))[1:])
    explorer = Explorer(target, options, CRASH_MODELS["adversarial"], depth=1)
    explorer.explore(trace)
    assert not explorer.coverage.complete
