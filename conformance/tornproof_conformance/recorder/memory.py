"""
Detect file changes that no system call shows.

A process that has mapped a file and may write to the memory changes it without a
word.  An io_uring takes its orders through memory, too.  Nothing can be said of a
program that does so to its data.  Some files are known not to matter: nobody reads
them after a crash.
"""

import re
from collections.abc import Mapping

from tornproof_conformance.recorder import arguments
from tornproof_conformance.recorder.lines import Call
from tornproof_conformance.recorder.processes import Task
from tornproof_conformance.recorder.recording import Handler, Recording

HARMLESS: Mapping[str, re.Pattern[str]] = {
    "the shared memory of SQLite's WAL, rebuilt after a crash": re.compile(r".*-shm"),
    "a region file of Berkeley DB, made anew by recovery": re.compile(r"__db\.\d+"),
    "LMDB's table of readers, empty after a crash": re.compile(r"lock\.mdb|.*-lock"),
}
"""Names of files that are mapped and whose content nobody needs after a crash."""

MAPPED = "maps {name} as writable shared memory, so what it changes there cannot be seen"
RING = "io_uring takes its orders through memory, so what it does cannot be seen"
ASYNCHRONOUS = "io_submit writes at a time of its own choosing, which cannot be seen"


def _mmap(recording: Recording, task: Task, call: Call) -> None:
    protection, kind = (arguments.flags(text) for text in call.arguments[2:4])
    if kind.isdisjoint({"MAP_SHARED", "MAP_SHARED_VALIDATE"}):
        return
    description = task.describe(arguments.descriptor(call.arguments[4]))
    if description is None or description.inode is None or not description.is_writable:
        return
    if "PROT_WRITE" in protection:
        _mapped(recording, call, description.inode)
    else:
        start = arguments.number(call.result)
        end = start + arguments.number(call.arguments[1])
        recording.shared_maps.append((start, end, description.inode))


def _mprotect(recording: Recording, _: Task, call: Call) -> None:
    if "PROT_WRITE" not in arguments.flags(call.arguments[2]):
        return
    start = arguments.number(call.arguments[0])
    end = start + arguments.number(call.arguments[1])
    for mapped, until, inode in recording.shared_maps:
        if start < until and mapped < end:
            _mapped(recording, call, inode)


def _mapped(recording: Recording, call: Call, inode: int) -> None:
    name = recording.tree.name_of(inode)
    for reason, pattern in HARMLESS.items():
        if pattern.fullmatch(name):
            recording.tree.harmless.add(inode)
            recording.warn(f"{name} is mapped and may change unseen; harmless: it is {reason}")
            return
    recording.give_up(call, MAPPED.format(name=name))


def _ring(recording: Recording, _: Task, call: Call) -> None:
    recording.give_up(call, RING)


def _submit(recording: Recording, _: Task, call: Call) -> None:
    recording.give_up(call, ASYNCHRONOUS)


HANDLERS: Mapping[str, Handler] = {
    "mmap": _mmap,
    "mprotect": _mprotect,
    "io_uring_setup": _ring,
    "io_submit": _submit,
}
