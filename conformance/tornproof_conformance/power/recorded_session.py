"""
A session with an adapter whose file operations are recorded.

A recorded disk looks like a simulated one: after each call its events hold the
operations that the call has made, in the order of the trace, and whoever speaks to the
adapter puts the marks between them.  The processes stay from one disk to the next, so
that starting them is paid for once.
"""

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from attrs import define, field
from tornproof.errors import TornproofError
from tornproof_models.crash.subject import DIRECTORY
from tornproof_models.disk.faults import Fault
from tornproof_models.disk.trace import Event, Image, Stored, Trace, Write

from tornproof_conformance.adapter.directory_disk import DirectoryDisk
from tornproof_conformance.adapter.left_behind import read_tree
from tornproof_conformance.adapter.speaking.diagnosis import Diagnosis, WritesOutside
from tornproof_conformance.adapter.speaking.patience import OutOfPatience, Patience
from tornproof_conformance.adapter.speaking.process import LineProcess
from tornproof_conformance.adapter.speaking.session import TIMEOUT, Session
from tornproof_conformance.lifetime.next_boot import NextBoot
from tornproof_conformance.power.injection import EFFECTS
from tornproof_conformance.recorder.lines import Unreadable
from tornproof_conformance.recorder.observations import Observations, Said
from tornproof_conformance.recorder.ptrace.injection import CallFault, CallMade, Effect, Injector
from tornproof_conformance.recorder.recorders import Recorder, TracingRecorder, new_recorder
from tornproof_conformance.recorder.result import RecordingDiffers, verify
from tornproof_conformance.recorder.strace import CannotRecord
from tornproof_conformance.recorder.tree import Tree

SETTLING = 0.5
"""Seconds that a process gets to come to rest, if it works on after it has answered."""


class CannotTrace(TornproofError):
    """An implementation does to its files what system calls do not tell: no verdict is possible."""

    code = "untraceable"


@define
class RecordedSession(Session):
    """An adapter that is recorded, and the recording of what it does."""

    recorder: Recorder = field(kw_only=True)
    disk: "RecordedDisk | None" = None
    """The disk that it works on; what it does elsewhere is not recorded."""

    boot: NextBoot | None = None
    """The machine on which it runs, if that has started again since the crash."""

    @classmethod
    def record(
        cls,
        command: Sequence[str],
        log: Path,
        *,
        timeout: float = TIMEOUT,
        patience: Patience | None = None,
        every_store: bool = False,
        boot: NextBoot | None = None,
    ) -> "RecordedSession":
        """
        Start an adapter that is recorded; `log` is a file for a recorder that wants one.

        With `boot` it runs on a machine that has started again.  With `every_store`, stores
        through mappings are seen one by one.  Raises `CannotStart` and `CannotRecord`.
        """
        if boot is not None:
            boot.start(command)
        recorder = new_recorder(log, boot)
        if every_store and isinstance(recorder, TracingRecorder):
            recorder.see_every_store()
        process = LineProcess.start(command, spawn=recorder.spawn)
        given = patience or Patience()
        return cls(process, timeout, patience=given, recorder=recorder, boot=boot)

    def attend(self, disk: "RecordedDisk") -> None:
        """Record what the adapter does on a disk from now on, and let the disk's faults strike."""
        if self.disk is not disk:
            self.settle()
            with self.recorder.held:
                self.recorder.recording.turn_to(disk.tree)
                if isinstance(self.recorder, TracingRecorder):
                    self.recorder.recording.injector = disk.injector
            self.disk = disk
        disk.session = self

    def finish(self, op: str, request: int) -> Mapping[str, Any]:
        """Wait for a reply, then for the recorder to have seen how it came about."""
        is_answered = True
        try:
            return super().finish(op, request)
        except OutOfPatience:
            is_answered = False  # and the process is killed
            raise
        except Diagnosis:
            is_answered = False  # so the recorder will not tell of it either
            self.settle()
            raise
        finally:
            if is_answered and self.is_alive:
                self._listen(request)

    def _listen(self, request: int) -> None:
        """
        Take in what was recorded up to a reply.

        A recording that is not possible is no failure of the adapter: the disk will say that
        it has no trace.
        """
        try:
            self.recorder.follow(request)
        except (CannotRecord, Unreadable) as unknown:
            self.recorder.recording.give_up("the recorder", str(unknown))
        self._deliver(replies=1)

    def settle(self) -> None:
        """Take in what was done after the last reply."""
        try:
            self.recorder.catch_up()
        except Unreadable as unknown:
            self.recorder.recording.give_up("strace", str(unknown))
        self._deliver(replies=None)

    def _deliver(self, replies: int | None) -> None:
        recording = self.recorder.recording
        with self.recorder.held:
            items = recording.take(replies)
            if self.disk is not None:
                self.disk.events += [item for item in items if not isinstance(item, Said)]
                self.disk.notice(recording)
                self.disk.untraceable.update(dict.fromkeys(map(str, recording.untraceable)))
                self.disk.warnings.update(recording.warnings)

    @property
    def is_named_on_disk(self) -> bool:
        """
        Tell whether its process's number seems to stand in what it has written to its disk.

        A lock file says who holds it.  Whoever finds the file after a crash must find that
        process dead.
        """
        number = self.process.pid
        words = str(number).encode(), number.to_bytes(4, "little"), number.to_bytes(4, "big")
        return self.disk is not None and any(
            word in data for data in _written(self.disk.events) for word in words
        )

    def kill(self) -> None:
        """End the adapter; what it had done until then stays recorded."""
        if not self.process.is_released:
            super().kill()
            self._take_the_end()

    def kill_and_listen(self) -> list[bytes]:
        """End the adapter, return the lines that nobody had read, and take in what it had done."""
        lines = super().kill_and_listen()
        self._take_the_end()
        return lines

    def _take_the_end(self) -> None:
        """Wait until the recorder has seen everything end, and take in what was done."""
        try:
            self.recorder.close()
        except Unreadable as unknown:
            self.recorder.recording.give_up("strace", str(unknown))
        self._deliver(replies=None)


class RecordedDisk(DirectoryDisk):
    """A directory on which everything is recorded that its adapter does."""

    def __init__(
        self,
        root: Path,
        release: Callable[[DirectoryDisk], None],
        image: Image | None = None,
        warnings: dict[str, None] | None = None,
        boot: NextBoot | None = None,
    ) -> None:
        super().__init__(root, release, image)
        files, directories = self.initial.files, self.initial.directories | {DIRECTORY}
        self.initial = Image(files, directories)
        self.tree = Tree.of(str(root.resolve()), self.initial)
        self.boot = boot
        self.session: RecordedSession | None = None
        self.untraceable: dict[str, None] = {}
        self.warnings: dict[str, None] = {} if warnings is None else warnings
        self.injector = Injector()
        """What strikes the calls of the processes that work here, and what they were."""

        self._strikes = self._kills = 0
        self._struck: list[int] = []
        self._outside: list[Mapping[str, None]] = []
        """For each process that has worked here, the files that it has written elsewhere."""

    def notice(self, recording: Observations) -> None:
        """Take over what a recording knows, and whether any call was made to fail."""
        self.operations += 1
        if not any(each is recording.outside for each in self._outside):
            self._outside.append(recording.outside)
        if len(self.injector.struck) > self._strikes:
            self._strikes = len(self.injector.struck)
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

    def fail(self, nth: int, fault: Fault) -> None:
        """Let the Nth call from here on fail that changes or syncs a file."""
        self.arm(CallFault(EFFECTS[fault], nth))

    def kill_at(self, nth: int, *, is_after: bool) -> None:
        """Kill who makes the Nth call from here on that changes or syncs a file."""
        self.arm(CallFault(Effect.KILL_AFTER if is_after else Effect.KILL_BEFORE, nth))
        self._kills = len(self.struck)

    @property
    def is_disturbed(self) -> bool:
        """Whether a crash or a kill has been here, or a call was made to fail."""
        return super().is_disturbed or bool(self.struck)

    @property
    def has_killed(self) -> bool:
        """Whether the kill that was ordered last has struck."""
        return len(self.struck) > self._kills

    def arm(self, fault: CallFault) -> None:
        """
        Let a fault strike one of the calls that are to come.

        Raises `CannotRecord` where the recorder cannot let calls fail.
        """
        if self.session is not None and not isinstance(self.session.recorder, TracingRecorder):
            raise CannotRecord("strace records, and only the recorder by ptrace lets calls fail")
        with self._held:
            self.injector.arm(fault)

    def disarm(self) -> None:
        """Let nothing strike any more."""
        with self._held:
            self.injector.disarm()

    @property
    def calls(self) -> tuple[CallMade, ...]:
        """The calls that would change or sync a file, since a fault was armed."""
        with self._held:
            return tuple(self.injector.calls)

    @property
    def struck(self) -> tuple[CallMade, ...]:
        """The calls that faults have struck."""
        with self._held:
            return tuple(self.injector.struck)

    @property
    def _held(self) -> AbstractContextManager[object]:
        return nullcontext() if self.session is None else self.session.recorder.held

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


def _written(events: Iterable[Event]) -> Iterator[bytes]:
    """Yield what a trace writes, and stores through mappings."""
    for event in events:
        match event:
            case Write(_, _, data):
                yield data
            case Stored(_, parts):
                yield from (data for _, data in parts)
