"""
Calls that open, close and pass on files, and that start processes.
"""

from collections.abc import Mapping

from tornproof_models.disk.trace import Create, Truncate

from tornproof_conformance.recorder import arguments
from tornproof_conformance.recorder.content import FileContent
from tornproof_conformance.recorder.lines import Call
from tornproof_conformance.recorder.processes import Description, Descriptor, Task
from tornproof_conformance.recorder.recording import Handler, Recording

TEMPORARY = "O_TMPFILE makes a file without a name, which a trace cannot hold"
UNKNOWN = "opened {path}, which nothing in the recording has made: a link, a pipe or a socket?"


def path_at(task: Task, directory: str, path: str) -> str:
    """Resolve a path that is relative to a directory's descriptor."""
    base = arguments.path_of_descriptor(directory) or task.working_directory.path
    return arguments.resolve(base, arguments.path(path))


def path_here(task: Task, path: str) -> str:
    """Resolve a path that is relative to the working directory."""
    return arguments.resolve(task.working_directory.path, arguments.path(path))


# Opening


def _open(recording: Recording, task: Task, call: Call) -> None:
    given = arguments.flags(call.arguments[1])
    _opened(recording, task, call, path_here(task, call.arguments[0]), given)


def _creat(recording: Recording, task: Task, call: Call) -> None:
    given = frozenset({"O_WRONLY", "O_CREAT", "O_TRUNC"})
    _opened(recording, task, call, path_here(task, call.arguments[0]), given)


def _openat(recording: Recording, task: Task, call: Call) -> None:
    path = path_at(task, call.arguments[0], call.arguments[1])
    _opened(recording, task, call, path, arguments.flags(call.arguments[2]))


def _openat2(recording: Recording, task: Task, call: Call) -> None:
    path = path_at(task, call.arguments[0], call.arguments[1])
    fields = call.arguments[2].strip("{}").split(", ")
    given = next(each.removeprefix("flags=") for each in fields if each.startswith("flags="))
    _opened(recording, task, call, path, arguments.flags(given))


def _opened(
    recording: Recording, task: Task, call: Call, asked: str, given: frozenset[str]
) -> None:
    number = arguments.descriptor(call.result)
    path = arguments.path_of_descriptor(call.result) or asked
    tree = recording.tree
    task.descriptors.pop(number, None)
    if not tree.holds(path):
        return
    if "O_TMPFILE" in given:
        recording.give_up(call, TEMPORARY)
        return
    inode = tree.find(path)
    if inode is None and "O_CREAT" in given and tree.place(path):
        inode = make_file(recording, call, path)
    elif inode is None:
        recording.give_up(call, UNKNOWN.format(path=path))
        return
    elif "O_TRUNC" in given and tree.size(inode):
        tree.resize(inode, 0)
        recording.note(call, Truncate(inode, 0))
    description = Description(
        inode,
        is_appending="O_APPEND" in given,
        is_writable=not given.isdisjoint({"O_WRONLY", "O_RDWR"}),
        is_synced=not given.isdisjoint({"O_SYNC", "O_DSYNC"}),
        is_data_synced="O_SYNC" not in given,
    )
    task.descriptors[number] = Descriptor(description, "O_CLOEXEC" in given)


def make_file(recording: Recording, call: Call, path: str) -> int:
    """Note that a file was made, and return its inode."""
    place = recording.tree.place(path)
    assert place is not None
    directory, name = place
    inode = recording.tree.new_inode()
    recording.tree.names[directory][name] = inode
    recording.tree.contents[inode] = FileContent()
    recording.note(call, Create(directory, name, inode))
    return inode


# Descriptors


def _close(_: Recording, task: Task, call: Call) -> None:
    task.descriptors.pop(arguments.descriptor(call.arguments[0]), None)


def _close_range(_: Recording, task: Task, call: Call) -> None:
    first, last = (arguments.number(text) for text in call.arguments[:2])
    given = arguments.flags(call.arguments[2])
    if "CLOSE_RANGE_UNSHARE" in given:
        task.unshare()
    for number in [each for each in task.descriptors if first <= each <= last]:
        if "CLOSE_RANGE_CLOEXEC" in given:
            task.descriptors[number].closes_on_exec = True
        else:
            del task.descriptors[number]


def _dup(_: Recording, task: Task, call: Call) -> None:
    _duplicate(task, call, closes_on_exec=False)


def _dup2(_: Recording, task: Task, call: Call) -> None:
    if arguments.descriptor(call.arguments[0]) != arguments.descriptor(call.result):
        _duplicate(task, call, closes_on_exec="O_CLOEXEC" in call.arguments[2:])


def _duplicate(task: Task, call: Call, *, closes_on_exec: bool) -> None:
    number = arguments.descriptor(call.result)
    description = task.describe(arguments.descriptor(call.arguments[0]))
    task.descriptors.pop(number, None)
    if description is not None:
        task.descriptors[number] = Descriptor(description, closes_on_exec)


def _fcntl(_: Recording, task: Task, call: Call) -> None:
    number, command = arguments.descriptor(call.arguments[0]), call.arguments[1]
    if command in ("F_DUPFD", "F_DUPFD_CLOEXEC"):
        _duplicate(task, call, closes_on_exec=command == "F_DUPFD_CLOEXEC")
    elif (found := task.descriptors.get(number)) is None:
        return
    elif command == "F_SETFD":
        found.closes_on_exec = "FD_CLOEXEC" in call.arguments[2]
    elif command == "F_SETFL":
        found.description.is_appending = "O_APPEND" in arguments.flags(call.arguments[2])


# Processes


def _execve(_: Recording, task: Task, __: Call) -> None:
    task.execute()


def _chdir(_: Recording, task: Task, call: Call) -> None:
    task.working_directory.path = path_here(task, call.arguments[0])


def _fchdir(_: Recording, task: Task, call: Call) -> None:
    path = arguments.path_of_descriptor(call.arguments[0])
    if path is not None:
        task.working_directory.path = path


def _unshare(_: Recording, task: Task, call: Call) -> None:
    if "CLONE_FILES" in arguments.flags(call.arguments[0]):
        task.unshare()


HANDLERS: Mapping[str, Handler] = {
    "open": _open,
    "creat": _creat,
    "openat": _openat,
    "openat2": _openat2,
    "close": _close,
    "close_range": _close_range,
    "dup": _dup,
    "dup2": _dup2,
    "dup3": _dup2,
    "fcntl": _fcntl,
    "execve": _execve,
    "execveat": _execve,
    "chdir": _chdir,
    "fchdir": _fchdir,
    "unshare": _unshare,
}
