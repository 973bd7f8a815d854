"""
Refuse a spool that another user can change.

A user who can replace files of a spool decides what is drained.  So a spool on a real disk is
opened only if it belongs to this user: no part of it is a symbolic link, a file with a second
name, a file of another user, or writable by everybody.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import suppress

from tornproof.errors import ForeignSpool, from_os_error


def require_own(directory: str) -> None:
    """
    Raise `ForeignSpool` if the directory, or a file in it, may be somebody else's.

    A directory that does not exist is nobody's and may become ours.  Raises the
    disk's error if it cannot be looked at.
    """
    try:
        status = os.lstat(directory)
    except FileNotFoundError:
        return
    except OSError as error:
        raise from_os_error(error, f"look at {directory}") from error
    _require(directory, _wrong_directory(status))
    try:
        with os.scandir(directory) as entries:
            for entry in entries:
                with suppress(FileNotFoundError):  # whoever has the spool open has removed it
                    _require(entry.path, _wrong_file(entry.stat(follow_symlinks=False)))
    except OSError as error:
        raise from_os_error(error, f"list {directory}") from error


def _wrong_directory(status: os.stat_result) -> Iterator[str]:
    if not stat.S_ISDIR(status.st_mode):
        yield "is no directory, or a symbolic link: name the directory itself"
    yield from _wrong_owner(status)


def _wrong_file(status: os.stat_result) -> Iterator[str]:
    if stat.S_ISLNK(status.st_mode):
        yield "is a symbolic link: a spool has none"
    elif stat.S_ISREG(status.st_mode) and status.st_nlink > 1:
        yield f"has {status.st_nlink} names: copy it instead of linking it"
    yield from _wrong_owner(status)


def _wrong_owner(status: os.stat_result) -> Iterator[str]:
    if status.st_uid != os.geteuid():
        yield f"belongs to user {status.st_uid}, and this process is of user {os.geteuid()}"
    if not stat.S_ISLNK(status.st_mode) and status.st_mode & stat.S_IWOTH:
        yield "may be written by everybody: chmod o-w"


def _require(path: str, wrong: Iterator[str]) -> None:
    for reason in wrong:
        raise ForeignSpool(f"{path} {reason}; nothing was drained")
