"""The filesystem in memory behaves as a real one, and records everything."""

import errno
from collections import Counter
from pathlib import Path
from random import Random

import pytest
from tornproof.filesystem import File, Filesystem, OsFilesystem
from tornproof_models.disk.filesystem import ModelFilesystem
from tornproof_models.disk.trace import (
    ROOT,
    Create,
    Image,
    MakeDirectory,
    Rename,
    Sync,
    SyncDirectory,
    Trace,
    Truncate,
    Unlink,
    Write,
)

from tests.models.judge import space_of
from tests.models.traces import IMAGES, random_run

FILES = ("/a", "/b", "/d/x", "/a/inside-a-file", "/missing/x")


DIRECTORIES = ("/d", "/d/e")


NAMES = ("open", "open", "open", "peek", "list", "make", "rename", "unlink", "sync directory")


BYTES = ("write", "write", "append", "read", "truncate", "size", "sync")


class Caller:
    """Asks a filesystem for things chosen at random, the same for the same seed."""

    def __init__(self, filesystem: Filesystem, root: str, seed: int) -> None:
        self.filesystem, self.root, self.random = filesystem, root, Random(seed)
        self.files: list[File] = []

    def ask(self) -> tuple[str, object]:
        """Ask for something; return what was asked, and the answer or the errno's name."""
        kind = self.random.choice(NAMES + BYTES if self.files else NAMES)
        number, size = self.random.randrange(20), self.random.randrange(9)
        try:
            if kind in NAMES:
                return kind, self.ask_for_name(kind, number)
            file = self.files[number % len(self.files)]
            return kind, self.ask_for_bytes(file, kind, self.random.randrange(20), size)
        except OSError as error:
            return kind, errno.errorcode[error.errno or 0]

    def ask_for_name(self, kind: str, number: int) -> object:
        """Ask for something that concerns names."""
        path = self.root + self.random.choice(FILES + DIRECTORIES)
        file = self.root + self.random.choice(FILES)
        directory = self.root + self.random.choice(("", "/a", *DIRECTORIES))
        match kind:
            case "open":
                create, exclusive = number % 5 > 0, number % 4 == 0
                self.files.append(self.filesystem.open(path, create=create, exclusive=exclusive))
            case "peek":
                opened = self.filesystem.open_for_reading(file)
                content = opened.read_at(0, number)
                opened.close()
                return content
            case "list":
                return self.filesystem.list_directory(directory)
            case "make":
                self.filesystem.make_directory(self.root + DIRECTORIES[number % 2])
            case "rename":
                self.filesystem.rename(file, self.root + self.random.choice((*FILES, "/d/e")))
            case "unlink":
                self.filesystem.unlink(path)
            case "sync directory":
                self.filesystem.sync_directory(directory)
        return None

    def ask_for_bytes(self, file: File, kind: str, offset: int, size: int) -> object:
        """Ask for something that concerns an open file, which may have lost its name."""
        data = bytes([65 + offset]) * size
        match kind:
            case "write":
                return file.write_at(offset, data)
            case "append":
                return file.write_at(file.size(), data)
            case "read":
                return file.read_at(offset, size)
            case "truncate":
                file.truncate(offset)
            case "size":
                return file.size()
            case "sync":
                file.sync()
        return None


# As a real one


def test_answers_as_a_real_disk_does(tmp_path: Path) -> None:
    """On random operations, every result, errno and byte is that of the operating system."""
    answers: Counter[object] = Counter()
    for seed in range(60):
        real_root = tmp_path / str(seed)
        real_root.mkdir()
        real = Caller(OsFilesystem(), str(real_root), seed)
        model = Caller(ModelFilesystem(), "", seed)

        for _ in range(60):
            asked, answer = real.ask()
            assert model.ask() == (asked, answer)
            answers[answer if isinstance(answer, str) else asked] += 1
        for file in real.files:
            file.close()

    assert {*NAMES, *BYTES, "ENOENT", "EEXIST", "EISDIR", "ENOTDIR"} == set(answers)


def test_holds_a_lock_as_a_real_disk_does(tmp_path: Path) -> None:
    """The second to ask is refused at once, until the first lets go."""
    for filesystem, root in ((OsFilesystem(), str(tmp_path)), (ModelFilesystem(), "")):
        path = f"{root}/lock"
        with filesystem.lock(path), pytest.raises(BlockingIOError), filesystem.lock(path):
            pass
        with filesystem.lock(path):
            pass


def test_a_lock_dies_with_its_process() -> None:
    """The kernel lets go of the locks of a process that dies holding them."""
    filesystem = ModelFilesystem()
    dead = filesystem.lock("/lock")
    dead.__enter__()

    filesystem.release_locks()

    with filesystem.lock("/lock"):
        dead.__exit__(None, None, None)  # nothing of it may touch the next one's lock
        with pytest.raises(BlockingIOError), filesystem.lock("/lock"):
            pass


# What it records


def test_records_every_operation() -> None:
    """The trace says what was done, by inode, in order."""
    filesystem = ModelFilesystem(Image({"/a": b"old"}))

    filesystem.make_directory("/d")
    file = filesystem.open("/d/x", create=True)
    file.write_at(3, b"new")
    file.truncate(5)
    file.sync()
    filesystem.rename("/d/x", "/a")
    filesystem.sync_directory("/d")
    filesystem.unlink("/a")

    assert filesystem.trace == Trace(
        Image({"/a": b"old"}),
        (
            MakeDirectory(ROOT, "d", 2),
            Create(2, "x", 3),
            Write(3, 3, b"new"),
            Truncate(3, 5),
            Sync(3, data_only=True),
            Rename(2, "x", ROOT, "a"),
            SyncDirectory(2),
            Unlink(ROOT, "a"),
        ),
    )


def test_reading_leaves_no_trace() -> None:
    """A crash cannot tell what was read."""
    filesystem = ModelFilesystem(Image({"/a": b"old"}))

    filesystem.open("/a").read_at(0, 3)
    filesystem.open_for_reading("/a").size()
    filesystem.list_directory("/")

    assert filesystem.events == []


@pytest.mark.parametrize("image", IMAGES)
def test_begins_with_an_image(image: Image) -> None:
    """What a crash left is what the next process finds."""
    assert ModelFilesystem(image).image == image


def test_a_process_that_dies_leaves_what_it_saw() -> None:
    """Replaying the trace leads to the tree that the program saw."""
    for seed in range(200):
        filesystem = random_run(seed)
        space = space_of(filesystem.trace, "process-kill")

        assert space.builder.build(space.all_kept) == filesystem.image


def test_remembers_the_largest_read() -> None:
    """What a reader asks for is what it would allocate."""
    filesystem = ModelFilesystem(Image({"/a": b"old"}))

    filesystem.open("/a").read_at(0, 1 << 30)

    assert filesystem.largest_read == 1 << 30
