"""The explorer finds what is there, all of it, and nothing else."""

from itertools import product

import pytest
from attrs import define, field
from tornproof.journal import Cursor, Journal, recovery
from tornproof_conformance.checks.exploration import ALPHABET, DURABILITIES
from tornproof_conformance.pytest_support.plugin import requirement
from tornproof_conformance.subjects.reference import ReferenceSubject, find_subject
from tornproof_models.crash.explorer import Explorer
from tornproof_models.crash.findings import Coverage, Finding, count_words, digits
from tornproof_models.crash.program import Append, Fail, Kill, Program
from tornproof_models.crash.run import Run, run
from tornproof_models.crash.subject import DIRECTORY, JournalUnderTest, Options, Subject
from tornproof_models.disk.crash_models import CLAIMED, CRASH_MODELS
from tornproof_models.disk.faults import Fault
from tornproof_models.disk.filesystem import ModelFilesystem
from tornproof_models.disk.trace import Image, Trace

EVENTUAL = Options(durability="eventual")


def explore(
    program: Program, subject: Subject, crash_model: str, options: Options | None = None
) -> dict[str, Finding]:
    """Explore one program; return the findings by requirement."""
    options = options or Options()
    running = run(program, subject, options)
    assert running.violations == []
    explorer = Explorer(subject, options, CRASH_MODELS[crash_model])
    return {
        finding.violation.requirement: finding
        for finding in explorer.explore(running.filesystem.trace)
    }


@requirement("JRN-3", "JRN-4", "JRN-5", "REC-1", "REC-2", "REC-3", "REC-4", "REC-8", "SEG-4")
@pytest.mark.parametrize(("crash_model", "durability"), list(product(CLAIMED, DURABILITIES)))
def test_the_reference_survives_every_image_of_small_programs(
    crash_model: str, durability: str
) -> None:
    """Every program of up to 2 operations, two crashes deep; `make check` has those of 3."""
    subject, options = ReferenceSubject(), Options(durability=durability)
    explorer = Explorer(subject, options, CRASH_MODELS[crash_model])
    for length in (1, 2):
        for program in product(ALPHABET, repeat=length):
            running = run(program, subject, options)
            assert running.violations == []
            assert explorer.explore(running.filesystem.trace) == []
    assert explorer.coverage.complete
    assert explorer.coverage.traces == 5 + 25


@requirement("JRN-3")
def test_sectors_smaller_than_a_frame_tear_it() -> None:
    """With sectors of 32 bytes a frame tears within its header, and the reference holds."""
    subject = ReferenceSubject()
    program = (Append(5), Append(30))
    for crash_model in CLAIMED:
        running = run(program, subject, EVENTUAL)
        explorer = Explorer(subject, EVENTUAL, CRASH_MODELS[crash_model], sector_bytes=32)
        assert explorer.explore(running.filesystem.trace) == []
        assert explorer.coverage.recovered > 10


def test_the_mildest_crash_model_of_a_missing_directory_sync_is_adversarial() -> None:
    """Under ext4 an fsync of the file commits the name too, so only `adversarial` shows it."""
    subject = find_subject("directory-not-synced")
    assert explore((Append(5),), subject, "ext4") == {}
    assert "JRN-3" in explore((Append(5),), subject, "adversarial")


def test_a_finding_tells_what_was_lost() -> None:
    """A finding names the lost register, what was owed, and what came back."""
    subject = find_subject("acknowledged-before-fsync")
    finding = explore((Append(5),), subject, "prefix")["JRN-3"]
    assert finding.deviations >= 1
    assert len(finding.owed) == 1
    assert finding.recovered == ()
    assert any("0000000000000000.wal" in loss for loss in finding.lost)


def test_a_second_crash_finds_what_the_first_does_not() -> None:
    """A recovery that destroys before it repairs is caught by a crash inside it."""
    subject = find_subject("header-zeroed-during-repair")
    finding = explore((Append(5),), subject, "process-kill", EVENTUAL)["REC-3"]
    assert finding.inner is not None


def test_each_distinct_image_is_recovered_once() -> None:
    """Exploring the same trace again recovers nothing new."""
    subject = ReferenceSubject()
    trace = run((Append(5), Append(600)), subject, EVENTUAL).filesystem.trace
    explorer = Explorer(subject, EVENTUAL, CRASH_MODELS["adversarial"])
    assert explorer.explore(trace) == []
    recovered, judged = explorer.coverage.recovered, explorer.coverage.judged
    explorer.explore(trace)
    assert explorer.coverage.recovered == recovered
    assert explorer.coverage.judged > judged > recovered


@define
class Counting:
    """The reference, and every image that it was given to recover."""

    name: str = "counting"
    images: list[Image] = field(factory=list)

    def open(self, filesystem: ModelFilesystem, options: Options) -> JournalUnderTest:
        """Note the image and open the journal on it."""
        self.images.append(filesystem.initial)
        return ReferenceSubject().open(filesystem, options)


@pytest.mark.parametrize("depth", [1, 2])
@pytest.mark.parametrize("lazy", [False, True])
def test_a_hit_is_never_counted_as_a_recovery(depth: int, *, lazy: bool) -> None:
    """No more recoveries are counted than distinct images were really recovered."""
    trace = run((Append(600), Append(5)), ReferenceSubject(), EVENTUAL).filesystem.trace
    subject = Counting()
    explorer = Explorer(subject, EVENTUAL, CRASH_MODELS["adversarial"], depth=depth, lazy=lazy)
    assert explorer.explore(trace) == []
    distinct = {image.key for image in subject.images}
    assert 10 < explorer.coverage.recovered <= len(distinct)
    if not lazy:
        assert explorer.coverage.recovered == len(distinct) == len(subject.images)


def test_a_count_of_thousands_of_digits_is_told_by_its_power_of_ten() -> None:
    """One unsynced write of some megabytes has as many images; Python writes no such number."""
    many = 26 * 10**4999

    assert str(Coverage(3, 2, many, 7)) == "7 of 2.6 × 10⁵⁰⁰⁰ images at 2 crash points"
    assert [count_words(each) for each in (999, 10**12 - 1, 10**12)] == [
        "999",
        "999,999,999,999",
        "1.0 × 10¹²",
    ]
    assert digits(many) == "26" + "0" * 4999


def test_a_bound_is_reported() -> None:
    """Above the bound fewer images are judged, and the coverage says so."""
    subject, options = ReferenceSubject(), Options(durability="eventual", segment_bytes=1 << 16)
    trace = run((Append(2000), Append(600)), subject, options).filesystem.trace
    crash_model = CRASH_MODELS["adversarial"]
    explorer = Explorer(subject, options, crash_model, bound=8, depth=1, lazy=False)
    assert explorer.explore(trace) == []
    assert not explorer.coverage.complete
    assert " of " in str(explorer.coverage)


@pytest.mark.parametrize("depth", [1, 2])
def test_a_record_of_many_sectors_comes_to_an_end(depth: int) -> None:
    """A recovery that asks about more than can be answered is sampled, and the coverage says so."""
    subject, options = ReferenceSubject(), Options(durability="eventual", segment_bytes=1 << 16)
    trace = run((Append(32 << 10),), subject, options).filesystem.trace
    crash_model = CRASH_MODELS["adversarial"]
    explorer = Explorer(subject, options, crash_model, bound=20, sample=20, depth=depth)
    assert explorer.explore(trace) == []
    assert explorer.coverage.images > 3**64
    assert not explorer.coverage.complete


@requirement("REC-8")
def test_recovery_must_write_again_what_a_failed_sync_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Without writing again, a record that a failed fsync left in memory is shown and lost."""
    program = (Append(5), Fail(2, Fault.ERROR), Append(5), Kill())
    assert explore(program, ReferenceSubject(), "prefix") == {}
    monkeypatch.setattr(recovery, "_write_again", lambda *_: None)
    assert "REC-8" in explore(program, ReferenceSubject(), "prefix")


def test_the_end_of_a_trace_is_a_crash_point() -> None:
    """A loss that only a crash at the end can show is found there, and not before."""
    subject = find_subject("acknowledged-before-fsync")
    trace = run((Append(5),), subject, Options()).filesystem.trace
    shorter = Trace(trace.initial, trace.events[:2])
    explorer = Explorer(subject, Options(), CRASH_MODELS["prefix"], depth=1)
    assert explorer.explore(trace)
    assert explorer.explore(shorter) == []


def test_format_v2_cannot_tell_a_recycled_block() -> None:
    """A deleted segment's frame comes back in a new one, but only where blocks are recycled."""
    subject = ReferenceSubject()
    running = Run(subject, EVENTUAL)
    assert running.open()
    for _ in range(2):
        running.append(472)
    assert isinstance(running.journal, Journal)
    running.journal.sync()
    Cursor.open(DIRECTORY, "consumer", filesystem=running.filesystem).advance(512)
    assert running.journal.cleanup() == 512
    running.step(Kill())
    since = len(running.filesystem.events)
    running.append(472)

    found = {
        crash_model: [
            finding.violation.requirement
            for finding in Explorer(subject, EVENTUAL, CRASH_MODELS[crash_model]).explore(
                running.filesystem.trace, since=since
            )
        ]
        for crash_model in CRASH_MODELS
    }
    held: dict[str, list[str]] = {crash_model: [] for crash_model in CRASH_MODELS}
    assert found == held | {"recycled-blocks": ["REC-8"]}
