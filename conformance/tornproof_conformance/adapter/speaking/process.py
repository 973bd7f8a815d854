"""
A process that exchanges lines, and can be killed with all its children.

The process gets a group of its own, so that a kill reaches whatever it has
started, and strace with what it records.  Standard error goes to
a file, where it fills no pipe and can be read afterwards.

Both pipes are watched while a line is sent: a process that writes much before it
reads on must not hang itself and the one that asks it.
"""

import contextlib
import os
import select
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Protocol

from attrs import define, field

from tornproof_conformance.adapter.speaking.diagnosis import CannotStart, PartialLine, remedy
from tornproof_conformance.adapter.speaking.own_time import OwnTime, is_asleep
from tornproof_conformance.lifetime import orphans

LOG_BYTES = 8 << 10
"""Bytes of standard error that are looked at, from the end."""

LONGEST_LINE = 256 << 20
"""Bytes of a line, several times what the longest reply has: more is a flood, and fills memory."""

LONGER = 6
"""Times the time of its own that a process is waited for on a machine with other work."""

DYING = 5.0
"""Seconds that a killed process may take to end: one that the kernel holds up takes longer."""


class Deadline(Exception):
    """The time for a line is over."""


class Ended(Exception):
    """The process has closed its end, which mostly means that it has ended."""


class Started(Protocol):
    """A process that was started, as `subprocess.Popen` is one."""

    stdin: IO[bytes] | None
    stdout: IO[bytes] | None

    @property
    def pid(self) -> int: ...
    def poll(self) -> int | None: ...
    def wait(self, timeout: float | None = None) -> int: ...


class Spawn(Protocol):
    """Starts a command with two pipes."""

    def __call__(
        self,
        command: Sequence[str],
        *,
        stdin: int,
        stdout: int,
        stderr: IO[bytes],
        cwd: Path | None,
        env: Mapping[str, str] | None,
    ) -> Started: ...


@define(eq=False)
class LineProcess:
    """A running command, its lines, and its log."""

    command: tuple[str, ...]
    _process: Started
    _log: IO[bytes]
    _mark: str
    """What it and its descendants have in their environment."""

    _is_recorded: bool
    _buffer: bytearray = field(factory=bytearray)
    held_up: float = field(default=0, init=False)
    """Seconds of the last wait for a line in which the machine kept it from going on."""

    @classmethod
    def start(
        cls,
        command: Sequence[str],
        *,
        spawn: "Spawn | None" = None,
        directory: Path | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> "LineProcess":
        """
        Start a command in a process group of its own; a recorder starts it in its own way.

        Raises `CannotStart` if there is no such command, or it may not be run.
        """
        log = tempfile.TemporaryFile()  # noqa: SIM115
        orphans.adopt()
        mark = orphans.new_mark()
        try:
            with orphans.STARTING:
                process = (spawn or _spawn)(
                    command,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    cwd=directory,
                    env=orphans.marked(environment, mark),
                )
                orphans.know(process.pid)
        except OSError as error:
            log.close()
            message = f"cannot run {command[0]}: {error.strerror}{remedy(error, command[0])}"
            raise CannotStart(message, command=command) from None
        assert process.stdin is not None
        assert process.stdout is not None
        os.set_blocking(process.stdin.fileno(), False)
        os.set_blocking(process.stdout.fileno(), False)
        return cls(tuple(command), process, log, mark, spawn is not None)

    # Lines

    @property
    def pid(self) -> int:
        """The process, or its wrapper; also the number of the group."""
        return self._process.pid

    @property
    def pending(self) -> bytes:
        """What has come and was not read: more than one line, or part of one."""
        return bytes(self._buffer)

    def send(self, data: bytes, deadline: float) -> None:
        """
        Write bytes before a deadline on the monotonic clock, in seconds.

        Raises `Deadline`, or `Ended` if nobody reads.
        """
        subject = self._input
        sent = 0
        while sent < len(data):
            try:
                sent += os.write(subject, data[sent:] if sent else data)
            except BlockingIOError:
                self._wait(deadline, sending=True)
            except BrokenPipeError:
                raise Ended from None

    def receive(self, deadline: float) -> bytes:
        """
        Read one line, without its newline, before a deadline.

        Raises `Deadline`, or `Ended` where no line will come any more; what there is
        of one stays in `pending`.
        """
        searched = 0
        while (end := self._buffer.find(b"\n", searched)) < 0:
            searched = len(self._buffer)
            self._wait(deadline)
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        return line

    def await_line(self, seconds: float, latest: float) -> bytes:
        """
        Read one line before the process has spent so many seconds of its own on it.

        `latest` is on the monotonic clock.  Raises `Deadline` if its own time is over, `Delayed`
        if `latest` comes first, or `Ended`.
        """
        own_time = OwnTime(self.pid)
        try:
            for slice_ in own_time.slices(seconds, latest):
                with contextlib.suppress(Deadline):
                    return self.receive(time.monotonic() + slice_)
        finally:
            self.held_up = own_time.held_up
        raise Deadline

    def _wait(self, deadline: float, *, sending: bool = False) -> None:
        """Wait until there is more to read, or room to write; take what there is to read."""
        poll = select.poll()
        poll.register(self._output, select.POLLIN)
        if sending:
            poll.register(self._input, select.POLLOUT)
        remaining = deadline - time.monotonic()
        ready = dict(poll.poll(max(remaining, 0) * 1000))
        if not ready:
            raise Deadline
        if self._output in ready:
            data = os.read(self._output, 1 << 18)
            if not data:
                raise Ended
            self._buffer += data
            if len(self._buffer) > LONGEST_LINE:
                message = f"writes on and on: {LONGEST_LINE >> 20} MiB that nobody has asked for"
                raise PartialLine(
                    message, command=self.command, reply=bytes(self._buffer[:LOG_BYTES])
                )

    @property
    def _input(self) -> int:
        assert self._process.stdin is not None
        return self._process.stdin.fileno()

    @property
    def _output(self) -> int:
        assert self._process.stdout is not None
        return self._process.stdout.fileno()

    # The end

    @property
    def log(self) -> str:
        """The end of what was written on standard error."""
        if self.is_released:
            return ""
        size = os.fstat(self._log.fileno()).st_size
        data = os.pread(self._log.fileno(), LOG_BYTES, max(size - LOG_BYTES, 0))
        return data.decode("utf-8", "backslashreplace")

    @property
    def is_released(self) -> bool:
        """Whether it has ended and has been let go of."""
        return self._log.closed

    @property
    def is_asleep(self) -> bool:
        """Whether all of it waits for something else than the machine."""
        return is_asleep(self.pid)

    @property
    def is_alive(self) -> bool:
        """Whether the process runs."""
        return self._process.poll() is None

    def end_input(self) -> None:
        """Close its standard input, which tells it to end."""
        assert self._process.stdin is not None
        self._process.stdin.close()

    def wait(self, seconds: float) -> int | None:
        """Wait for its end and return the exit code, negative for a signal; none if it goes on."""
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def kill(self) -> None:
        """
        End the whole group with SIGKILL, and wait until it has; nothing more is read or written.

        A wrapper is gone before what it wraps, which may hold its locks a moment longer.
        """
        if self.is_released:
            return  # its number may be another's by now
        with contextlib.suppress(ProcessLookupError):  # the group is gone already
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        deadline = time.monotonic() + DYING
        while has_living(self.pid) and time.monotonic() < deadline:
            time.sleep(0.0005)
        orphans.forget(self.pid)
        if not self._is_recorded:  # a recorder waits for what it traces
            orphans.bury(self.pid)
        orphans.end_orphans(self._mark)

    def wait_patiently(self, seconds: float) -> int | None:
        """
        Wait for its end as `wait` does, for so many seconds of its own time.

        Raises `Delayed` if the machine leaves it too little of `LONGER` times as many.
        """
        for slice_ in OwnTime(self.pid).slices(seconds, time.monotonic() + seconds * LONGER):
            if (code := self.wait(slice_)) is not None:
                return code
        return None

    def wait_for_descendants(self, seconds: float) -> bool:
        """Wait until what it has started has ended too; say whether it has."""
        deadline = time.monotonic() + seconds
        while has_living(self.pid) or orphans.has_orphans(self._mark):
            if time.monotonic() > deadline:
                return False
            time.sleep(0.005)
        return True

    def release(self) -> None:
        """Let go of the pipes and the log, once it has ended."""
        for pipe in (self._process.stdin, self._process.stdout, self._log):
            if pipe is not None and not pipe.closed:
                pipe.close()


def _spawn(
    command: Sequence[str],
    *,
    stdin: int,
    stdout: int,
    stderr: IO[bytes],
    cwd: Path | None,
    env: Mapping[str, str] | None,
) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        list(command),
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        bufsize=0,
        cwd=cwd,
        env=env,
        start_new_session=True,
    )


def has_living(group: int) -> bool:
    """
    Tell whether any process of a group still runs, and so has files open.

    One that has ended and was not waited for counts as gone.
    """
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    for status in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it has ended since
            state, _, number = status.read_text().rpartition(")")[2].split()[:3]
            if int(number) == group and state not in "ZX":
                return True
    return False
