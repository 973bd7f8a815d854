"""
Run a workload once, recorded, and keep what its crash images need.

Files that are never written stay out of the disk model: of PostgreSQL's 981 files the workload of
the survey writes 15.  They stand in the trace with a few bytes in place of their content, and are
copied into each image.
"""

import os
import shlex
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from attrs import frozen
from tornproof.errors import TornproofError
from tornproof_models.disk.trace import (
    Event,
    Image,
    Printed,
    Stored,
    Trace,
    Truncate,
    Write,
)

from tornproof_conformance.adapter.left_behind import read_with_links
from tornproof_conformance.lifetime.next_boot import NextBoot
from tornproof_conformance.recorder.observations import Said
from tornproof_conformance.recorder.processes import Stream
from tornproof_conformance.recorder.ptrace.listening import TracedRecording
from tornproof_conformance.recorder.recorders import (
    Recorder,
    TracingRecorder,
    conclude,
    new_recorder,
    require_recorder,
    why_not_ptrace,
)
from tornproof_conformance.recorder.result import Recorded
from tornproof_conformance.recorder.tree import Attributes, Tree
from tornproof_conformance.workload.asking import misplaced

GRACE = 1.0
"""Seconds that processes get to end after the workload has, before they are killed."""

BUFFERED = (
    "{count} lines were printed in one piece, so the output is buffered and promises come late: "
    "flush each line, or run the workload with `stdbuf -oL` or --terminal"
)
NOTHING_WRITTEN = (
    "the workload changes no file of its directory, so there is nothing to crash: it must write "
    "below the directory in which it is started"
)
LEFT_RUNNING = "processes of the workload ran on after it had ended, and were killed"
ATTRIBUTES_LAST = "modes and owners are those that each file had last, at every crash point"


class WorkloadFails(TornproofError):
    """The workload, or its setup, does not do what it should without any crash."""


class CannotFollow(TornproofError):
    """The workload does to its files what the recorder cannot follow."""

    code = "untraceable"


@frozen
class RecordedWorkload:
    """What a workload did to the files of its directory, and what they are besides bytes."""

    trace: Trace
    """Operations, and `Printed` for every whole line."""

    still: Mapping[int, bytes]
    """The files that are never written, by inode."""

    attributes: Mapping[int, Attributes]
    links: Mapping[int, str]
    """Targets of symbolic links, which stand in the trace as empty files."""

    notes: tuple[str, ...] = ()
    promised: tuple[bytes, ...] = ()
    """Lines that had been printed before it began: by a workload, before its recovery."""

    tasks: frozenset[int] = frozenset()
    """Numbers of its processes and threads, which may stand in files."""

    @property
    def reused(self) -> tuple[int, ...]:
        """The numbers that belong to other processes by now."""
        return tuple(n for n in sorted(self.tasks) if Path(f"/proc/{n}").exists())

    def lines_before(self, point: int) -> tuple[bytes, ...]:
        """Return the lines that had been printed after so many events."""
        lines = (each.line for each in self.trace.events[:point] if isinstance(each, Printed))
        return (*self.promised, *lines)


def record_workload(
    command: Sequence[str],
    directory: Path,
    log: Path,
    *,
    environment: Mapping[str, str],
    timeout: float,
    terminal: bool = False,
    every_store: bool = False,
    promised: tuple[bytes, ...] | None = None,
    boot: NextBoot | None = None,
) -> RecordedWorkload:
    """
    Run a command in a directory that is set up already, and record it.

    Each whole line that it prints is a promise, unless the promises were made before it and are
    given.  With `terminal` its standard output is one; with `every_store` each store into mapped
    memory is seen by itself; with `boot` it runs on a machine that has started again.  What it
    has started is killed when it
    has ended.  Raises `WorkloadFails` if it ends with another exit code than 0 or runs longer
    than `timeout` seconds, `CannotFollow` if there is something in it that the recorder does not
    see, and what `recorders.record` raises.
    """
    initial, links = read_with_links(directory)
    tree = Tree.of(str(directory.resolve()), initial)
    inodes = dict(tree.paths())
    tree.links = {inodes[path]: target for path, target in links.items()}
    recorder = new_recorder(log, boot)
    if every_store:
        if not isinstance(recorder, TracingRecorder):
            raise CannotFollow(f"stores cannot be seen here: {why_not_ptrace()}")
        recorder.see_every_store()
    recorder.recording.turn_to(tree)
    tree.take_attributes()
    with _output(recorder, terminal=terminal) as output:
        code = _run(recorder, command, directory, environment, timeout, output)
    recorded = conclude(recorder, initial, lambda: read_with_links(directory)[0])
    if recorded.untraceable:
        reasons = "; ".join(dict.fromkeys(map(str, recorded.untraceable)))
        raise CannotFollow(f"the workload cannot be recorded: {reasons}")
    if code != 0:
        raise WorkloadFails(
            f"the workload ends with exit code {code}, without any crash; it must end with 0"
            f"{misplaced(shlex.join(command))}"
        )
    if promised is None and not recorded.trace.events:
        raise WorkloadFails(NOTHING_WRITTEN + _elsewhere(recorder))
    tree.take_attributes()
    events = _with_lines(recorded) if promised is None else recorded.trace.events
    written = {each.inode for each in events if isinstance(each, Write | Truncate | Stored)}
    still = {
        inodes[path]: content
        for path, content in initial.files.items()
        if path not in links and inodes[path] not in written
    }
    modelled = {
        path: b"still %d" % inodes[path] if inodes[path] in still else content
        for path, content in initial.files.items()
    }
    return RecordedWorkload(
        Trace(Image(modelled, initial.directories), events),
        still,
        dict(tree.attributes),
        dict(tree.links),
        tuple(_notes(recorder, recorded)),
        promised or (),
        frozenset(getattr(recorder.recording, "tasks", ())),
    )


def run_until(
    command: Sequence[str],
    directory: Path,
    *,
    environment: Mapping[str, str],
    timeout: float,
    operations: int,
) -> tuple[bytes, ...] | None:
    """
    Run a command, and kill all of it after so many operations, before the next.

    Returns the lines that were printed; none if it came to its end.  Raises `WorkloadFails`, and
    `CannotRecord` where calls cannot be stopped at.
    """
    require_recorder()
    recorder = TracingRecorder()
    recorder.recording.turn_to(Tree.of(str(directory.resolve()), read_with_links(directory)[0]))
    recorder.recording.tree.links = {}
    recorder.recording.operations = operations
    with _output(recorder, terminal=False) as output:
        code = _run(recorder, command, directory, environment, timeout, output)
    recorder.close()
    if code == 0:
        return None
    said = (each for each in recorder.recording.items if isinstance(each, Said))
    printed = b"".join(each.data for each in said if each.stream is Stream.REPLIES)
    return tuple(printed.split(b"\n")[:-1])


def _run(
    recorder: Recorder,
    command: Sequence[str],
    directory: Path,
    environment: Mapping[str, str],
    timeout: float,
    output: int,
) -> int:
    """Run a command to its end, and end what it leaves; return its exit code."""
    try:
        process = recorder.spawn(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            cwd=directory,
            env=environment,
        )
    except OSError as error:
        raise WorkloadFails(f"cannot run {command[0]}: {error.strerror}") from None
    try:
        code = process.wait(timeout)
    except subprocess.TimeoutExpired:
        recorder.end_all(0)
        raise WorkloadFails(
            f"the workload has not ended after {timeout:g} s; a longer time is given by --timeout"
        ) from None
    if not recorder.end_all(GRACE):
        recorder.recording.warn(LEFT_RUNNING)
    return code


@contextmanager
def _output(recorder: Recorder, *, terminal: bool) -> Iterator[int]:
    """Return a pipe or a terminal that takes what is printed, as a descriptor."""
    reading, writing = os.openpty() if terminal else os.pipe()
    status = os.fstat(writing)
    if isinstance(recorder.recording, TracedRecording):
        recorder.recording.streams[status.st_dev, status.st_ino] = Stream.REPLIES
    reader = threading.Thread(target=_drain, args=(reading,), daemon=True)
    reader.start()
    try:
        yield writing
    finally:
        os.close(writing)
        reader.join(GRACE)


def _drain(output: int) -> None:
    """Read what is printed, so that nobody waits for it to be read."""
    with suppress(OSError):  # a terminal that nobody has open any more says EIO
        while os.read(output, 1 << 16):
            pass
    os.close(output)


def _with_lines(recorded: Recorded) -> tuple[Event, ...]:
    """Put a mark between the operations for every whole line that was printed."""
    events: list[Event] = []
    taken, partial = 0, b""
    for place, said in recorded.said:
        if said.stream is Stream.REPLIES:
            *lines, partial = (partial + said.data).split(b"\n")
            events += [*recorded.trace.events[taken:place], *map(Printed, lines)]
            taken = place
    return (*events, *recorded.trace.events[taken:])


def _notes(recorder: Recorder, recorded: Recorded) -> Sequence[str]:
    """Say what is worth knowing of a recording."""
    most = max(
        (said.data.count(b"\n") for _, said in recorded.said if said.stream is Stream.REPLIES),
        default=0,
    )
    notes = [each for each in recorded.warnings if "modes, owners" not in each]
    if len(notes) < len(recorded.warnings):
        notes.append(ATTRIBUTES_LAST)
    stepping = getattr(recorder.recording, "stepping", None)
    if stepping is not None:
        notes.append(f"stores into mapped memory, each by itself: {stepping.stores:,}")
    if most > 1:
        notes.append(BUFFERED.format(count=most))
    for path in _outside(recorder):
        notes.append(f"{path} was written, outside the directory: no crash touches it")
    return notes


def _outside(recorder: Recorder) -> list[str]:
    """Return the files that were written outside the directory."""
    return [path for path in recorder.recording.outside if Path(path).is_file()]


def _elsewhere(recorder: Recorder) -> str:
    outside = _outside(recorder)
    return f"; it has written {', '.join(outside)}" if outside else ""
