"""
Running a command under strace.

strace writes its log to a file, a line for each call.  `Tap` reads the file while it
grows, so that a conversation with the process and the log of it can be followed side
by side.  strace stops a process twice in each call that it writes down, and a filter
in the kernel (`--seccomp-bpf`) lets all other calls pass.
"""

import shutil
import time
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import IO

from attrs import define
from tornproof.errors import TornproofError

from tornproof_conformance.recorder import attributes, memory, naming, opening, syncing, writing
from tornproof_conformance.recorder.kinds import CLONES
from tornproof_conformance.recorder.recording import Handler, Recording

LONGEST_STRING = 1 << 26
"""Bytes of one buffer that strace may write down, 64 MiB."""

PATIENCE = 10.0
"""Seconds to wait for a line of the log, once the call that it is about has returned."""

HANDLERS: Mapping[str, Handler] = {
    **opening.HANDLERS,
    **writing.HANDLERS,
    **naming.HANDLERS,
    **syncing.HANDLERS,
    **memory.HANDLERS,
    **attributes.HANDLERS,
}
"""Every call that matters, and what it does."""


class CannotRecord(TornproofError):
    """No recording can be made here; kill tests do without one."""

    code = "untraceable"


@cache
def find_strace() -> str:
    """Return the path of strace.  Raises `CannotRecord`, naming the package."""
    found = shutil.which("strace")
    if found is None:
        raise CannotRecord(
            "strace is not installed, so a process cannot be recorded and power loss not "
            "tested; install the package strace (apt install strace, dnf install strace, "
            "apk add strace)"
        )
    return found


def prefix(log: Path) -> list[str]:
    """Return what to put before a command to have it recorded in a log file."""
    # a call that does not exist on a machine is no mistake there
    calls = ",".join(f"?{name}" for name in sorted({*HANDLERS, *CLONES}))
    return [
        find_strace(),
        "-f",  # follow threads and children
        "--seccomp-bpf",
        "-q",
        "-y",  # the path of every descriptor
        "-xx",  # strings in hexadecimal
        f"-s{LONGEST_STRING}",
        "-esignal=none",
        f"-etrace={calls}",
        f"-o{log}",
        "--",
    ]


@define
class Tap:
    """A log that is read while it is written."""

    _file: IO[str]

    @classmethod
    def open(cls, log: Path) -> "Tap":
        """Open a log, making it if strace has not yet."""
        log.touch()
        return cls(log.open(encoding="ascii", errors="strict"))

    def close(self) -> None:
        """Let go of the log."""
        self._file.close()

    def drain(self, recording: Recording) -> None:
        """Feed a recording all whole lines that are there."""
        start = self._file.tell()
        text = self._file.read()
        end = text.rfind("\n") + 1
        if end < len(text):
            self._file.seek(start + end)
        if end:
            recording.feed(text[:end])

    def follow(self, recording: Recording, is_there: Callable[[], bool]) -> None:
        """
        Feed a recording until it knows something.

        Raises `CannotRecord` if it does not come to know it in time.
        """
        deadline = time.monotonic() + PATIENCE
        while True:
            self.drain(recording)
            if is_there():
                return
            if time.monotonic() > deadline:
                raise CannotRecord(f"strace has not written for {PATIENCE:g} s what has happened")
            time.sleep(0.0001)
