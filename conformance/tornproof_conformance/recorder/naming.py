"""
Calls that change names.
"""

from collections.abc import Mapping

from tornproof_models.disk.trace import Exchange, Link, MakeDirectory, Rename, Unlink

from tornproof_conformance.recorder import arguments
from tornproof_conformance.recorder.lines import Call
from tornproof_conformance.recorder.opening import make_file, path_at, path_here
from tornproof_conformance.recorder.processes import Task
from tornproof_conformance.recorder.recording import Handler, Recording

MOVED_IN = (
    "{path} came from outside the directory, so what is in it was not recorded; let the "
    "program make its temporary files below the directory (TMPDIR)"
)
WHITEOUT = "leaves a whiteout, which a trace cannot hold"
SYMBOLIC = "makes a symbolic link, which a trace cannot hold"


def _pair(task: Task, call: Call) -> tuple[str, str]:
    """Resolve the two paths of a call that takes them with or without directories."""
    given = call.arguments
    if call.name.endswith(("at", "at2")):
        return path_at(task, given[0], given[1]), path_at(task, given[2], given[3])
    return path_here(task, given[0]), path_here(task, given[1])


def _single(task: Task, call: Call) -> str:
    """Resolve the path of a call that takes one with or without a directory."""
    given = call.arguments
    return path_at(task, *given[:2]) if call.name.endswith("at") else path_here(task, given[0])


def _rename(recording: Recording, task: Task, call: Call) -> None:
    tree = recording.tree
    flags = arguments.flags(call.arguments[-1]) if call.name == "renameat2" else frozenset()
    if "RENAME_WHITEOUT" in flags:
        recording.give_up(call, WHITEOUT)
        return
    source, target = _pair(task, call)
    inode, replaced = tree.find(source), tree.find(target)
    origin, place = tree.place(source), tree.place(target)
    if place is None and origin is None:
        if source in recording.outside:
            del recording.outside[source]
            recording.outside[target] = None
        return
    if "RENAME_EXCHANGE" in flags:
        if origin is None or place is None or inode is None or replaced is None:
            recording.give_up(call, MOVED_IN.format(path=target if origin else source))
            return
        tree.names[origin[0]][origin[1]], tree.names[place[0]][place[1]] = replaced, inode
        recording.note(call, Exchange(*origin, *place))
        recording.touch(origin[0])
        recording.touch(place[0])
    elif place is None:
        recording.warn(f"{source} was moved out of the directory")
        _unlinked(recording, call, source)
    elif origin is None or inode is None:
        recording.give_up(call, MOVED_IN.format(path=source))
    elif inode != replaced:
        del tree.names[origin[0]][origin[1]]
        tree.names[place[0]][place[1]] = inode
        recording.note(call, Rename(*origin, *place))
        recording.touch(origin[0])
        recording.touch(place[0])


def _link(recording: Recording, task: Task, call: Call) -> None:
    source, target = _pair(task, call)
    place = recording.tree.place(target)
    if place is None:
        return
    inode = recording.tree.find(source)
    if inode is None:
        recording.give_up(call, MOVED_IN.format(path=source))
        return
    recording.tree.names[place[0]][place[1]] = inode
    recording.note(call, Link(*place, inode))
    recording.touch(place[0])


def _unlink(recording: Recording, task: Task, call: Call) -> None:
    _unlinked(recording, call, _single(task, call))


def _unlinked(recording: Recording, call: Call, path: str) -> None:
    place = recording.tree.place(path)
    if place is None or place[1] not in recording.tree.names[place[0]]:
        return
    del recording.tree.names[place[0]][place[1]]
    recording.note(call, Unlink(*place))
    recording.touch(place[0])


def _mkdir(recording: Recording, task: Task, call: Call) -> None:
    place = recording.tree.place(_single(task, call))
    if place is not None:
        inode = recording.tree.new_inode()
        recording.tree.names[place[0]][place[1]] = inode
        recording.tree.names[inode] = {}
        recording.note(call, MakeDirectory(*place, inode))


def _mknod(recording: Recording, task: Task, call: Call) -> None:
    path = _single(task, call)
    mode = call.arguments[2 if call.name.endswith("at") else 1]
    is_file = arguments.flags(mode).isdisjoint({"S_IFIFO", "S_IFSOCK", "S_IFCHR", "S_IFBLK"})
    if is_file and recording.tree.place(path):
        make_file(recording, call, path)


def _symlink(recording: Recording, task: Task, call: Call) -> None:
    target = path_here(task, call.arguments[-1])
    if call.name == "symlinkat":
        target = path_at(task, call.arguments[1], call.arguments[2])
    if recording.tree.holds(target):
        recording.give_up(call, SYMBOLIC)


HANDLERS: Mapping[str, Handler] = {
    "rename": _rename,
    "renameat": _rename,
    "renameat2": _rename,
    "link": _link,
    "linkat": _link,
    "unlink": _unlink,
    "unlinkat": _unlink,
    "rmdir": _unlink,
    "mkdir": _mkdir,
    "mkdirat": _mkdir,
    "mknod": _mknod,
    "mknodat": _mknod,
    "symlink": _symlink,
    "symlinkat": _symlink,
}
