"""
What orders of an io_uring and of `io_submit` do to a tree.

Each is treated as the call that does the same, which began when it was handed over and ended
when its completion was seen.  One that is linked to the one before it, or that drains, began
when those had ended.

What a write has brought is taken from the file when its completion is seen, since a buffer may
be filled by an order to which it is linked, and may be used again at once.  Before another order
is handed over the recorder has looked, so only writes that are on their way at the same time and
overlap could be taken for each other.
"""

import os
from collections.abc import Callable, Mapping
from functools import partial
from typing import TypeAlias

from tornproof_conformance.recorder.processes import Stream
from tornproof_conformance.recorder.ptrace import durability, kernel, paths, procfs, transfers
from tornproof_conformance.recorder.ptrace.listening import Handler, Handling, TracedRecording
from tornproof_conformance.recorder.ptrace.rings import Context, Entry, File, Memory, Ordered, Ring
from tornproof_conformance.recorder.ptrace.tracer import Call
from tornproof_conformance.recorder.ptrace.transfers import HERE, RWF_APPEND, RWF_DSYNC, RWF_SYNC

AS_CALLS: Mapping[str, Handling] = {
    **durability.HANDLERS,
    **paths.HANDLERS,
    **transfers.HANDLERS,
}

INSTEAD = "`sysctl kernel.io_uring_disabled=2` lets most programs do without"
POLLED = f"a thread of the kernel takes orders of an io_uring at any time (SQPOLL); {INSTEAD}"
NEWER = f"the orders of this io_uring have a form that is not known; {INSTEAD}"
NO_RING = f"an io_uring is used that another process has set up; {INSTEAD}"
NOT_KNOWN = f"order {{opcode}} of an io_uring is not followed; {INSTEAD}"
SILENT = f"an order of an io_uring says nothing when it is done; {INSTEAD}"

FIXED_FILE, DRAINS, LINKS, SKIPS_SUCCESS = 1, 2, 4 | 8, 64
"""
Flags of an order.

Its file is named by a place; it begins after all before it, or the next one after it; it says
nothing if it succeeds.
"""

SQPOLL, NUMBERED_ONLY, KNOWN_FLAGS = 1 << 1, 1 << 15, 1 << 18
BY_NUMBER, ALSO_BY_NUMBER = 1 << 4, 1 << 31
"""Flags of a ring, of a call and of a registration: a thread's number names the ring."""

FILES, NO_FILES, UPDATE, FILES_2, UPDATE_2, NUMBERS, RESIZE = 2, 3, 6, 13, 14, 20, 33
"""Operations of `io_uring_register`."""

SYNC, SPLICE, LAST_KNOWN = 3, 30, 61
OPENING = (18, 28)
WRITES = {2: True, 5: False, 23: False, 60: True}
"""Orders that write, and whether their bytes stand in several buffers."""

AIO_WRITES = {1: False, 8: True}
AIO_SYNCS = {2: "fsync", 3: "fdatasync"}
"""The same of `io_submit`."""

SameCall: TypeAlias = Callable[[Entry], tuple[str, tuple[int, ...]]]

ON_FILES: Mapping[int, SameCall] = {
    SYNC: lambda it: ("fdatasync" if it.given & 1 else "fsync", (it.descriptor,)),
    8: lambda it: ("sync_file_range", (it.descriptor, it.offset, it.length, it.given)),
    17: lambda it: ("fallocate", (it.descriptor, it.length, it.offset, it.address)),
    55: lambda it: ("ftruncate", (it.descriptor, it.offset)),
}
"""Orders on an open file, as the calls that do the same."""

ON_NAMES: Mapping[int, SameCall] = {
    18: lambda it: ("openat", (it.descriptor, it.address, it.given)),
    28: lambda it: ("openat2", (it.descriptor, it.address, it.offset)),
    35: lambda it: ("renameat2", (it.descriptor, it.address, it.length, it.offset, it.given)),
    36: lambda it: ("unlinkat", (it.descriptor, it.address, it.given)),
    37: lambda it: ("mkdirat", (it.descriptor, it.address, it.length)),
    38: lambda it: ("symlinkat", (it.address, it.descriptor, it.offset)),
    39: lambda it: ("linkat", (it.descriptor, it.address, it.length, it.offset, it.given)),
}
"""Orders that change names."""


def _do_nothing(_: TracedRecording, __: Call) -> None:
    """Do nothing at one of the two stops, or for an order that changes no file."""


_nothing: Handler = _do_nothing


# io_uring


def _set_up(rec: TracedRecording, call: Call) -> None:
    ring = Ring.of(call.task, call.args[1])
    if ring.flags & SQPOLL:
        rec.give_up(call, POLLED)
    elif ring.flags >= KNOWN_FLAGS:
        rec.give_up(call, NEWER)
    else:
        is_numbered = bool(ring.flags & NUMBERED_ONLY)
        rec.rings[_key(call.task, call.result, is_numbered=is_numbered)] = ring


def _key(task: int, number: int, *, is_numbered: bool) -> tuple[int, int]:
    """Name a ring: by a descriptor of its process, or by a number of one thread, below zero."""
    number &= 0xFFFFFFFF
    return (task, -1 - number) if is_numbered else (kernel.leader(task), number)


def _register(rec: TracedRecording, call: Call) -> None:
    number, operation, address, count = call.args[:4]
    is_numbered = bool(operation & ALSO_BY_NUMBER)
    operation &= ~ALSO_BY_NUMBER
    if operation == NUMBERS:
        words = kernel.read_words(call.task, address, 2 * count)
        for place, descriptor in zip(words[::2], words[1::2], strict=True):
            found = rec.rings.get(_key(call.task, descriptor, is_numbered=False))
            if found is not None:
                rec.rings[_key(call.task, place, is_numbered=True)] = found
        return
    ring = rec.rings.get(_key(call.task, number, is_numbered=is_numbered))
    if ring is None:
        return  # the message comes with its first order
    if operation == RESIZE:
        rec.give_up(call, NEWER)
    if operation in (FILES, FILES_2, NO_FILES):
        ring.files.clear()
    first, array = 0, address
    if operation == FILES_2:
        count, _, array = kernel.read_words(call.task, address, 3)
    elif operation in (UPDATE, UPDATE_2):
        first, array, _, also = kernel.read_words(call.task, address, 4)
        count = also if operation == UPDATE_2 else count
    if operation in (FILES, FILES_2, UPDATE, UPDATE_2) and array:
        data = kernel.read_memory(call.task, array, 4 * (count & 0xFFFFFFFF))
        for n in range(0, len(data), 4):
            descriptor = int.from_bytes(data[n : n + 4], "little")
            ring.files[(first & 0xFFFFFFFF) + n // 4] = _file(rec, call.task, descriptor)


def _begin_enter(rec: TracedRecording, call: Call) -> None:
    number, count, _, flags = call.args[:4]
    ring = rec.rings.get(_key(call.task, number, is_numbered=bool(flags & BY_NUMBER)))
    if ring is None:
        if count:
            rec.give_up(call, NO_RING)
        return
    ring.task, before = call.task, None
    for entry in ring.submitted(count):
        ordered = _order(rec, ring, call, entry)
        ordered.after, ordered.drains = before, bool(entry.flags & DRAINS)
        before = ordered if entry.flags & LINKS else None
        ring.give(ordered)


def _enter(rec: TracedRecording, call: Call) -> None:
    number, flags = call.args[0], call.args[3]
    ring = rec.rings.get(_key(call.task, number, is_numbered=bool(flags & BY_NUMBER)))
    if ring is not None:
        ring.take_back(call.task, max(call.result, 0))
    rec.look()  # what was waited for can be read now, and perhaps not later


def _order(rec: TracedRecording, ring: Ring, call: Call, entry: Entry) -> Ordered:
    """Say which call does what is ordered, and what is noted when that has ended."""
    code, same, ends = entry.opcode, Call(call.task, "order", ()), _nothing
    if code in ON_NAMES:
        same = Call(call.task, *ON_NAMES[code](entry))
        AS_CALLS[same.name].begins(rec, same)
        ends = AS_CALLS[same.name].ends
        if code in OPENING and entry.number(44) and same.concerns:
            rec.give_up(call, NOT_KNOWN.format(opcode=code))  # it opens no descriptor
    elif code in WRITES or code in ON_FILES or code == SPLICE or code > LAST_KNOWN:
        is_fixed = entry.flags & FIXED_FILE
        named = entry.descriptor
        file = ring.files.get(named, File()) if is_fixed else _file(rec, call.task, named)
        if code in WRITES:
            length = entry.length
            if WRITES[code]:
                length = sum(kernel.read_words(call.task, entry.address, 2 * length)[1::2])
            same = Call(call.task, "write", (named, entry.address, entry.offset), length=length)
            ends = _writing(rec, ring, same, file, entry.given)
        elif file.inode is not None and (code not in ON_FILES or (code == SYNC and entry.length)):
            rec.give_up(call, NOT_KNOWN.format(opcode=code))
        elif file.inode is not None:
            same = Call(call.task, *ON_FILES[code](entry), concerns=True, inode=file.inode)
            ends = AS_CALLS[same.name].ends
    if same.concerns and entry.flags & SKIPS_SUCCESS:
        rec.give_up(call, SILENT)
    same.began = rec.next_moment
    return Ordered(entry.key, same, partial(ends, rec))


# io_submit


def _begin_submit(rec: TracedRecording, call: Call) -> None:
    number, count, pointers = call.args[:3]
    key = kernel.leader(call.task), number
    if key not in rec.contexts or not rec.contexts[key].pending:
        rec.contexts[key] = Context.of(call.task, number)
    context = rec.contexts[key]
    context.task = call.task
    for address, entry in context.submitted(count, pointers):
        code, file, ends = entry.number(16, 2), _file(rec, call.task, entry.number(20)), _nothing
        same = Call(call.task, "order", ())
        if code in AIO_WRITES:
            buffer, length, offset = (entry.number(n, 8) for n in (24, 32, 40))
            if AIO_WRITES[code]:
                length = sum(kernel.read_words(call.task, buffer, 2 * length)[1::2])
            args = entry.number(20), buffer, offset
            same = Call(call.task, "write", args, length=length)
            ends = _writing(rec, context, same, file, entry.number(12))
        elif code in AIO_SYNCS and file.inode is not None:
            name = AIO_SYNCS[code]
            same = Call(call.task, name, args=(entry.number(20),), concerns=True, inode=file.inode)
            ends = AS_CALLS[name].ends
        same.began = rec.next_moment
        context.give(Ordered(address, same, partial(ends, rec)))


def _submit(rec: TracedRecording, call: Call) -> None:
    context = rec.contexts.get((kernel.leader(call.task), call.args[0]))
    if context is not None:
        context.take_back(call.task, max(call.result, 0))


# Both


def _file(rec: TracedRecording, task: int, descriptor: int) -> File:
    """Say which file of the tree a descriptor stands for, and let its bytes be read later."""
    inode = rec.inode(task, descriptor)
    if inode is None:
        return File()
    if inode not in rec.sources and not rec.tree.is_directory(inode):
        try:
            rec.sources[inode] = os.open(procfs.file_at(task, descriptor), os.O_RDONLY)
        except OSError:
            name = rec.tree.name_of(inode)
            rec.give_up("an order", durability.UNREADABLE.format(name=name))
    return File(inode, procfs.position_and_flags(task, descriptor)[1])


def _writing(rec: TracedRecording, memory: Memory, call: Call, file: File, given: int) -> Handler:
    """Return what is noted of a write when it has ended: to the tree, as a reply, or elsewhere."""
    descriptor, buffer, offset = call.args
    if file.inode is None:
        key = procfs.key_of(call.task, descriptor)
        if key is not None and rec.streams.get(key) is Stream.REPLIES:
            said = kernel.read_memory(call.task, buffer, call.length)
            return lambda _, it: rec.note_reply(it, said[: it.result])
        name = procfs.name_of(call.task, descriptor)
        return lambda _, __: rec.note_outside(name)
    flags = file.flags
    if given & RWF_SYNC:
        flags |= os.O_SYNC
    elif given & RWF_DSYNC:
        flags |= os.O_DSYNC
    if given & RWF_APPEND:
        flags |= os.O_APPEND
    if offset == HERE and not flags & os.O_APPEND:
        ahead = (each.call.length for each in memory.pending if each.call.inode == file.inode)
        offset = procfs.position_and_flags(call.task, descriptor)[0] + sum(ahead)
    call.inode, call.concerns, call.args = file.inode, call.length > 0, (descriptor, offset, flags)
    return _written


def _written(rec: TracedRecording, call: Call) -> None:
    _, offset, flags = call.args
    assert call.inode is not None
    if flags & os.O_APPEND:
        offset = rec.tree.size(call.inode)
    if call.inode in rec.sources:
        data = os.pread(rec.sources[call.inode], call.result, offset)
        rec.written(call, call.inode, offset, data, flags)


HANDLERS: Mapping[str, Handling] = {
    "io_uring_setup": Handling(_nothing, _set_up),
    "io_uring_register": Handling(_nothing, _register),
    "io_uring_enter": Handling(_begin_enter, _enter),
    "io_submit": Handling(_begin_submit, _submit),
    # the last moments at which completions can be read
    **dict.fromkeys(("io_destroy", "exit_group"), Handling(_nothing, _nothing)),
}
