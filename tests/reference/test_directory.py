"""Nothing leads out of a directory that is not ours, and nothing in it waits or never ends."""

import errno
import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from tornproof.directory import Directory, components
from tornproof.errors import Invalid, Irregular, NotRegular, TornproofError
from tornproof.filesystem import OsFilesystem
from tornproof.journal import Cursor, Journal, JournalReader, recover, salvage
from tornproof.journal.segments import segment_name
from tornproof_conformance.pytest_support.plugin import requirement


def link(path: Path) -> None:
    """A symbolic link to a file that matters to somebody."""
    path.symlink_to(path.parent.parent / "victim")


def dangling(path: Path) -> None:
    """A symbolic link to a file that does not exist, and is not to."""
    path.symlink_to(path.parent.parent / "nowhere")


def device(path: Path) -> None:
    """A link to a file that never ends."""
    path.symlink_to("/dev/zero")


def bound(path: Path) -> None:
    """A socket."""
    here = Path.cwd()
    os.chdir(path.parent)  # the address of a socket is short
    try:
        with socket.socket(socket.AF_UNIX) as end:
            end.bind(path.name)
    finally:
        os.chdir(here)


WRONG: tuple[Callable[[Path], None], ...] = (link, dangling, device, os.mkfifo, bound, Path.mkdir)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A journal's directory beside a file that is not to be touched."""
    (tmp_path / "victim").write_bytes(b"not yours")
    (tmp_path / "j").mkdir()
    return tmp_path / "j"


@requirement("REC-13", "REC-5")
@pytest.mark.parametrize("make", WRONG, ids=lambda make: make.__name__)
@pytest.mark.parametrize("name", [segment_name(0), "watermark", "writer.lock"])
def test_what_is_no_file_is_refused(
    directory: Path, name: str, make: Callable[[Path], None]
) -> None:
    """Every command says so, waits for nothing, and changes nothing, there or elsewhere."""
    if name != segment_name(0):
        with Journal.open(directory) as journal:
            journal.append(b"one")
        (directory / name).unlink()
    make(directory / name)

    for action in (lambda: recover(directory), lambda: Journal.open(directory)):
        with pytest.raises(NotRegular):
            action()
    if name == segment_name(0):
        with pytest.raises(TornproofError):
            JournalReader(directory).read(0)
        with pytest.raises(NotRegular):
            salvage(directory, directory.parent / "new")

    assert (directory.parent / "victim").read_bytes() == b"not yours"
    assert not (directory.parent / "nowhere").exists()
    assert not (directory.parent / "new").exists()


@requirement("REC-13")
@pytest.mark.parametrize("make", WRONG, ids=lambda make: make.__name__)
def test_a_cursor_that_is_no_file_is_refused(directory: Path, make: Callable[[Path], None]) -> None:
    """Cleanup removes nothing on its word."""
    with Journal.open(directory, segment_bytes=1) as journal:
        journal.append(b"one")
        journal.append(b"two")
        make(directory / "c.cursor")
        with pytest.raises(NotRegular):
            journal.cleanup()
        with pytest.raises(NotRegular):
            Cursor.open(directory, "c")
        assert journal.first == 0


@requirement("REC-13")
def test_a_file_with_a_second_name_is_read_and_not_written(directory: Path) -> None:
    """It may be somebody's backup that shares its bytes; a dry run works."""
    with Journal.open(directory) as journal:
        journal.append(b"one")
    segment = directory / segment_name(0)
    segment.write_bytes(segment.read_bytes() + b"torn")
    os.link(segment, directory.parent / "backup")

    assert recover(directory, dry_run=True).discarded_bytes == 4
    with pytest.raises(NotRegular, match="2 names"):
        recover(directory)
    assert (directory.parent / "backup").read_bytes().endswith(b"torn")

    (directory.parent / "backup").unlink()
    assert recover(directory).discarded_bytes == 4


@requirement("REC-10")
def test_an_unfinished_cursor_is_removed_and_everything_else_stays(directory: Path) -> None:
    """So are names that are not UTF-8."""
    with Journal.open(directory) as journal:
        journal.append(b"one")
    strange = os.fsencode(directory) + b"/\xff\xfe.wal"
    with open(strange, "wb"):  # noqa: PTH123 - a name that is no text
        pass
    (directory / "c.cursor.tmp").write_bytes(b"half")
    (directory / "notes.tmp").write_bytes(b"mine")

    assert recover(directory).temporary == ("c.cursor.tmp",)
    assert recover(directory).records == 1
    assert os.path.exists(strange)  # noqa: PTH110
    assert (directory / "notes.tmp").exists()


@requirement("REC-10")
def test_an_unfinished_cursor_that_its_consumer_has_renamed_is_no_error(directory: Path) -> None:
    """The consumer lives, and saves its cursor between the listing and the removal."""

    class Listed(OsFilesystem):
        def list_directory(self, path: str) -> list[str]:
            return [*super().list_directory(path), "c.cursor.tmp"]

    with Journal.open(directory) as journal:
        journal.append(b"one")

    assert recover(directory, filesystem=Listed()).records == 1


@requirement("REC-9", "REC-13")
@pytest.mark.parametrize("name", [segment_name(0), "watermark", "c.cursor", "notes"])
def test_a_sparse_file_of_a_tebibyte_costs_nothing(directory: Path, name: str) -> None:
    """What is read of it is bounded, wherever it lies."""
    if name != segment_name(0):
        with Journal.open(directory) as journal:
            journal.append(b"one")
    with (directory / name).open("wb") as file:
        file.truncate(1 << 40)

    report = recover(directory)
    assert report.records == (0 if name == segment_name(0) else 1)
    if name == segment_name(0):
        with (directory / name).open("wb") as file:
            file.truncate(1 << 40)
        with pytest.raises(Invalid, match="1099511627776 bytes"):
            salvage(directory, directory.parent / "new")


# The directory itself


@pytest.mark.parametrize("name", ["", "/etc/passwd", "..", "a/../../b", "a\0b", "."])
def test_a_name_that_leads_out_is_refused(tmp_path: Path, name: str) -> None:
    """Before anything is opened, made or removed."""
    with Directory.open(str(tmp_path)) as directory:
        for action in (directory.unlink, directory.make_directory, directory.open_file):
            with pytest.raises(Invalid):
                action(name)
    assert components("a/./b") == ("a", "b")


def test_no_link_is_followed_on_the_way(tmp_path: Path) -> None:
    """Not in the middle of a path either; the directory itself may be reached through one."""
    (tmp_path / "real" / "inner").mkdir(parents=True)
    (tmp_path / "real" / "inner" / "file").write_bytes(b"content")
    (tmp_path / "real" / "way").symlink_to("inner")
    (tmp_path / "link").symlink_to("real")

    with Directory.open(str(tmp_path / "link")) as directory:
        assert directory.read("inner/file", limit=7) == b"content"
        with pytest.raises(OSError, match=r"Not a directory|symbolic link"):
            directory.read("way/file", limit=7)
        with pytest.raises(OSError, match="more than the 6 bytes") as caught:
            directory.read("inner/file", limit=6)
        assert caught.value.errno == errno.EFBIG
        directory.rename("inner/file", "other")
        directory.unlink("way")
        with pytest.raises(Irregular, match="Is a directory"):
            directory.open_file("inner")
    with Directory.open(str(tmp_path / "real"), listing=True) as directory:
        directory.sync()
        assert directory.names() == ["inner", "other"]


def test_a_tree_is_removed_at_any_depth(tmp_path: Path) -> None:
    """Deeper than the stack, longer than a path may be, with directories nobody may enter."""
    (tmp_path / "victim").write_bytes(b"not yours")
    here = os.open(tmp_path, os.O_RDONLY)
    inner = here
    for name in ["top"] + ["d" * 20] * 1000:
        os.mkdir(name, dir_fd=inner)
        deeper = os.open(name, os.O_RDONLY, dir_fd=inner)
        os.symlink(tmp_path / "victim", "link", dir_fd=deeper)
        os.close(inner)
        inner = deeper
    os.mkdir("closed", dir_fd=inner)
    os.close(os.open("closed/file", os.O_CREAT | os.O_WRONLY, dir_fd=inner))
    os.chmod("closed", 0, dir_fd=inner)
    os.close(inner)

    with Directory.open(str(tmp_path)) as directory:
        assert directory.remove_tree("top") == 0

    assert sorted(path.name for path in tmp_path.iterdir()) == ["victim"]
    assert (tmp_path / "victim").read_bytes() == b"not yours"


def test_a_link_is_not_a_tree(tmp_path: Path) -> None:
    """What it leads to stays."""
    (tmp_path / "kept").mkdir()
    (tmp_path / "link").symlink_to("kept")
    with Directory.open(str(tmp_path)) as directory, pytest.raises(OSError, match=r"Not a dir|Too"):
        directory.remove_tree("link")
    assert (tmp_path / "kept").exists()
