"""
What a program leaves in a directory that it was given.

A program under judgement may leave anything there: a link to a file of ours, a pipe that
nobody writes to, a device without end, a file of a tebibyte, directories without bottom or
without rights.  Reading takes regular files within limits and follows nothing; removing
takes everything, as far as it goes, and never fails the run that cleans up.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from tornproof.directory import Directory
from tornproof.errors import Irregular
from tornproof_models.disk.trace import Image
from tornproof_models.documents.limits import DEPTH, FILE_BYTES
from tornproof_models.documents.words import shown

from tornproof_conformance.adapter.speaking.diagnosis import LeavesTooMuch

MOST_ENTRIES = 100_000
"""Names in a directory that are looked at: the largest store that was met has some hundred."""


def read_tree(root: Path) -> Image:
    """
    Read the regular files and the directories below a directory.

    Links, pipes, sockets and devices hold nothing of a log, and are left out; so is what
    vanishes meanwhile.  Raises `LeavesTooMuch` for more bytes, names or levels than an image
    may have.
    """
    files: dict[str, bytes] = {}
    directories: set[str] = set()
    room = FILE_BYTES.most
    with Directory.open(str(root), listing=True) as top:
        for name, mode in _walk(root):
            if stat.S_ISDIR(mode):
                directories.add(f"/{name}")
            elif stat.S_ISREG(mode):
                with suppress(FileNotFoundError, NotADirectoryError, PermissionError, Irregular):
                    content = _read(top, name, room)
                    room -= len(content)
                    files[f"/{name}"] = content
    return Image(files, frozenset(directories))


def read_with_links(root: Path) -> tuple[Image, dict[str, str]]:
    """
    Read the same, with an empty file for each symbolic link; return where each of those leads.

    Raises `LeavesTooMuch`.
    """
    image, links = read_tree(root), {}
    for name, mode in _walk(root):
        if stat.S_ISLNK(mode):
            with suppress(OSError):
                links[f"/{name}"] = str((root / name).readlink())
    return Image({**image.files, **dict.fromkeys(links, b"")}, image.directories), links


def _read(top: Directory, name: str, room: int) -> bytes:
    with top.open_file(name) as file:
        size = os.fstat(file.fileno()).st_size
        if size <= room:
            content = file.read(size + 1) or b""  # it may grow meanwhile
            if len(content) <= room:
                return content
    raise LeavesTooMuch(
        f"left {shown(name)} of {size:,} bytes; {FILE_BYTES.most:,} bytes of files are read"
    )


def _walk(root: Path) -> Iterator[tuple[str, int]]:
    """Yield every name with its mode, sorted, without recursion; links are not followed."""
    pending, seen = [""], 0
    while pending:
        above = pending.pop()
        if above.count("/") >= DEPTH.most:
            raise LeavesTooMuch(f"left directories {DEPTH.most} deep in each other, and more")
        for entry in sorted(_entries(root / above), key=lambda each: each.name):
            seen += 1
            if seen > MOST_ENTRIES:
                raise LeavesTooMuch(f"left more than {MOST_ENTRIES:,} names")
            name = f"{above}/{entry.name}" if above else entry.name
            with suppress(OSError):
                mode = entry.stat(follow_symlinks=False).st_mode
                yield name, mode
                if stat.S_ISDIR(mode):
                    pending.append(name)


def _entries(directory: Path) -> list["os.DirEntry[str]"]:
    with suppress(FileNotFoundError, PermissionError), os.scandir(directory) as entries:
        return list(entries)
    return []


def remove(root: Path) -> None:
    """Remove a directory with all that is in it, as far as that goes; never raise."""
    with suppress(Exception), Directory.open(str(root.parent)) as parent:
        parent.remove_tree(root.name)
