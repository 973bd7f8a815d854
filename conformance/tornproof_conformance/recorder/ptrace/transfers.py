"""
Calls that read and write: the two streams, and what is in files.
"""

import os
from collections.abc import Mapping

from tornproof_conformance.recorder.processes import Stream
from tornproof_conformance.recorder.ptrace import kernel, procfs
from tornproof_conformance.recorder.ptrace.calls import FICLONE, FICLONERANGE
from tornproof_conformance.recorder.ptrace.listening import Handling, TracedRecording
from tornproof_conformance.recorder.ptrace.tracer import VECTORS, Call

RWF_DSYNC, RWF_SYNC, RWF_APPEND = 2, 4, 0x10
HERE = (1 << 64) - 1
"""The offset of a `pwritev2` that goes to the position of the file."""

KEEP_SIZE, PUNCH_HOLE, COLLAPSE_RANGE, ZERO_RANGE, INSERT_RANGE = 1, 2, 8, 0x10, 0x20

EXTENTS = "moves parts of a file, which a trace cannot hold"


def _nothing(_: TracedRecording, __: Call) -> None:
    """Do nothing at one of the two stops."""


# Reading and writing


def _read(rec: TracedRecording, call: Call) -> None:
    key = procfs.key_of(call.task, 0)
    if call.result and key is not None and rec.streams.get(key) is Stream.REQUESTS:
        rec.note_request(call, _data(call, is_vector=call.name == "readv"))


def _data(call: Call, *, is_vector: bool) -> bytes:
    """Read what passed between a process and a file.  Raises `Gone` if the process has ended."""
    if is_vector:
        data = kernel.read_vector(call.task, call.args[1], call.args[2], call.result)
    else:
        data = kernel.read_memory(call.task, call.args[1], call.result)
    if len(data) < call.result:
        raise kernel.Gone(f"{call.task} has ended, and its memory with it")
    return data


def _begin_write(rec: TracedRecording, call: Call) -> None:
    call.inode = rec.inode(call.task, call.args[0])
    if call.inode is not None:
        call.length = call.args[2]
        if call.name in VECTORS:
            call.length = sum(kernel.read_words(call.task, call.args[1], 2 * call.args[2])[1::2])
        call.concerns = call.length > 0


def _write(rec: TracedRecording, call: Call) -> None:
    is_vector = call.name == "writev"
    if call.inode is not None:
        position, flags = procfs.position_and_flags(call.task, call.args[0])
        data = _data(call, is_vector=is_vector)
        offset = position - call.result
        rec.written(call, call.inode, offset, data, flags)
        return
    key = procfs.key_of(call.task, call.args[0])
    if key is not None and rec.streams.get(key) is Stream.REPLIES:
        rec.note_reply(call, _data(call, is_vector=is_vector))
    else:
        _outside(rec, call, call.args[0])


def _outside(rec: TracedRecording, call: Call, descriptor: int) -> None:
    rec.note_outside(procfs.name_of(call.task, descriptor))


def _pwrite(rec: TracedRecording, call: Call) -> None:
    if call.inode is None:
        _outside(rec, call, call.args[0])
        return
    position, flags = procfs.position_and_flags(call.task, call.args[0])
    given = call.args[5] if call.name == "pwritev2" else 0
    offset = call.args[3]
    if call.name == "pwritev2" and offset == HERE:
        offset = position - call.result
    elif flags & os.O_APPEND or given & RWF_APPEND:
        offset = rec.tree.size(call.inode)
    if given & RWF_SYNC:
        flags |= os.O_SYNC
    elif given & RWF_DSYNC:
        flags |= os.O_DSYNC
    data = _data(call, is_vector=call.name in VECTORS)
    rec.written(call, call.inode, offset, data, flags)


# Copying: what has arrived is taken from the file itself, wherever it came from


def _take(rec: TracedRecording, call: Call, target: int, offset: int, count: int) -> None:
    assert call.inode is not None
    try:
        file = os.open(procfs.file_at(call.task, target), os.O_RDONLY)
    except OSError as error:
        raise kernel.Gone(f"{call.task} has ended: {error.strerror}") from None
    data = os.pread(file, count, offset)
    os.close(file)
    rec.written(call, call.inode, offset, data)


def _begin_copy(rec: TracedRecording, call: Call) -> None:
    call.inode = rec.inode(call.task, call.args[2])
    call.length = call.args[4]
    call.concerns = call.inode is not None and call.length > 0


def _copy(rec: TracedRecording, call: Call) -> None:
    if call.inode is None or not call.result:
        return
    if call.args[3]:
        offset = kernel.read_words(call.task, call.args[3], 1)[0] - call.result
    else:
        offset = procfs.position_and_flags(call.task, call.args[2])[0] - call.result
    _take(rec, call, call.args[2], offset, call.result)


def _begin_sendfile(rec: TracedRecording, call: Call) -> None:
    call.inode = rec.inode(call.task, call.args[0])
    call.length = call.args[3]
    call.concerns = call.inode is not None and call.length > 0


def _sendfile(rec: TracedRecording, call: Call) -> None:
    if call.inode is not None and call.result:
        offset = procfs.position_and_flags(call.task, call.args[0])[0] - call.result
        _take(rec, call, call.args[0], offset, call.result)


def _begin_ioctl(rec: TracedRecording, call: Call) -> None:
    call.inode = rec.inode(call.task, call.args[0])
    call.concerns = call.inode is not None and call.args[1] in (FICLONE, FICLONERANGE)


def _ioctl(rec: TracedRecording, call: Call) -> None:
    """Clone extents, which is a copy; a length of 0 means: up to the end of the source."""
    if call.inode is None:
        return
    offset, length = 0, 0
    if call.args[1] == FICLONERANGE:
        length, offset = kernel.read_words(call.task, call.args[2], 4)[2:4]
    found = procfs.status_of(call.task, call.args[0])
    size = offset if found is None else found.st_size
    _take(rec, call, call.args[0], offset, length or size - offset)


# Sizes


def _begin_truncate(rec: TracedRecording, call: Call) -> None:
    path = procfs.path_of(call.task, procfs.AT_FDCWD, call.args[0], follows=True)
    call.inode = rec.tree.find(path)
    call.concerns = call.inode is not None


def _begin_ftruncate(rec: TracedRecording, call: Call) -> None:
    call.inode = rec.inode(call.task, call.args[0])
    call.concerns = call.inode is not None


def _truncate(rec: TracedRecording, call: Call) -> None:
    if call.inode is not None:
        rec.resized(call, call.inode, call.args[1])


def _fallocate(rec: TracedRecording, call: Call) -> None:
    if call.inode is None:
        return
    mode, start, length = call.args[1:4]
    size, end = rec.tree.size(call.inode), start + length
    if mode & (COLLAPSE_RANGE | INSERT_RANGE):
        rec.give_up(call, EXTENTS)
    elif mode & (PUNCH_HOLE | ZERO_RANGE) and start < size:
        rec.written(call, call.inode, start, bytes(min(end, size) - start))
    if not mode & KEEP_SIZE and end > size:
        rec.resized(call, call.inode, end)


HANDLERS: Mapping[str, Handling] = {
    "read": Handling(_nothing, _read),
    "readv": Handling(_nothing, _read),
    "write": Handling(_begin_write, _write),
    "writev": Handling(_begin_write, _write),
    "pwrite64": Handling(_begin_write, _pwrite),
    "pwritev": Handling(_begin_write, _pwrite),
    "pwritev2": Handling(_begin_write, _pwrite),
    "copy_file_range": Handling(_begin_copy, _copy),
    "splice": Handling(_begin_copy, _copy),
    "sendfile": Handling(_begin_sendfile, _sendfile),
    "ioctl": Handling(_begin_ioctl, _ioctl),
    "truncate": Handling(_begin_truncate, _truncate),
    "ftruncate": Handling(_begin_ftruncate, _truncate),
    "fallocate": Handling(_begin_ftruncate, _fallocate),
}
