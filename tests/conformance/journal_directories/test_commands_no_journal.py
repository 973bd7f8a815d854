"""`tornproof inspect` and `tornproof recover` on what is no journal."""

import errno
from pathlib import Path

import pytest
from tornproof.filesystem import OsFile, OsFilesystem

from tests.conformance.journal_directories.journal_commands import (
    refused,
    segments,
    snapshot,
    tornproof,
)

COMMANDS = [("inspect",), ("recover",), ("recover", "--dry-run")]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_missing_directory_is_one_line(command: tuple[str, ...], tmp_path: Path) -> None:
    """Exit code 2, and it is not made."""
    line = refused(tornproof(*command, tmp_path / "nowhere"), 2)
    assert line == f"tornproof: no such directory: {tmp_path / 'nowhere'}"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_file_is_one_line(command: tuple[str, ...], tmp_path: Path) -> None:
    """Exit code 2, and it stays as it is."""
    file = tmp_path / "file"
    file.write_bytes(b"mine")
    assert refused(tornproof(*command, file), 2) == f"tornproof: not a directory: {file}"
    assert file.read_bytes() == b"mine"


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("foreign", [(), ("notes.txt", "0.wal", "G" * 16 + ".wal")])
def test_a_directory_without_a_journal_is_said_to_be_one(
    command: tuple[str, ...], foreign: tuple[str, ...], tmp_path: Path
) -> None:
    """Empty, or with files of others: exit code 0, and not even a lock is left behind."""
    for name in foreign:
        (tmp_path / name).write_bytes(b"mine")
    before = snapshot(tmp_path)
    result = tornproof(*command, tmp_path)
    assert result.exit_code == 0
    assert "holds no segments: an empty journal, or none" in result.output
    assert all(name in result.output for name in foreign) or command != ("inspect",)
    assert snapshot(tmp_path) == before


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_segment_that_is_a_directory_is_one_line(command: tuple[str, ...], journal: Path) -> None:
    """It cannot be read, which is not the same as damaged: exit code 2."""
    path = segments(journal)[0]
    path.unlink()
    path.mkdir()
    before = snapshot(journal)
    assert "Is a directory" in refused(tornproof(*command, journal), 2)
    assert snapshot(journal) == before


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_permission_denied_is_one_line(
    command: tuple[str, ...], journal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tests may run as the superuser, who is denied nothing; so the system's answer is made up."""

    def deny(_: OsFilesystem, path: str) -> OsFile:
        raise PermissionError(errno.EACCES, "Permission denied", path)

    before = snapshot(journal)
    monkeypatch.setattr(OsFilesystem, "open_for_reading", deny)
    assert "Permission denied" in refused(tornproof(*command, journal), 2)
    monkeypatch.setattr(OsFilesystem, "list_directory", deny)
    assert "Permission denied" in refused(tornproof(*command, journal), 2)
    assert snapshot(journal) == before


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_disk_that_cannot_be_read_is_one_line(
    command: tuple[str, ...], journal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That is neither damage nor a torn tail: exit code 2."""

    def fail(*_: object) -> bytes:
        raise OSError(errno.EIO, "Input/output error")

    before = snapshot(journal)
    monkeypatch.setattr(OsFile, "read_at", fail)
    assert "Input/output error" in refused(tornproof(*command, journal), 2)
    assert snapshot(journal) == before
