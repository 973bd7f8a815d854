"""
Read from `/proc` the open files and mappings of a stopped thread.

This is asked twice a call, so `os` is used rather than `pathlib`, which takes several times
as long.
"""

import os
from posixpath import basename, dirname, join, normpath
from typing import TypeAlias

from tornproof_conformance.recorder.ptrace.kernel import Gone, read_string

Key: TypeAlias = tuple[int, int]
"""Device and inode: what a file is to the kernel."""

AT_FDCWD = 0xFFFFFF9C
_NUMBER = 0xFFFFFFFF
"""A descriptor is an int; what stands in the upper half of its register is nothing."""


def file_at(task: int, descriptor: int) -> str:
    """Return a path by which this process can reach a file that a thread has open."""
    return f"/proc/{task}/fd/{descriptor & _NUMBER}"


def status_of(task: int, descriptor: int) -> os.stat_result | None:
    """Return what a thread has open under a number; none if that is nothing."""
    try:
        return os.stat(file_at(task, descriptor))  # noqa: PTH116
    except OSError:
        return None


def key_of(task: int, descriptor: int) -> Key | None:
    """Say what an open file is to the kernel."""
    found = status_of(task, descriptor)
    return None if found is None else (found.st_dev, found.st_ino)


def position_and_flags(task: int, descriptor: int) -> tuple[int, int]:
    """Return the position of an open file, and the flags with which it was opened."""
    try:
        with open(f"/proc/{task}/fdinfo/{descriptor & _NUMBER}", "rb", 0) as file:  # noqa: PTH123
            words = file.read(200).split(None, 4)
    except OSError as error:
        raise Gone(f"{task} has closed {descriptor}: {error.strerror}") from None
    return int(words[1]), int(words[3], 8)


def name_of(task: int, descriptor: int) -> str | None:
    """Return the path of an open file; none if it has none, or has lost it."""
    try:
        path = os.readlink(file_at(task, descriptor))  # noqa: PTH115
    except OSError:
        return None
    return path if path.startswith("/") and not path.endswith(" (deleted)") else None


def path_of(task: int, directory: int, address: int, *, follows: bool = False) -> str:
    """
    Return the absolute path that a call names; empty if its directory is not open.

    Symbolic links on the way are resolved, and one at its end if the call follows it.
    """
    number = directory & _NUMBER
    name = read_string(task, address)
    if not name.startswith("/"):
        place = "cwd" if number == AT_FDCWD else f"fd/{number}"
        try:
            name = join(os.readlink(f"/proc/{task}/{place}"), name)  # noqa: PTH115
        except OSError:
            return ""
    name = "/" + normpath(name).lstrip("/")
    if follows:
        return os.path.realpath(name)
    return join(os.path.realpath(dirname(name)), basename(name))


def shared_maps(task: int, start: int, end: int) -> list[tuple[Key, int, int]]:
    """
    Say which parts of which files are mapped and shared between two addresses.

    The keys are those of `/proc/PID/maps`, whose devices are others than those of `stat` on
    btrfs and on overlays.
    """
    found = []
    try:
        with open(f"/proc/{task}/maps", "rb", 0) as file:  # noqa: PTH123
            lines = b"".join(iter(lambda: file.read(1 << 16), b"")).splitlines()
    except OSError as error:
        raise Gone(f"{task} has ended: {error.strerror}") from None
    for line in lines:
        area, access, offset, device, number = line.split(None, 5)[:5]
        first, last = (int(each, 16) for each in area.split(b"-"))
        if first < end and start < last and access[3:] == b"s":
            low, high = max(first, start), min(last, end)
            major, minor = (int(each, 16) for each in device.split(b":"))
            shift = int(offset, 16) - first
            found.append(((os.makedev(major, minor), int(number)), low + shift, high + shift))
    return found
