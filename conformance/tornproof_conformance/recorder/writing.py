"""
Calls that change the content of files or the position in them.
"""

from collections.abc import Mapping

from tornproof_models.disk.trace import PartialSync, Truncate, Write

from tornproof_conformance.recorder import arguments
from tornproof_conformance.recorder.lines import Call
from tornproof_conformance.recorder.opening import path_here
from tornproof_conformance.recorder.processes import Description, Stream, Task
from tornproof_conformance.recorder.recording import Handler, Recording

FOREIGN_SOURCE = "copies bytes into a data file that never pass through the process"
UNKNOWN_REQUEST = "{request} was asked of {name}, and what that changes is not known"
EXTENTS = "moves parts of a file against each other, which a trace cannot hold"

RANGE = ("src_offset", "src_length", "dest_offset")
"""What a range of extents is cloned from and to, in bytes; no length is up to the end."""

HARMLESS_REQUESTS = frozenset(
    {
        "FIBMAP",
        "FIDEDUPERANGE",
        "FIGETBSZ",
        "FIONREAD",
        "FS_IOC_FIEMAP",
        "FS_IOC_FSGETXATTR",
        "FS_IOC_GETFLAGS",
        "FS_IOC_GETVERSION",
        "FS_IOC_SETFLAGS",
        "TCGETS",
    }
)
"""What may be asked of a file by `ioctl` and changes nothing of what it holds (ioctl_list(2))."""


def _described(task: Task, text: str) -> Description | None:
    return task.describe(arguments.descriptor(text))


# Reading: what matters is where the position is, and what was asked


def _read(recording: Recording, task: Task, call: Call) -> None:
    description = _described(task, call.arguments[0])
    if description is None:
        return
    count = arguments.number(call.result)
    description.position += count
    if description.stream is Stream.REQUESTS and count:
        buffers = call.arguments[1]
        data = arguments.vector(buffers) if call.name == "readv" else arguments.string(buffers)
        recording.note_request(call, data[:count])


def _lseek(_: Recording, task: Task, call: Call) -> None:
    description = _described(task, call.arguments[0])
    if description is not None:
        description.position = arguments.number(call.result)


# Writing


def _write(recording: Recording, task: Task, call: Call) -> None:
    description = _described(task, call.arguments[0])
    if description is None:
        recording.note_outside(arguments.path_of_descriptor(call.arguments[0]))
        return
    buffers, count = call.arguments[1], arguments.number(call.result)
    if not count:
        return  # nothing was written, and the buffer may be none
    data = arguments.vector(buffers) if call.name == "writev" else arguments.string(buffers)
    if description.stream is Stream.REPLIES:
        recording.note_reply(call, data[:count])
    elif description.inode is not None:
        offset = _offset(recording, description, None)
        put(recording, call, description, offset, data[:count])
        description.position = offset + count


def _pwrite(recording: Recording, task: Task, call: Call) -> None:
    description = _described(task, call.arguments[0])
    if description is None or description.inode is None:
        recording.note_outside(arguments.path_of_descriptor(call.arguments[0]))
        return
    if call.result == "0":
        return
    has_vector = call.name != "pwrite64"
    data = (arguments.vector if has_vector else arguments.string)(call.arguments[1])
    given = arguments.flags(call.arguments[4]) if len(call.arguments) > 4 else frozenset()
    asked = arguments.number(call.arguments[3])
    count = arguments.number(call.result)
    where = None if asked == -1 else asked
    if "RWF_APPEND" in given:
        where = recording.tree.size(description.inode)
    offset = _offset(recording, description, where)
    put(recording, call, description, offset, data[:count], given)
    if asked == -1:
        description.position = offset + count


def _offset(recording: Recording, description: Description, where: int | None) -> int:
    """Return where a write goes: Linux appends wherever the position, with O_APPEND."""
    assert description.inode is not None
    if description.is_appending:
        return recording.tree.size(description.inode)
    return description.position if where is None else where


def put(
    recording: Recording,
    call: Call,
    description: Description,
    offset: int,
    data: bytes,
    flags: frozenset[str] = frozenset(),
) -> None:
    """Note that bytes were written, and that they are durable if the file was opened so."""
    assert description.inode is not None
    if not data:
        return
    recording.tree.write(description.inode, offset, data)
    recording.note(call, Write(description.inode, offset, data))
    if description.is_synced or not flags.isdisjoint({"RWF_DSYNC", "RWF_SYNC"}):
        full = "RWF_SYNC" in flags or (description.is_synced and not description.is_data_synced)
        end = offset + len(data)
        recording.note(call, PartialSync(description.inode, offset, end, 0, data_only=not full))


# Copying


def _copy_file_range(recording: Recording, task: Task, call: Call) -> None:
    source, target = (_described(task, call.arguments[n]) for n in (0, 2))
    starts = [arguments.pointed_number(call.arguments[n]) for n in (1, 3)]
    _copy(recording, call, source, starts[0], target, starts[1])


def _sendfile(recording: Recording, task: Task, call: Call) -> None:
    target, source = (_described(task, call.arguments[n]) for n in (0, 1))
    start = arguments.pointed_number(call.arguments[2])
    _copy(recording, call, source, start, target, None)


def _copy(
    recording: Recording,
    call: Call,
    source: Description | None,
    source_start: int | None,
    target: Description | None,
    target_start: int | None,
) -> None:
    count = arguments.number(call.result)
    start = source_start
    if source is not None and start is None:
        start, source.position = source.position, source.position + count
    if target is None or target.inode is None or not count:
        return
    if source is None or source.inode is None or start is None:
        recording.give_up(call, FOREIGN_SOURCE)
        return
    offset = _offset(recording, target, target_start)
    data = recording.tree.contents[source.inode][start : start + count]
    put(recording, call, target, offset, data)
    if target_start is None:
        target.position = offset + count


def _ioctl(recording: Recording, task: Task, call: Call) -> None:
    """Clone extents, which is a copy; any other request is known to change nothing, or unknown."""
    target = _described(task, call.arguments[0])
    names = set(call.arguments[1].split(" or "))  # some numbers have two names
    if names & {"FIOCLEX", "FIONCLEX"} and (
        found := task.descriptors.get(arguments.descriptor(call.arguments[0]))
    ):
        found.closes_on_exec = "FIOCLEX" in names
        return
    if target is None or target.inode is None or names & HARMLESS_REQUESTS:
        return
    if "FICLONE" in names:
        _clone(recording, call, _described(task, call.arguments[2]), target, 0, 0, 0)
    elif "FICLONERANGE" in names:
        fields = dict(each.split("=", 1) for each in call.arguments[2].strip("{}").split(", "))
        source = _described(task, fields["src_fd"])
        place = (arguments.number(fields[name]) for name in RANGE)
        _clone(recording, call, source, target, *place)
    else:
        name = recording.tree.name_of(target.inode)
        recording.give_up(call, UNKNOWN_REQUEST.format(request=call.arguments[1], name=name))


def _clone(
    recording: Recording,
    call: Call,
    source: Description | None,
    target: Description,
    start: int,
    length: int,
    offset: int,
) -> None:
    """Share part of a file's extents, up to its end for no length; positions stay."""
    if source is None or source.inode is None:
        recording.give_up(call, FOREIGN_SOURCE)
        return
    content = recording.tree.contents[source.inode]
    end = start + length if length else len(content)
    put(recording, call, target, offset, content[start:end])


def _splice(recording: Recording, task: Task, call: Call) -> None:
    source, target = (_described(task, call.arguments[n]) for n in (0, 2))
    if source is not None and call.arguments[1] == "NULL":
        source.position += arguments.number(call.result)
    if target is not None and target.inode is not None and call.result != "0":
        recording.give_up(call, FOREIGN_SOURCE)


# Sizes


def _ftruncate(recording: Recording, task: Task, call: Call) -> None:
    description = _described(task, call.arguments[0])
    if description is not None and description.inode is not None:
        _resize(recording, call, description.inode, arguments.number(call.arguments[1]))


def _truncate(recording: Recording, task: Task, call: Call) -> None:
    inode = recording.tree.find(path_here(task, call.arguments[0]))
    if inode is not None:
        _resize(recording, call, inode, arguments.number(call.arguments[1]))


def _resize(recording: Recording, call: Call, inode: int, size: int) -> None:
    recording.tree.resize(inode, size)
    recording.note(call, Truncate(inode, size))


def _fallocate(recording: Recording, task: Task, call: Call) -> None:
    description = _described(task, call.arguments[0])
    if description is None or description.inode is None:
        return
    mode = arguments.flags(call.arguments[1])
    start, length = (arguments.number(text) for text in call.arguments[2:4])
    size, end = recording.tree.size(description.inode), start + length
    if not mode.isdisjoint({"FALLOC_FL_COLLAPSE_RANGE", "FALLOC_FL_INSERT_RANGE"}):
        recording.give_up(call, EXTENTS)
        return
    if not mode.isdisjoint({"FALLOC_FL_PUNCH_HOLE", "FALLOC_FL_ZERO_RANGE"}) and start < size:
        put(recording, call, description, start, bytes(min(end, size) - start))
    if "FALLOC_FL_KEEP_SIZE" not in mode and end > size:
        _resize(recording, call, description.inode, end)


HANDLERS: Mapping[str, Handler] = {
    "read": _read,
    "readv": _read,
    "lseek": _lseek,
    "write": _write,
    "writev": _write,
    "pwrite64": _pwrite,
    "pwritev": _pwrite,
    "pwritev2": _pwrite,
    "copy_file_range": _copy_file_range,
    "ioctl": _ioctl,
    "sendfile": _sendfile,
    "splice": _splice,
    "ftruncate": _ftruncate,
    "truncate": _truncate,
    "fallocate": _fallocate,
}
