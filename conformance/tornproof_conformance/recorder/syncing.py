"""
Calls that make data durable, and calls that look as if they did.
"""

from collections.abc import Mapping

from tornproof_models.disk.trace import SyncFailed, WritebackStarted

from tornproof_conformance.recorder import arguments
from tornproof_conformance.recorder.lines import Call
from tornproof_conformance.recorder.processes import Task
from tornproof_conformance.recorder.recording import Handler, Recording

LOST = frozenset({"EIO", "ENOSPC", "EDQUOT"})
"""Errors after which the kernel has given up what it could not write."""

NO_SYNC = (
    "sync_file_range was called: it starts writing and promises nothing, since neither the "
    "disk's cache nor the file's size and place are covered (sync_file_range(2))"
)


def _fsync(recording: Recording, task: Task, call: Call) -> None:
    description = task.describe(arguments.descriptor(call.arguments[0]))
    if description is None or description.inode is None:
        return
    if call.error in LOST:
        recording.note(call, SyncFailed(description.inode))
    elif not call.error:
        data_only = call.name == "fdatasync"
        recording.note_sync(call, description.inode, data_only=data_only)


def _sync_all(recording: Recording, _: Task, call: Call) -> None:
    if call.error in LOST:
        for inode in list(recording.tree.dirty):
            recording.note(call, SyncFailed(inode))
    elif not call.error:
        recording.note_sync_of_all(call)


def _sync_file_range(recording: Recording, task: Task, call: Call) -> None:
    description = task.describe(arguments.descriptor(call.arguments[0]))
    if description is not None and description.inode is not None:
        recording.warn(NO_SYNC)
        start, length = (arguments.number(call.arguments[n]) for n in (1, 2))
        end = start + length if length else recording.tree.size(description.inode)
        if not call.error:
            recording.note(call, WritebackStarted(description.inode, start, max(start, end)))


HANDLERS: Mapping[str, Handler] = {
    "fsync": _fsync,
    "fdatasync": _fsync,
    "sync": _sync_all,
    "syncfs": _sync_all,
    "sync_file_range": _sync_file_range,
}
