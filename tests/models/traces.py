"""
Small random traces, with every kind of operation.

A program is a list of steps.  It runs on a `ModelFilesystem`, so its trace is one
that a program could have left; a step that makes no sense where it stands, such as
an operation on a file when there is none, leaves nothing.
"""

from collections.abc import Sequence
from contextlib import suppress
from random import Random

from attrs import define, field
from hypothesis import strategies as st
from tornproof_models.disk.faults import Fault
from tornproof_models.disk.filesystem import ModelFile
from tornproof_models.disk.shared_disk import Replay
from tornproof_models.disk.trace import (
    MARKS,
    ROOT,
    Image,
    Link,
    PartialSync,
    Stored,
    Sync,
    SyncFilesystem,
    Trace,
    WritebackStarted,
)

from tests.models.brute_force import SECTOR

Step = tuple[str, int, int, int]
"""What to do, and three numbers from 0 to 13 to do it with: first, with which file or name."""

IMAGES = (
    Image(),
    Image({"/a": b"durable bytes"}),
    Image({"/a": b"zeros\0\0\0\0", "/b": b"other"}),
    Image({"/d/a": b"inside", "/b": b""}, frozenset({"/d"})),
)
PATHS = ("/a", "/b", "/d/a")
LINK = "/c"
"""The second name that a file may get."""

KINDS = {
    "append": 4,
    "write": 3,
    "write again": 2,
    "store": 2,
    "truncate": 3,
    "create": 3,
    "rename": 3,
    "unlink": 1,
    "make directory": 1,
    "sync": 3,
    "fsync": 2,
    "sync everything": 1,
    "writeback": 1,
    "sync directory": 2,
    "sync in part": 2,
    "link": 2,
    "sync fails": 3,
    "sync directory fails": 1,
}
"""How often each kind of step is taken."""

SECTORS = 5
"""How many sectors a program may write or cut: brute force tries every combination."""


@define
class Program:
    """A program at work."""

    filesystem: Replay
    affordable: int = SECTORS
    """How many sectors it may write or cut."""

    files: list[ModelFile] = field(factory=list)
    sectors: int = 0

    def take(self, step: Step) -> None:
        """Take a step, or leave it."""
        kind, which, one, _ = step
        path = PATHS[which % len(PATHS)]
        named = sorted(self.filesystem.image.files) or [path]
        directories = ["/", *self.filesystem.image.directories]
        if kind.endswith("fails"):
            self.filesystem.fail(1, Fault.ERROR)
        match kind:
            case "create":
                self.files.append(self.filesystem.open(path, create=True))
            case "rename":
                self.filesystem.rename(named[which % len(named)], PATHS[one % len(PATHS)])
            case "unlink":
                self.filesystem.unlink(named[which % len(named)])
            case "make directory":
                self.filesystem.make_directory("/d")
            case "link" if LINK not in named:
                linked = self.inode_of(self.filesystem.open(named[which % len(named)]))
                self.filesystem.apply(Link(ROOT, LINK[1:], linked))
            case "sync directory" | "sync directory fails":
                self.filesystem.sync_directory(directories[which % len(directories)])
            case "sync everything":
                self.filesystem.apply(SyncFilesystem())
            case _ if self.files:
                self.use(self.files[which % len(self.files)], step)

    def use(self, file: ModelFile, step: Step) -> None:
        """Take a step that concerns an open file, which may have lost its name."""
        kind, _, one, other = step
        size = file.size()
        match kind:
            case "append":
                self.write(file, size, self.fresh(1 + one % 9, other))
            case "write":
                self.write(file, one, self.fresh(1 + other % 7, other))
            case "write again":
                self.write(file, one % 4, file.read_at(one % 4, max(size - other % 4, 0)))
            case "store" if size and self.affords(0, 2 * SECTOR):
                places = sorted({one % size, other % size})
                parts = tuple((place, self.fresh(1, other)) for place in places)
                self.filesystem.apply(Stored(self.inode_of(file), parts))
            case "truncate" if self.affords(one, size):
                file.truncate(one)
            case "sync" | "sync fails":
                file.sync()
            case "fsync":
                self.filesystem.apply(Sync(self.inode_of(file)))
            case "writeback":
                self.filesystem.apply(WritebackStarted(self.inode_of(file), one, one + other))
            case "sync in part":
                inode = self.inode_of(file)
                operations = sum(not isinstance(each, MARKS) for each in self.filesystem.events)
                missed, start = min(other % 4, operations), one % 9
                self.filesystem.apply(
                    PartialSync(inode, start, start + other, missed, step[1] % 2 == 0)
                )

    def write(self, file: ModelFile, offset: int, data: bytes) -> None:
        """Write, if brute force will bear it."""
        if self.affords(offset, offset + len(data)):
            file.write_at(offset, data)

    def inode_of(self, file: ModelFile) -> int:
        """Return the inode of a file, leaving no trace."""
        file.sync()
        synced = self.filesystem.events.pop()
        assert isinstance(synced, Sync)
        return synced.inode

    def affords(self, start: int, end: int) -> bool:
        """Tell whether these sectors may still be written or cut, and count them."""
        self.sectors += max(-(-end // SECTOR) - start // SECTOR, 0)
        return self.sectors <= self.affordable

    def fresh(self, length: int, choice: int) -> bytes:
        """Return bytes that no other step has written, or sometimes zeros."""
        letter = b"\0" if choice % 5 == 0 else b"%c" % (65 + self.filesystem.operations % 26)
        return letter * length


def run(image: Image, steps: Sequence[Step], sectors: int = SECTORS) -> Replay:
    """Run a program on a disk that begins as this image."""
    program = Program(Replay(image), sectors)
    program.files = [program.filesystem.open(path) for path in image.files]
    for step in steps:
        with suppress(OSError):
            program.take(step)
        program.filesystem.disarm()
    return program.filesystem


def random_run(seed: int, sectors: int = SECTORS) -> Replay:
    """Run the program with this number; where more is affordable, it is longer as well."""
    random = Random(seed)

    def number() -> int:
        return random.randrange(14)

    image = random.choice(IMAGES)
    kinds = random.choices(list(KINDS), list(KINDS.values()), k=random.randint(3, 7 + sectors))
    return run(image, [(kind, number(), number(), number()) for kind in kinds], sectors)


def traces() -> st.SearchStrategy[Trace]:
    """Draw such traces with Hypothesis, which makes a failing one as small as it can."""
    number = st.integers(0, 13)
    steps = st.tuples(st.sampled_from(list(KINDS)), number, number, number)
    runs = st.builds(run, st.sampled_from(IMAGES), st.lists(steps, max_size=12))
    return runs.map(lambda filesystem: filesystem.trace)
