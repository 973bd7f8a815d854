"""
A machine that has lost power and started again, for what recovers in a process of its own.

Some software asks whether the machine has been restarted, and trusts what it finds if it has not:
LMDB for Node compares ids of boots and believes commits that were never synced, others look
whether the process whose number is in a lock file still runs, or go on in shared memory.  A crash
that is made from a recording would leave all of that as it was.  So commands are run in namespaces
of their own, where

- the id of the boot (`/proc/sys/kernel/random/boot_id`) is another,
- no process of before is seen, and no new one has the number of one,
- there is no System V memory, and `/dev/shm` is empty but for what is kept.

Locks are gone with their holders, and the clock goes on: a recovery is a moment later.  Who is
killed does not see a new boot: the kernel lives on.

Namespaces take the right to make mounts, or users of one's own (user_namespaces(7)), and
`nsenter` of util-linux or BusyBox.  Where they are not to be had commands run as they are, and
`visible` says what they can see.
"""

import json
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from attrs import define, field

from tornproof_conformance.lifetime import boot_keeper, orphans

ENTERED = ("--", "/bin/sh", "-c", 'cd "$1" && shift && exec "$@"', "sh")
"""Behind `nsenter`, which leaves the working directory."""

KEEPER = (sys.executable, "-I", "-S", boot_keeper.__file__)

EVERYTHING = ("the id of the boot", "the processes of before", "shared memory")
"""What is seen of before where there are no namespaces."""

SEES = "recoveries after a loss of power see of the time before: {visible}"


@define(eq=False)
class NextBoot:
    """A machine after a restart; it starts when something is first run on it."""

    scratch: Path
    """A directory that stays where it is, also for files of this."""

    visible: tuple[str, ...] = field(default=(), init=False)
    """What can be seen of the machine before."""

    has_one_user: bool = field(default=False, init=False)
    """Whether there is no other user in it, so that programs that change theirs fail."""

    _namespaces: list[str] | None = field(default=None, init=False)
    """What enters them; empty where there are none."""

    _first: int = field(default=0, init=False)
    """The first process of the namespaces."""

    _keeper: "subprocess.Popen[str] | None" = field(default=None, init=False)
    _starting: threading.Lock = field(factory=threading.Lock, init=False)

    def start(self, command: Sequence[str]) -> None:
        """Start it for a command; not while `orphans.STARTING` is held."""
        with self._starting:
            if self._namespaces is None:
                self._namespaces = self._start([each for each in command if "/" in each])

    def command(self, command: Sequence[str], directory: Path | None = None) -> list[str]:
        """Return what runs a command on this machine, in a directory or in that of this process."""
        self.start(command)
        if not self._namespaces:
            return list(command)
        return [*self._namespaces, *ENTERED, str(directory or Path.cwd()), *command]

    def forgo(self, reason: str) -> None:
        """Run commands on this machine from now on, since they do not run there."""
        self.stop()
        self._namespaces, self.visible = [], (*EVERYTHING, f"({reason})")

    @property
    def notes(self) -> tuple[str, ...]:
        """What its processes see of the time before, in a sentence; none if nothing."""
        return (SEES.format(visible=", ".join(self.visible)),) if self.visible else ()

    @property
    def is_apart(self) -> bool:
        """Whether commands run in namespaces, below a process here that waits for them."""
        return bool(self._namespaces)

    def stop(self) -> None:
        """End whatever runs on it; it starts again if it is needed."""
        if self._keeper is not None:
            self._keeper.communicate()  # it ends with its input
            orphans.forget(self._keeper.pid)
            orphans.forget(self._first)
            self._keeper = None
        self._namespaces = None

    def _start(self, named: Sequence[str]) -> list[str]:
        """Start its first process; return what goes before a command."""
        nsenter = shutil.which("nsenter")
        said = self._keep(named) if nsenter else {"refused": "nsenter is not installed"}
        if nsenter is None or "refused" in said:
            self.forgo(said["refused"])
            return []
        self.visible = tuple(said["missing"])
        self.has_one_user = bool(said["users"])
        users = ["-U", "--preserve-credentials"] if self.has_one_user else []
        self._first = int(said["first"])
        orphans.know_parent(self._first)
        return [nsenter, "-t", str(self._first), *users, "-m", "-i", "-p"]

    def _keep(self, named: Sequence[str]) -> dict[str, Any]:
        """Start the keeper; return what it says."""
        needed = [self.scratch, Path.cwd(), Path(tempfile.gettempdir()), *map(Path, named)]
        kept = {str(each if each.is_dir() else each.parent) for each in needed if each.exists()}
        orphans.adopt()
        with orphans.STARTING:
            self._keeper = subprocess.Popen(
                [*KEEPER, str(self.scratch), *sorted(kept)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                start_new_session=True,
            )
            orphans.know(self._keeper.pid)
        assert self._keeper.stdout is not None
        line = self._keeper.stdout.readline()
        said: dict[str, Any] = json.loads(line) if line else {"refused": "the keeper has ended"}
        return said
