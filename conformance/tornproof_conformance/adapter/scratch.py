"""
Temporary directories, in memory where possible.

A run takes its directories away at its end.  One that is killed cannot, and a memory that
is full of its remains takes the machine with it; so each run first removes what others
have left.  Whether an owner still lives is not told by its number, which may be another's
by now, but by a lock that the kernel takes from it when it ends, however it ends.
"""

import fcntl
import os
import shutil
import stat
import tempfile
import weakref
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from tornproof_conformance.adapter.left_behind import remove

MEMORY = Path("/dev/shm")

PREFIX = "tornproof-"
OWNER = "owner"
"""The file that an owner holds locked; for people it says who that is."""


def claim(owner: object) -> Path:
    """
    Make a directory that lasts as long as an object, after removing what others have left.

    It gets its name when it is locked already, so that nobody finds it without an owner.
    """
    place = roomy_place()
    sweep(place)
    root = Path(tempfile.mkdtemp(prefix=f".{PREFIX}", dir=place))
    lock = os.open(root / OWNER, os.O_CREAT | os.O_RDWR, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    os.write(lock, f"process {os.getpid()}, since {datetime.now(UTC):%Y-%m-%d %H:%M:%S}\n".encode())
    named = root.rename(root.with_name(root.name.removeprefix(".")))
    weakref.finalize(owner, _remove, named, lock)
    return named


def sweep(place: Path) -> None:
    """
    Remove the directories of this user whose owners are gone.

    As far as that goes: what cannot be removed stays, and no run fails for what another left.
    """
    with suppress(Exception):
        for root in place.glob(f"{PREFIX}*"):
            with suppress(Exception):
                _sweep_one(root)


def _sweep_one(root: Path) -> None:
    status = root.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid():
        return
    lock = os.open(root / OWNER, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)  # its owner lives
    else:
        _remove(root, lock)


def _remove(root: Path, lock: int) -> None:
    remove(root)
    os.close(lock)


def roomy_place() -> Path:
    """
    Name a place in memory for directories if there is one with room, else the usual one.

    Some logs allocate tens of megabytes for each file ahead.
    """
    with suppress(OSError):
        room = shutil.disk_usage(MEMORY)
        if os.access(MEMORY, os.W_OK) and room.free > room.total / 2:
            return MEMORY
    return Path(tempfile.gettempdir())
