"""
Choose the recorder: ptrace where it works, strace elsewhere.

Both note the same operations.  The one by ptrace sees stores through mappings as well, and
lets chosen calls fail.  strace knows more machines; beside that it is there to be compared
with.
"""

import os
import platform
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from functools import cache
from pathlib import Path
from typing import IO, Protocol

from attrs import define, field
from tornproof_models.disk.trace import Image

from tornproof_conformance.adapter.left_behind import read_tree
from tornproof_conformance.adapter.speaking.process import Started
from tornproof_conformance.lifetime.next_boot import NextBoot
from tornproof_conformance.recorder.observations import Observations
from tornproof_conformance.recorder.ptrace import calls, kernel
from tornproof_conformance.recorder.ptrace.listening import TracedRecording
from tornproof_conformance.recorder.ptrace.paths import judge_links
from tornproof_conformance.recorder.ptrace.stepping import Stepping
from tornproof_conformance.recorder.ptrace.tracing import HANDLERS, TracedProcess
from tornproof_conformance.recorder.recording import Recording
from tornproof_conformance.recorder.result import Recorded, finish, verify
from tornproof_conformance.recorder.strace import (
    HANDLERS as STRACE_HANDLERS,
)
from tornproof_conformance.recorder.strace import (
    PATIENCE,
    CannotRecord,
    Tap,
    find_strace,
    prefix,
)
from tornproof_conformance.recorder.tree import Tree

NOWHERE = "/nonexistent"
"""The directory that is recorded while a process has none."""


class Recorder(Protocol):
    """Follows one process."""

    @property
    def recording(self) -> Observations:
        """What is known so far; looked at while `held`."""

    @property
    def held(self) -> AbstractContextManager[object]:
        """Let nothing be noted meanwhile."""

    def spawn(
        self,
        command: Sequence[str],
        *,
        stdin: int | IO[bytes] | None = None,
        stdout: int | IO[bytes] | None = None,
        stderr: int | IO[bytes] | None = None,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
    ) -> Started:
        """Start the process.  Raises `OSError` and `CannotRecord`."""

    def follow(self, replies: int) -> None:
        """Note everything up to so many replies.  Raises `CannotRecord` if they do not come."""

    def catch_up(self) -> None:
        """Note everything that has happened so far."""

    def end_all(self, seconds: float) -> bool:
        """Kill what runs on after so many seconds; say whether all had ended by itself."""

    def close(self) -> None:
        """Note what there was to the end of a process that was killed, and let go of it."""


@define(eq=False)
class TracingRecorder:
    """Follows a process by ptrace, on this machine or on one that has started again."""

    boot: NextBoot | None = None
    recording: TracedRecording = field(
        factory=lambda: TracedRecording(Tree(NOWHERE), HANDLERS), init=False
    )
    _process: TracedProcess | None = None

    @property
    def held(self) -> AbstractContextManager[object]:
        """Hold the thread that deals with stops."""
        return nullcontext() if self._process is None else self._process.held

    @property
    def code(self) -> int | None:
        """The exit code of the process, negative for a signal; none while it runs."""
        return None if self._process is None else self._process.returncode

    def see_every_store(self) -> None:
        """Step through every store into a mapping, from the next mapping on."""
        self.recording.stepping = Stepping(self.recording.store)

    def spawn(
        self,
        command: Sequence[str],
        *,
        stdin: int | IO[bytes] | None = None,
        stdout: int | IO[bytes] | None = None,
        stderr: int | IO[bytes] | None = None,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
    ) -> TracedProcess:
        """Start the process, traced.  Raises `OSError` and `CannotRecord`."""
        try:
            self._process = TracedProcess.start(
                command,
                self.recording,
                stdin=stdin,
                stdout=stdout,
                stderr=stderr,
                directory=cwd,
                environment=env,
                boot=self.boot,
            )
        except kernel.CannotTrace as reason:
            raise CannotRecord(str(reason)) from None
        return self._process

    def follow(self, replies: int) -> None:
        """Wait until the write of a reply was seen to end."""
        assert self._process is not None
        if not self._process.wait_for_replies(replies, PATIENCE):
            raise CannotRecord(f"the tracer has not seen a reply end in {PATIENCE:g} s")
        self._process.require_sound()

    def catch_up(self) -> None:
        """Look at what is mapped; the calls have been noted as they went."""
        with self.held:
            self.recording.look()
            judge_links(self.recording)

    def end_all(self, seconds: float) -> bool:
        """Kill everything that is traced and runs on after so many seconds."""
        if self._process is None or self._process.wait_for_all(seconds):
            return True
        self._process.kill_all()
        return False

    def close(self) -> None:
        """Wait for the end of everything that was traced."""
        if self._process is not None:
            self._process.wait_for_all(PATIENCE)
        self.catch_up()


@define(eq=False)
class StraceRecorder:
    """Follows a process by the log that strace writes of it; see `TracingRecorder`."""

    log: Path
    boot: NextBoot | None = None
    recording: Recording = field(init=False)
    _tap: Tap = field(init=False)
    _process: "subprocess.Popen[bytes] | None" = None

    def __attrs_post_init__(self) -> None:
        here = str(Path.cwd().resolve())
        self.recording = Recording.begin(Tree(NOWHERE), STRACE_HANDLERS, here)
        self._tap = Tap.open(self.log)

    @property
    def held(self) -> AbstractContextManager[object]:
        """Do nothing: the log is read when it is asked for."""
        return nullcontext()

    def spawn(
        self,
        command: Sequence[str],
        *,
        stdin: int | IO[bytes] | None = None,
        stdout: int | IO[bytes] | None = None,
        stderr: int | IO[bytes] | None = None,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
    ) -> "subprocess.Popen[bytes]":
        """Start the process under strace.  Raises `OSError` and `CannotRecord`."""
        traced = [*prefix(self.log), *command]
        self._process = subprocess.Popen(
            self.boot.command(traced, cwd) if self.boot else traced,
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            bufsize=0,
            cwd=cwd,
            env=env,
            start_new_session=True,
        )
        return self._process

    def end_all(self, seconds: float) -> bool:
        """Kill the process group; strace itself ends when nothing is left of it."""
        if self._process is None:
            return True
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)
            return True
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        return False

    def follow(self, replies: int) -> None:
        """Read the log until it tells of a reply."""
        self._tap.follow(self.recording, lambda: self.recording.replies >= replies)

    def catch_up(self) -> None:
        """Read what there is of the log."""
        self._tap.drain(self.recording)

    def close(self) -> None:
        """Read the log to its end, and remove it."""
        self.catch_up()
        self._tap.close()
        self.log.unlink(missing_ok=True)


# Which


@cache
def why_not_ptrace() -> str:
    """Say why nothing can be traced by ptrace here; nothing if it can."""
    if platform.machine() != calls.MACHINE:
        return f"the recorder by ptrace knows {calls.MACHINE}, and this is {platform.machine()}"
    try:
        process = TracedProcess.start(
            ["true"],
            TracedRecording(Tree(NOWHERE), HANDLERS),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
    except (OSError, kernel.CannotTrace) as reason:
        return f"{reason}{_hint()}"
    process.wait_for_all(PATIENCE)
    return "" if process.poll() == 0 else "a traced process does not come to its end"


def _hint() -> str:
    """Say what to do where the system forbids it."""
    scope = Path("/proc/sys/kernel/yama/ptrace_scope")
    if scope.exists() and scope.read_text().strip() in ("2", "3"):
        return f"; {scope} is {scope.read_text().strip()}, and must be 0 or 1"
    if Path("/.dockerenv").exists() or Path("/run/.containerenv").exists():
        return "; in a container, add the capability SYS_PTRACE (docker run --cap-add SYS_PTRACE)"
    return ""


def require_recorder() -> None:
    """Raise `CannotRecord`, with the reasons, where no process can be recorded."""
    reason = why_not_ptrace()
    if reason and platform.machine() == calls.MACHINE:
        # what forbids ptrace to us forbids it to strace
        raise CannotRecord(f"no process can be recorded here: {reason}")
    if reason:
        find_strace()


def new_recorder(log: Path, boot: NextBoot | None = None) -> Recorder:
    """
    Return the recorder that serves here; strace, if it is that one, writes to `log`.

    With `boot` it follows a process on a machine that has started again.  Raises `CannotRecord`,
    with the reasons, where there is none.
    """
    require_recorder()
    return StraceRecorder(log, boot) if why_not_ptrace() else TracingRecorder(boot)


def record(
    command: Sequence[str],
    directory: Path,
    log: Path,
    *,
    standard_input: bytes | None = None,
    recorder: Recorder | None = None,
) -> Recorded:
    """
    Run a command to its end and record what it does below a directory.

    The recording is checked against what the command has left.  Raises `CannotRecord`,
    `RecordingDiffers` and `Unreadable`.
    """
    initial = read_tree(directory)
    recorder = recorder or new_recorder(log)
    recording = recorder.recording
    recording.turn_to(Tree.of(str(directory.resolve()), initial))
    try:
        process = recorder.spawn(command, stdin=None if standard_input is None else subprocess.PIPE)
    except OSError as error:
        raise CannotRecord(f"cannot run {command[0]}: {error.strerror}") from None
    if process.stdin is not None:
        process.stdin.write(standard_input or b"")
        process.stdin.close()
    process.wait()
    return conclude(recorder, initial, lambda: read_tree(directory))


def conclude(recorder: Recorder, initial: Image, left: Callable[[], Image]) -> Recorded:
    """
    End a recording, and check that it gives what was left.

    Raises `RecordingDiffers` and `Unreadable`.
    """
    recorder.close()
    recorded = finish(recorder.recording, initial)
    if not recorded.untraceable:
        verify(recorded.trace, left(), unseen=recorder.recording.tree.unseen)
    return recorded
