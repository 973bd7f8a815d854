"""
What convicts a miniature that no program does, and that nothing of it can be left out.

Some miniatures do nothing wrong in any program, alive or crashed: what is wrong with them
shows in the files that they write, in files that are put before them, or in what they do
when somebody damages their own.  There is no program to shrink then, and no image.  Where
there is a story all the same, of steps that end in damage, it is as small as any other.
"""

from collections.abc import Callable, Sequence
from itertools import combinations, product

import pytest
from attrs import define
from tornproof.errors import TornproofError
from tornproof_models.crash.explorer import Explorer
from tornproof_models.crash.program import (
    Append,
    Fail,
    Program,
    Reopen,
    Rotate,
    Step,
    Sync,
    grow_payload,
)
from tornproof_models.crash.run import run
from tornproof_models.crash.subject import JournalUnderTest, Options, Subject, new_disk
from tornproof_models.disk.crash_models import CRASH_MODELS
from tornproof_models.disk.faults import Fault
from tornproof_models.disk.filesystem import ModelFilesystem
from tornproof_models.disk.images import ImageSpace
from tornproof_models.disk.registers import Registers
from tornproof_models.disk.trace import Image
from tornproof_models.miniatures.journal_miniatures import MINIATURES, MiniatureSubject
from tornproof_models.miniatures.journal_watermark import WATERMARKS, SmallWatermark
from tornproof_models.shrinking.counterexample import minimise

from tests.models.test_shrink import FOUND

OPTIONS = Options()
STEPS: tuple[Step, ...] = (Append(5), Append(600), Sync(), Rotate(), Reopen())
STRUCK: Program = (Append(5), Append(600), Reopen())

BY_SITUATION = (
    # by the bytes of a frame, or of one that is put before them
    "big-endian-length",
    "crc-of-the-payload-only",
    "hash-of-another-kind",
    "hash-unchecked",
    "length-on-trust",
    "no-maximum",
    "refused-too-late",
    "reserved-bits-ignored",
    "padding-skipped",
    # by damage, by missing and by foreign files
    "sealed-damage-cut",
    "acts-before-it-decides",
    "missing-segment-ignored",
    "foreign-files-removed",
    "watermark-unread",
    "watermark-left-behind",
    "watermark-name-left-behind",
    # by what they report, read or hold in memory
    "cut-unreported",
    "segment-read-at-once",
    "boundary-unchecked",
    "one-error-for-all",
    "no-lock",
    # by a process or a name that programs have not
    "written-by-a-child",
    "links-followed",
    # by a level of durability that programs do not use
    "batched-is-eventual",
    # by what an interruption or a failed close leaves
    "failed-close-keeps-the-lock",
    "interruption-forgotten",
    # by the names and sizes of segments
    "decimal-names",
    "bases-rounded-up",
    "oversize-record-refused",
)


def test_every_miniature_has_a_program_or_a_situation() -> None:
    """What is not in one table is in the other."""
    by_program = {row[0] for row in FOUND}
    assert by_program | set(BY_SITUATION) == set(MINIATURES)
    assert by_program.isdisjoint(BY_SITUATION)


@pytest.mark.parametrize("name", BY_SITUATION)
def test_no_program_convicts_what_only_a_situation_does(name: str) -> None:
    """Alive, crashed anywhere in a step, and with every fault, they keep their promises."""
    subject = MiniatureSubject(name, MINIATURES[name])
    explorer = Explorer(subject, OPTIONS, CRASH_MODELS["adversarial"])
    for step in STEPS:
        assert explorer.explore(run([step], subject, OPTIONS).filesystem.trace) == []
    for program in product(STEPS, repeat=2):
        assert run(program, subject, OPTIONS).violations == []
    for nth, fault in product(range(1, run(STRUCK, subject, OPTIONS).filesystem.operations), Fault):
        assert run((Fail(nth, fault), *STRUCK), subject, OPTIONS).violations == []


# Stories that end in damage


@define
class Scene:
    """A journal with a watermark, and what that is sure to cover."""

    subject: Subject
    filesystem: ModelFilesystem
    journal: JournalUnderTest | None = None
    appended: int = 0
    noted: int = 0
    """Records that the watermark covers as long as the power does not fail."""

    settled: int = 0
    """Those that it covers even then: the ones before the latest close."""

    def open(self) -> JournalUnderTest:
        """Open the journal, unless it is."""
        if self.journal is None:
            self.filesystem.release_locks()
            self.journal = self.subject.open(self.filesystem, OPTIONS)
        return self.journal

    def restart(self, image: Image) -> None:
        """Kill the process, and go on with what is on the disk now."""
        self.filesystem, self.journal = new_disk(self.subject, image), None

    def damage(self, change: Callable[[bytes], bytes]) -> None:
        """Change the content of the last segment, if there is one."""
        files = dict(self.filesystem.image.files)
        segments = sorted(path for path in files if path.endswith(".wal"))
        files |= {path: change(files[path]) for path in segments[-1:]}
        self.restart(Image(files, self.filesystem.image.directories))


def append(scene: Scene) -> None:
    """Append a record, which is durable then."""
    scene.open().append(grow_payload(20, scene.appended))
    scene.appended += 1
    scene.noted = scene.appended


def close(scene: Scene) -> None:
    """Close the journal, which makes the watermark durable."""
    scene.open().close()
    scene.journal, scene.settled = None, scene.appended


def lose_power(scene: Scene) -> None:
    """Lose all that was not synced."""
    registers = Registers.of(scene.filesystem.initial, CRASH_MODELS["adversarial"].floors)
    registers.replay(scene.filesystem.events)
    space = ImageSpace(registers, CRASH_MODELS["adversarial"])
    scene.restart(space.builder.build(next(space.choices())))
    scene.noted = scene.settled


def flip_a_bit(scene: Scene) -> None:
    """Flip a bit of the first record of the last segment."""
    scene.damage(lambda content: content[:9] + bytes([content[9] ^ 1]) + content[10:])


def write_zeros(scene: Scene) -> None:
    """Put zeros in place of the last segment."""
    scene.damage(lambda content: bytes(len(content)))


STORY = (append, append, close, append, close, lose_power, flip_a_bit, write_zeros)
Story = Sequence[Callable[[Scene], None]]


def loses_silently(subject: Subject, story: Story) -> bool:
    """Tell whether a journal opens without what its watermark covers, as if all were well."""
    scene = Scene(subject, new_disk(subject))
    try:
        for step in story:
            step(scene)
        return len(list(scene.open().scan())) < scene.noted
    except TornproofError:
        return False


@pytest.mark.parametrize(
    ("name", "needed"),
    [
        ("watermark-unread", {append, flip_a_bit}),
        ("watermark-left-behind", {append, close, lose_power, flip_a_bit}),
    ],
)
def test_a_story_of_damage_is_minimal(name: str, needed: set[Callable[[Scene], None]]) -> None:
    """Padded, it comes down to these steps; without any of them the journal speaks up."""
    subject = MiniatureSubject(name, WATERMARKS[name])
    smallest = minimise(STORY, lambda story: loses_silently(subject, story))
    assert loses_silently(subject, smallest)
    assert set(smallest) == needed
    assert len(smallest) == len(needed)
    for fewer in combinations(smallest, len(smallest) - 1):
        assert not loses_silently(subject, fewer)


def test_the_twin_speaks_up_in_every_story() -> None:
    """Whatever is left out of the story, a watermark that is kept well is true to its word."""
    twin = MiniatureSubject("small-watermark", SmallWatermark)
    for length in range(len(STORY) + 1):
        for story in combinations(STORY, length):
            assert not loses_silently(twin, story)
