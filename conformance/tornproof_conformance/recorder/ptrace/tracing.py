"""
The thread that traces a process, and its handle for other threads.

The kernel takes orders about a traced process from the thread alone that traces it.  So the
thread starts the process and follows it to its end, and others ask the thread: what was
recorded so far, and what is to strike next.  They hold the same lock as the thread does while
it deals with a stop.
"""

import os
import subprocess
import threading
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import IO

from attrs import define, field

from tornproof_conformance.lifetime.next_boot import NextBoot
from tornproof_conformance.recorder.processes import Stream
from tornproof_conformance.recorder.ptrace import (
    durability,
    kernel,
    orders,
    paths,
    procfs,
    transfers,
)
from tornproof_conformance.recorder.ptrace.launching import launch
from tornproof_conformance.recorder.ptrace.listening import Handling, TracedRecording
from tornproof_conformance.recorder.ptrace.tracer import Tracer

NOTHING = os.makedev(1, 3)
"""The device /dev/null, which many processes have open for other reasons."""

HANDLERS: Mapping[str, Handling] = {
    **transfers.HANDLERS,
    **paths.HANDLERS,
    **durability.HANDLERS,
    **orders.HANDLERS,
}
"""Every call that is stopped at, and what it does."""


@define(eq=False)
class TracedProcess:
    """A process that is traced, as `subprocess.Popen` shows one that is not."""

    recording: TracedRecording
    pid: int = 0
    stdin: IO[bytes] | None = None
    stdout: IO[bytes] | None = None
    returncode: int | None = None
    """The exit code, negative for a signal, once the process has ended."""

    _changed: threading.Condition = field(factory=threading.Condition)
    _ended: threading.Event = field(factory=threading.Event)
    """Set when nothing of it is left, children included."""

    _failure: BaseException | None = None
    _tracer: Tracer | None = None

    @classmethod
    def start(
        cls,
        command: Sequence[str],
        recording: TracedRecording,
        *,
        stdin: int | IO[bytes] | None = None,
        stdout: int | IO[bytes] | None = None,
        stderr: int | IO[bytes] | None = None,
        directory: Path | None = None,
        environment: Mapping[str, str] | None = None,
        boot: NextBoot | None = None,
    ) -> "TracedProcess":
        """
        Start a command in a session of its own and trace it.

        Raises `OSError` where there is no such command, and `kernel.CannotTrace`.
        """
        process, ready = cls(recording), threading.Event()

        def follow() -> None:
            try:
                started, traced = launch(
                    command,
                    stdin=stdin,
                    stdout=stdout,
                    stderr=stderr,
                    directory=directory,
                    environment=environment,
                    boot=boot,
                )
            except BaseException as reason:
                process._failure = reason
                ready.set()
                return
            process.pid, process.stdin, process.stdout = started.pid, started.stdin, started.stdout
            process._follow(started, traced, ready)

        threading.Thread(target=follow, name="tracer", daemon=True).start()
        ready.wait()
        if process._failure is not None:
            raise process._failure
        return process

    def _follow(
        self, started: "subprocess.Popen[bytes]", traced: int, ready: threading.Event
    ) -> None:
        tracer = self._tracer = Tracer(self.recording)
        for number, stream in enumerate((Stream.REQUESTS, Stream.REPLIES)):
            end = procfs.status_of(traced, number)
            if end is not None and end.st_rdev != NOTHING:
                self.recording.streams[end.st_dev, end.st_ino] = stream
        with self._changed:
            tracer.begin(traced)
        ready.set()
        try:
            while not tracer.is_done:
                found = tracer.wait()
                with self._changed:
                    if found is not None:
                        tracer.take(*found)
                    tracer.release()
                    self._note_end(tracer)
                    self._changed.notify_all()
        except Exception as reason:  # whoever asks is told
            self._failure = reason
            tracer.kill()
        if traced != started.pid:
            with suppress(ChildProcessError):  # the tracer has met its end already
                os.waitpid(started.pid, kernel.WAITING)
        started.returncode = self.returncode = tracer.code if tracer.code is not None else -9
        with self._changed:
            self._ended.set()
            self._changed.notify_all()

    def _note_end(self, tracer: Tracer) -> None:
        if tracer.code is not None:
            self.returncode = tracer.code

    # What a process that is not traced has as well

    def poll(self) -> int | None:
        """Return the exit code; none while the process runs."""
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end, for so many seconds.  Raises `subprocess.TimeoutExpired`."""
        with self._changed:
            if not self._changed.wait_for(lambda: self.returncode is not None, timeout):
                raise subprocess.TimeoutExpired("traced", timeout or 0)
            assert self.returncode is not None
            return self.returncode

    # What only one that is traced has

    @property
    def held(self) -> AbstractContextManager[object]:
        """Hold whoever deals with its stops, to look at the recording or to arm a fault."""
        return self._changed

    def wait_for_replies(self, count: int, seconds: float) -> bool:
        """Wait until so many lines were written on standard output, and say whether they were."""
        with self._changed:
            return self._changed.wait_for(
                lambda: self.recording.replies >= count or self._ended.is_set(), seconds
            )

    def wait_for_all(self, seconds: float | None = None) -> bool:
        """Wait until nothing of it is left; say whether that is so."""
        return self._ended.wait(seconds)

    def kill_all(self) -> None:
        """Kill everything that is traced, and wait for its end."""
        while not self.wait_for_all(0.01):
            with self._changed:
                if self._tracer is not None:
                    self._tracer.signal_all()

    def require_sound(self) -> None:
        """Raise what has gone wrong in the thread, if anything."""
        if self._failure is not None:
            raise self._failure
