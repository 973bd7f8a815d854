"""
An adapter whose disk sees what is done to it.

A recorded disk looks like a simulated one: after each call its events hold the
operations that the call has made, in the order of the trace, and whoever speaks to the
adapter puts the marks between them.  The processes stay from one disk to the next, so
that starting strace is paid for once.
"""

import contextlib
import resource
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from attrs import define, field
from tornproof.errors import TornproofError
from tornproof_models.crash.subject import DIRECTORY
from tornproof_models.disk.faults import Fault
from tornproof_models.disk.trace import Image, Trace

from tornproof_conformance.adapter.directory_disk import DirectoryDisk
from tornproof_conformance.adapter.speaking.diagnosis import Diagnosis, WritesOutside
from tornproof_conformance.adapter.speaking.patience import OutOfPatience, Patience
from tornproof_conformance.adapter.speaking.process import LineProcess
from tornproof_conformance.adapter.speaking.session import TIMEOUT, Session
from tornproof_conformance.recorder.lines import Unreadable
from tornproof_conformance.recorder.recording import Performed, Recording, Said
from tornproof_conformance.recorder.result import RecordingDiffers, read_tree, verify
from tornproof_conformance.recorder.strace import HANDLERS, CannotRecord, Tap, prefix
from tornproof_conformance.recorder.tree import Tree

SETTLING = 0.5
"""Seconds that a process gets to come to rest, if it works on after it has answered."""

NO_LIMIT = resource.RLIM_INFINITY

NOWHERE = "/nonexistent"
"""The directory that is recorded while a process has none."""


class CannotTrace(TornproofError):
    """An implementation does to its files what system calls do not tell: no verdict is possible."""

    code = "untraceable"


@define
class RecordedSession(Session):
    """An adapter under strace, and the recording of what it does."""

    recording: Recording = field(kw_only=True)
    disk: "RecordedDisk | None" = None
    """The disk that it works on; what it does elsewhere is not recorded."""

    is_limited: bool = False
    _tap: Tap = field(kw_only=True)
    _log: Path = field(kw_only=True)

    @classmethod
    def record(
        cls,
        command: Sequence[str],
        log: Path,
        *,
        options: Sequence[str] = (),
        timeout: float = TIMEOUT,
        patience: Patience | None = None,
    ) -> "RecordedSession":
        """Start an adapter under strace, with more options for it."""
        wrapper = [*IGNORING_LIMITS, *prefix(log, *options)]
        tap = Tap.open(log)
        try:
            process = LineProcess.start(command, prefix=wrapper)
        except Diagnosis:
            tap.close()
            raise
        working_directory = str(Path.cwd().resolve())
        recording = Recording.begin(Tree(NOWHERE), HANDLERS, working_directory)
        return cls(
            process,
            timeout,
            patience=patience or Patience(),
            recording=recording,
            tap=tap,
            log=log,
        )

    def attend(self, disk: "RecordedDisk") -> None:
        """Record what the adapter does on a disk from now on."""
        if self.disk is not disk:
            self.settle()
            self.recording.turn_to(disk.tree)
            self.disk = disk
        disk.session = self

    def finish(self, op: str, request: int) -> Mapping[str, Any]:
        """Wait for a reply, then for the log to tell how it came about."""
        is_answered = True
        try:
            return super().finish(op, request)
        except OutOfPatience:
            is_answered = False  # and the process is killed
            raise
        except Diagnosis:
            is_answered = False  # so the log will not tell of it either
            self.settle()
            raise
        finally:
            if is_answered and self.is_alive:
                self._listen(request)
                if self.recording.struck:
                    self.limit_files(NO_LIMIT)

    def _listen(self, request: int) -> None:
        """
        Take in what the log says up to a reply.

        A log that cannot be read is no failure of the adapter: the disk will say that it
        has no trace.
        """
        try:
            self._tap.follow(self.recording, lambda: self.recording.replies >= request)
        except (CannotRecord, Unreadable) as unknown:
            self.recording.give_up("strace", str(unknown))
        self._deliver(replies=1)

    def limit_files(self, size: int) -> None:
        """
        Let no file grow beyond a size, in bytes: the disk is full for the adapter alone.

        A write that would cross the limit is short; one that begins there fails.
        """
        if self.is_limited or size != NO_LIMIT:
            for process in self.recording.processes:
                with contextlib.suppress(ProcessLookupError):  # it has ended since
                    resource.prlimit(process, resource.RLIMIT_FSIZE, (size, NO_LIMIT))
            self.is_limited = size != NO_LIMIT

    def settle(self) -> None:
        """Take in what was done after the last reply."""
        try:
            self._tap.drain(self.recording)
        except Unreadable as unknown:
            self.recording.give_up("strace", str(unknown))
        self._deliver(replies=None)

    def _deliver(self, replies: int | None) -> None:
        items = self.recording.take(replies)
        if self.disk is not None:
            self.disk.events += [item for item in items if not isinstance(item, Said)]
            self.disk.notice(self.recording)
            self.disk.untraceable.update(dict.fromkeys(map(str, self.recording.untraceable)))
            self.disk.warnings.update(self.recording.warnings)

    def kill(self) -> None:
        """End the adapter; what it had done until then stays recorded."""
        if not self.process.is_released:
            super().kill()
            self.settle()
            self._tap.close()
            self._log.unlink(missing_ok=True)


IGNORING_LIMITS = ("sh", "-c", "trap '' XFSZ; exec \"$@\"", "sh")
"""
Starts a command that is not killed when a file reaches its size limit.

A limit on the size of files is how a real disk becomes full for one process.
"""


class RecordedDisk(DirectoryDisk):
    """A directory on which everything is recorded that its adapter does."""

    def __init__(
        self,
        root: Path,
        release: Callable[[DirectoryDisk], None],
        image: Image | None = None,
        warnings: dict[str, None] | None = None,
    ) -> None:
        super().__init__(root, release, image)
        files, directories = self.initial.files, self.initial.directories | {DIRECTORY}
        self.initial = Image(files, directories)
        self.tree = Tree.of(str(root.resolve()), self.initial)
        self.session: RecordedSession | None = None
        self.untraceable: dict[str, None] = {}
        self.warnings: dict[str, None] = {} if warnings is None else warnings
        self.performed: tuple[Performed, ...] = ()
        """The calls of the first process that changed something here."""

        self._first: Recording | None = None

        self.armed_at = 0
        """How many of them there had been when a fault was armed."""

        self.limit: int | None = None
        """The size in bytes beyond which no file grows, once a fault is armed."""

        self._strikes = 0
        self._struck: list[int] = []
        self._outside: list[Mapping[str, None]] = []
        """For each process that has worked here, the files that it has written elsewhere."""

    def notice(self, recording: Recording) -> None:
        """Take over what a recording knows of calls, and whether any was made to fail."""
        if self._first is None:
            self._first = recording
        if recording is self._first:
            self.performed = tuple(recording.performed)
        self.operations += 1
        if not any(each is recording.outside for each in self._outside):
            self._outside.append(recording.outside)
        if recording.struck > self._strikes:
            self._strikes = recording.struck
            self._struck.append(self.operations)

    def require_inside(self) -> None:
        """
        Raise `WritesOutside` if anything was written that lies elsewhere, and is still there.

        A file that is gone when the adapter has answered was scratch, and nothing depends on it.
        """
        super().require_inside()
        for path in (path for paths in self._outside for path in paths):
            if Path(path).is_file():
                raise WritesOutside(f"was given …{DIRECTORY}, and writes to {path}")

    def fail(self, nth: int, fault: Fault) -> None:  # noqa: ARG002
        """Note where a fault is armed; what fails was said when the process was started."""
        self.armed_at = len(self.performed)
        if self.limit is not None and self.session is not None:
            self.session.limit_files(self.limit)

    def struck_since(self, operations: int) -> bool:
        """Tell whether a fault has struck after so many deliveries of the recorder."""
        return any(moment > operations for moment in self._struck)

    @property
    def trace(self) -> Trace:
        """
        Everything that was done and promised, checked against what is there.

        Raises `CannotTrace` and `RecordingDiffers`.
        """
        deadline = time.monotonic() + SETTLING
        while True:
            if self.session is not None and not self.session.process.is_released:
                self.session.settle()
            if self.untraceable:
                reasons = "; ".join(self.untraceable)
                raise CannotTrace(f"power loss cannot be judged: {reasons}")
            self.require_inside()
            trace = Trace(self.initial, tuple(self.events))
            with contextlib.suppress(RecordingDiffers):
                verify(trace, read_tree(self._root), unseen=self.tree.unseen)
                return trace
            if time.monotonic() > deadline:
                verify(trace, read_tree(self._root), unseen=self.tree.unseen)
            time.sleep(0.01)
