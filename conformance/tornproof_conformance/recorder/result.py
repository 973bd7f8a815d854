"""
The result of a recording, and the check that it is complete.

A recorder that overlooks a call is worse than none: every crash image built from its
trace would be fiction.  So no recording is believed unchecked.  Replayed from its
beginning, by other code than the recorder's, it must give what the process has left:
every name, and every byte.
"""

from collections.abc import Collection

from attrs import frozen
from tornproof.errors import TornproofError
from tornproof_models.disk.shared_disk import Replay
from tornproof_models.disk.trace import MARKS, Image, Operation, Trace

from tornproof_conformance.recorder.observations import Observations, Said, Untraceable


class RecordingDiffers(TornproofError):
    """
    A recording does not give what the process has left.

    Something changed the files that the log does not tell of: a process that was not
    recorded, a call that is not known, or mapped memory.
    """

    code = "untraceable"


@frozen
class Recorded:
    """A process's work on its files."""

    trace: Trace
    said: tuple[tuple[int, Said], ...] = ()
    """What passed over standard input and output: after how many operations, and what."""

    untraceable: tuple[Untraceable, ...] = ()
    warnings: tuple[str, ...] = ()


def finish(recording: Observations, initial: Image) -> Recorded:
    """Turn a recording into a trace without marks, and what was said beside it."""
    operations: list[Operation] = []
    said: list[tuple[int, Said]] = []
    for item in recording.items:
        if isinstance(item, Said):
            said.append((len(operations), item))
        else:
            operations.append(item)
    return Recorded(
        Trace(initial, tuple(operations)),
        tuple(said),
        tuple(recording.untraceable),
        tuple(recording.warnings),
    )


def replayed(trace: Trace) -> Image:
    """Return the tree that a trace ends with if nothing is lost."""
    disk = Replay(trace.initial)
    for event in trace.events:
        if not isinstance(event, MARKS):
            disk.apply(event)
    return disk.image


def verify(trace: Trace, left: Image, *, unseen: Collection[str] = ()) -> None:
    """
    Require that a trace gives what a process has left.

    `unseen` are paths whose content may have changed through mapped memory.  Raises
    `RecordingDiffers`, which names the first difference.
    """
    expected = replayed(trace)
    for path in sorted(left.directories ^ expected.directories):
        where = "on disk" if path in left.directories else "in the recording"
        raise RecordingDiffers(f"the directory {path} is only {where}")
    for path in sorted(left.files.keys() ^ expected.files.keys()):
        where = "on disk" if path in left.files else "in the recording"
        raise RecordingDiffers(f"the file {path} is only {where}")
    for path, content in sorted(left.files.items()):
        if content != expected.files[path] and path not in unseen:
            raise RecordingDiffers(_difference(path, expected.files[path], content))


def _difference(path: str, recorded: bytes, left: bytes) -> str:
    if len(recorded) != len(left):
        return f"{path} has {len(left):,} bytes on disk and {len(recorded):,} in the recording"
    first = next(n for n, (a, b) in enumerate(zip(recorded, left, strict=True)) if a != b)
    return f"{path} differs from the recording at byte {first:,}"
