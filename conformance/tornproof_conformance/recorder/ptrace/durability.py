"""
Calls that make data durable, calls that look as if they did, and shared mappings.

An `msync` with MS_SYNC waits for the pages of its range, as they were when it began.
MS_ASYNC, `munmap` and the end of a process promise nothing.
"""

import errno
import os
from collections.abc import Mapping

from tornproof_models.disk.trace import PartialSync, SyncFailed, WritebackStarted

from tornproof_conformance.recorder.memory import HARMLESS
from tornproof_conformance.recorder.ptrace.kernel import PAGE, leader
from tornproof_conformance.recorder.ptrace.listening import Handling, TracedRecording
from tornproof_conformance.recorder.ptrace.mapped import MappedFile
from tornproof_conformance.recorder.ptrace.pages import CannotWatch, watch
from tornproof_conformance.recorder.ptrace.procfs import file_at, position_and_flags, shared_maps
from tornproof_conformance.recorder.ptrace.tracer import Call
from tornproof_conformance.recorder.syncing import NO_SYNC

LOST = frozenset({-errno.EIO, -errno.ENOSPC, -errno.EDQUOT})
"""Results of a sync after which the kernel has given up what it could not write."""

MS_SYNC, PROT_WRITE = 4, 2
NO_PROMISE = "msync was called with MS_ASYNC, which promises nothing"
UNREADABLE = "maps {name}, which may not be read here, so what is stored there cannot be seen"
NARROWED = "mapped files are compared as a whole: {reason}"


# Syncs


def _begin_fsync(rec: TracedRecording, call: Call) -> None:
    call.inode = rec.inode(call.task, call.args[0])
    call.concerns = call.inode is not None


def _fsync(rec: TracedRecording, call: Call) -> None:
    if call.inode is None:
        return
    if call.result in LOST:
        rec.note(call, SyncFailed(call.inode))
    elif call.result >= 0:
        rec.note_sync(call, call.inode, data_only=call.name == "fdatasync")


def _begin_sync_all(rec: TracedRecording, call: Call) -> None:
    call.concerns = bool(rec.tree.dirty)


def _sync_all(rec: TracedRecording, call: Call) -> None:
    if call.result in LOST:
        for inode in list(rec.tree.dirty):
            rec.note(call, SyncFailed(inode))
    elif call.result >= 0:
        rec.note_sync_of_all(call)


def _sync_file_range(rec: TracedRecording, call: Call) -> None:
    if call.inode is None:
        return
    rec.warn(NO_SYNC)
    start, length = call.args[1:3]
    end = start + length if length else rec.tree.size(call.inode)
    if call.result >= 0:
        rec.note(call, WritebackStarted(call.inode, start, max(start, end)))


def _begin_msync(rec: TracedRecording, call: Call) -> None:
    start, length, flags = call.args[:3]
    for key, _, _ in shared_maps(call.task, start, start + length) if flags & MS_SYNC else ():
        if (inode := rec.inodes_of_maps.get(key)) is not None:
            call.inode, call.concerns = inode, True


def _msync(rec: TracedRecording, call: Call) -> None:
    start, length, flags = call.args[:3]
    if not flags & MS_SYNC:
        rec.warn(NO_PROMISE)
        return
    for key, first, end in shared_maps(call.task, start, start + length):
        if (inode := rec.inodes_of_maps.get(key)) is None:
            continue
        if call.result >= 0:
            end = -(-end // PAGE) * PAGE
            missed = rec.missed(call)
            rec.note(call, PartialSync(inode, first, end, missed, data_only=True))
        elif call.result in LOST:
            rec.note(call, SyncFailed(inode))


# Mappings


def _begin_mmap(rec: TracedRecording, call: Call) -> None:
    descriptor = call.args[4] & 0xFFFFFFFF
    if descriptor != 0xFFFFFFFF:
        call.inode = rec.inode(call.task, descriptor)


def _mmap(rec: TracedRecording, call: Call) -> None:
    """
    Watch a file from its first shared mapping on, if it was opened for writing.

    Whatever its protection is now, mprotect may make it writable.
    """
    start, length, descriptor, offset = call.result, *call.args[1:2], call.args[4], call.args[5]
    if call.inode is None and rec.rings:
        ring = rec.rings.get((leader(call.task), descriptor & 0xFFFFFFFF))
        if ring is not None:
            ring.maps(offset, start)
    if call.inode is None or rec.tree.is_directory(call.inode):
        return
    if position_and_flags(call.task, descriptor)[1] & os.O_ACCMODE == os.O_RDONLY:
        return
    name = rec.tree.name_of(call.inode)
    for reason, pattern in HARMLESS.items():
        if pattern.fullmatch(name):
            rec.tree.harmless.add(call.inode)
            rec.warn(f"{name} is mapped and may change unseen; harmless: it is {reason}")
            return
    for key, _, _ in shared_maps(call.task, start, start + 1):
        rec.inodes_of_maps[key] = call.inode
    if call.inode not in rec.mapped:
        try:
            file = os.open(file_at(call.task, descriptor), os.O_RDONLY)
        except OSError:
            rec.give_up(call, UNREADABLE.format(name=name))
            return
        rec.mapped[call.inode] = MappedFile(file)
    mapped = rec.mapped[call.inode]
    if rec.stepping is not None:
        mapped.forget()
        if call.args[2] & PROT_WRITE:
            rec.stepping.watch(call.task, start, length, offset, call.inode, mapped.descriptor)
    elif mapped.ranges is not None:
        try:
            mapped.ranges.append(watch(call.task, start, length, offset))
        except CannotWatch as reason:
            mapped.forget()
            rec.warn(NARROWED.format(reason=reason))


HANDLERS: Mapping[str, Handling] = {
    "fsync": Handling(_begin_fsync, _fsync),
    "fdatasync": Handling(_begin_fsync, _fsync),
    "sync": Handling(_begin_sync_all, _sync_all),
    "syncfs": Handling(_begin_sync_all, _sync_all),
    "sync_file_range": Handling(_begin_fsync, _sync_file_range),
    "msync": Handling(_begin_msync, _msync),
    "mmap": Handling(_begin_mmap, _mmap),
}
