"""
Calls that create, change and remove names.
"""

import os
import stat
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from tornproof_models.disk.trace import (
    NAMELESS,
    Create,
    Exchange,
    Link,
    MakeDirectory,
    Rename,
    Unlink,
)

from tornproof_conformance.recorder import attributes
from tornproof_conformance.recorder.content import FileContent
from tornproof_conformance.recorder.ptrace import kernel
from tornproof_conformance.recorder.ptrace.calls import O_CREAT, O_TRUNC
from tornproof_conformance.recorder.ptrace.listening import Handling, TracedRecording
from tornproof_conformance.recorder.ptrace.procfs import AT_FDCWD, Key, key_of, path_of
from tornproof_conformance.recorder.ptrace.tracer import Call

RENAME_EXCHANGE, RENAME_WHITEOUT = 2, 4

MOVED_IN = (
    "{path} came from outside the directory, so what is in it was not recorded; let the "
    "program make its temporary files below the directory (TMPDIR)"
)
WHITEOUT = "leaves a whiteout, which a trace cannot hold"
POINTS_INSIDE = (
    "{path} is a symbolic link to something in the directory, and a trace holds no such links"
)
LEFT_OUT = "{path} is a symbolic link; links are left out of what a crash leaves"


# Opening


def _begin_open(rec: TracedRecording, call: Call) -> None:
    directory, address, flags = AT_FDCWD, call.args[0], call.args[1]
    if call.name == "creat":
        flags = O_CREAT | O_TRUNC
    elif call.name == "openat":
        directory, address, flags = call.args[:3]
    elif call.name == "openat2":
        directory, address = call.args[:2]
        flags = kernel.read_words(call.task, call.args[2], 1)[0]
    path = path_of(call.task, directory, address, follows=not flags & os.O_EXCL)
    call.paths, call.length = (path,), 0
    if not rec.tree.holds(path):
        return
    inode = rec.tree.find(path)
    if flags & os.O_TMPFILE == os.O_TMPFILE:
        call.inode = None
    elif inode is None:
        call.concerns = bool(flags & O_CREAT)
    elif flags & O_TRUNC and not rec.tree.is_directory(inode):
        call.inode, call.concerns = inode, rec.tree.size(inode) > 0


def _open(rec: TracedRecording, call: Call) -> None:
    path, key = call.paths[0], key_of(call.task, call.result)  # none of a thread that was killed
    if not rec.tree.holds(path):
        return
    if not call.concerns:
        named = rec.tree.find(path)
        is_new = named is not None and rec.tree.is_directory(named) and key not in rec.inodes
        if key is not None and is_new:  # O_TMPFILE names the directory in which it is made
            inode = rec.tree.new_inode()
            rec.tree.names[NAMELESS][_nameless(inode)] = inode
            rec.tree.contents[inode] = FileContent()
            rec.inodes[key] = inode
            rec.note(call, Create(NAMELESS, _nameless(inode), inode))
        return
    if call.inode is not None:
        rec.resized(call, call.inode, 0)
    else:
        _made(rec, call, path, key, is_directory=False)


def _nameless(inode: int) -> str:
    """Name a file that has no name, in the directory that no path leads to."""
    return f"#{inode}"


def _has_opened(rec: TracedRecording, call: Call) -> bool:
    if call.inode is not None:
        return _is_there(call.paths[0]) and not Path(call.paths[0]).stat().st_size
    return _appeared(rec, call)


def _is_there(path: str) -> bool:
    return os.path.lexists(path)


def _appeared(rec: TracedRecording, call: Call) -> bool:
    """Tell whether a name is there that was not: the last that a call names."""
    place = rec.tree.place(call.paths[-1])
    is_known = place in rec.links or rec.tree.find(call.paths[-1]) is not None
    return not is_known and _is_there(call.paths[-1])


def _vanished(rec: TracedRecording, call: Call) -> bool:
    """Tell whether a name is gone: the first that a call names."""
    del rec
    return not _is_there(call.paths[0])


def _made(
    rec: TracedRecording, call: Call, path: str, key: Key | None, *, is_directory: bool
) -> None:
    place = rec.tree.place(path)
    if place is None or place[1] in rec.tree.names[place[0]]:
        return
    inode = rec.tree.new_inode()
    rec.tree.names[place[0]][place[1]] = inode
    if is_directory:
        rec.tree.names[inode] = {}
        rec.note(call, MakeDirectory(*place, inode))
    else:
        rec.tree.contents[inode] = FileContent()
        rec.note(call, Create(*place, inode))
    if key is None:
        rec.learn(path, inode)
    else:
        rec.inodes[key] = inode
        with suppress(OSError):
            rec.tree.take_attributes_of(path, inode)
    rec.renamed()


# One path


def _begin_one(rec: TracedRecording, call: Call) -> None:
    is_at = call.name.endswith("at")
    path = path_of(call.task, call.args[0] if is_at else AT_FDCWD, call.args[int(is_at)])
    place = rec.tree.place(path)
    is_there = place is not None and (place in rec.links or rec.tree.find(path) is not None)
    call.paths = (path,)
    call.concerns = place is not None and is_there is call.name.startswith(("unlink", "rmdir"))


def _mkdir(rec: TracedRecording, call: Call) -> None:
    if call.concerns:
        _made(rec, call, call.paths[0], None, is_directory=True)


def _mknod(rec: TracedRecording, call: Call) -> None:
    mode = call.args[2 if call.name.endswith("at") else 1]
    if call.concerns and stat.S_IFMT(mode) in (0, stat.S_IFREG):
        _made(rec, call, call.paths[0], None, is_directory=False)


def _unlink(rec: TracedRecording, call: Call) -> None:
    _unlinked(rec, call, call.paths[0])


def _unlinked(rec: TracedRecording, call: Call, path: str) -> None:
    place = rec.tree.place(path)
    if place is None:
        return
    rec.links.discard(place)
    inode = rec.tree.names[place[0]].pop(place[1], None)
    if inode is None:
        return
    rec.note(call, Unlink(*place))
    rec.touch(place[0])
    rec.renamed()
    rec.unnamed(inode)


# Two paths


def _begin_two(rec: TracedRecording, call: Call) -> None:
    pairs: tuple[tuple[int, int], ...]
    if call.name in ("rename", "link"):
        pairs = ((AT_FDCWD, call.args[0]), (AT_FDCWD, call.args[1]))
    else:
        pairs = ((call.args[0], call.args[1]), (call.args[2], call.args[3]))
    call.paths = tuple(path_of(call.task, *pair) for pair in pairs)
    source = rec.tree.place(call.paths[0])
    is_there = source in rec.links or rec.tree.find(call.paths[0]) is not None
    call.concerns = is_there or (source is None and rec.tree.holds(call.paths[1]))


def _rename(rec: TracedRecording, call: Call) -> None:
    source, target = call.paths
    origin, place = rec.tree.place(source), rec.tree.place(target)
    if origin is None and place is None:
        if source in rec.outside:
            del rec.outside[source]
            rec.outside[target] = None
        return
    flags = call.args[4] if call.name == "renameat2" else 0
    if flags & RENAME_WHITEOUT:
        rec.give_up(call, WHITEOUT)
        return
    inode, replaced = rec.tree.find(source), rec.tree.find(target)
    if flags & RENAME_EXCHANGE:
        if origin is None or place is None or inode is None or replaced is None:
            rec.give_up(call, MOVED_IN.format(path=target if origin else source))
            return
        rec.tree.names[origin[0]][origin[1]] = replaced
        rec.tree.names[place[0]][place[1]] = inode
        rec.note(call, Exchange(*origin, *place))
        rec.touch(origin[0])
        rec.touch(place[0])
        rec.renamed()
    elif origin in rec.links and place is not None:
        rec.links.discard(origin)
        _unlinked(rec, call, target)
        rec.links.add(place)
    elif place is None:
        rec.warn(f"{source} was moved out of the directory")
        _unlinked(rec, call, source)
    elif origin is None or inode is None:
        rec.give_up(call, MOVED_IN.format(path=source))
    elif inode != replaced:
        rec.links.discard(place)
        del rec.tree.names[origin[0]][origin[1]]
        rec.tree.names[place[0]][place[1]] = inode
        rec.note(call, Rename(*origin, *place))
        rec.touch(origin[0])
        rec.touch(place[0])
        rec.renamed()
        if replaced is not None:
            rec.unnamed(replaced)


def _link(rec: TracedRecording, call: Call) -> None:
    place = rec.tree.place(call.paths[1])
    if place is None:
        return
    found = Path(call.paths[1]).lstat()
    key = found.st_dev, found.st_ino
    inode = rec.inodes.get(key)
    if stat.S_ISLNK(found.st_mode):
        rec.links.add(place)
    elif inode is None:
        rec.give_up(call, MOVED_IN.format(path=call.paths[0]))
    elif (nameless := _nameless(inode)) in rec.tree.names[NAMELESS]:
        del rec.tree.names[NAMELESS][nameless]
        rec.tree.names[place[0]][place[1]] = inode
        rec.note(call, Rename(NAMELESS, nameless, *place))
        rec.touch(place[0])
        rec.renamed()
    else:
        rec.tree.names[place[0]][place[1]] = inode
        rec.note(call, Link(*place, inode))
        rec.touch(place[0])
        rec.renamed()


def _begin_symlink(rec: TracedRecording, call: Call) -> None:
    is_at = call.name == "symlinkat"
    directory, address = (call.args[1], call.args[2]) if is_at else (AT_FDCWD, call.args[1])
    path = path_of(call.task, directory, address)
    call.paths, call.concerns = (path,), rec.tree.holds(path)


def _symlink(rec: TracedRecording, call: Call) -> None:
    path = call.paths[0]
    place = rec.tree.place(path)
    if place is None:
        return
    if rec.tree.links is None:
        rec.links.add(place)
        return
    target = str(Path(path).readlink())
    _made(rec, call, path, None, is_directory=False)
    rec.tree.links[rec.tree.names[place[0]][place[1]]] = target


def judge_links(rec: TracedRecording) -> None:
    """Say of the symbolic links that are still there what it means that a trace holds none."""
    directories = {inode: path for path, inode in rec.tree.paths()}
    for directory, name in rec.links:
        path = f"{directories.get(directory, '')}/{name}"
        if rec.tree.holds(os.path.realpath(f"{rec.tree.root}{path}")):
            rec.give_up("symlink", POINTS_INSIDE.format(path=path))
        else:
            rec.warn(LEFT_OUT.format(path=path))


# Attributes


def _begin_path_attribute(rec: TracedRecording, call: Call) -> None:
    is_at = call.name in attributes.BY_DIRECTORY
    if is_at and not call.args[1]:  # utimensat of a descriptor
        _begin_file_attribute(rec, call)
        return
    directory = call.args[0] if is_at else AT_FDCWD
    path = path_of(call.task, directory, call.args[int(is_at)], follows=True)
    call.paths, call.concerns = (path,), rec.tree.find(path) is not None


def _begin_file_attribute(rec: TracedRecording, call: Call) -> None:
    call.inode = rec.inode(call.task, call.args[0])
    call.concerns = call.inode is not None


def _attribute(rec: TracedRecording, call: Call) -> None:
    if not call.concerns:
        return
    rec.warn(attributes.NOT_FOLLOWED.format(call=call.name))
    path = f"{rec.tree.root}{rec.path_below(call)}"
    inode = rec.tree.find(path)
    if inode is not None:
        with suppress(OSError):
            rec.tree.take_attributes_of(path, inode)


HANDLERS: Mapping[str, Handling] = {
    **dict.fromkeys(
        ("open", "openat", "openat2", "creat"), Handling(_begin_open, _open, _has_opened)
    ),
    **dict.fromkeys(("mkdir", "mkdirat"), Handling(_begin_one, _mkdir, _appeared)),
    **dict.fromkeys(("mknod", "mknodat"), Handling(_begin_one, _mknod, _appeared)),
    **dict.fromkeys(("unlink", "unlinkat", "rmdir"), Handling(_begin_one, _unlink, _vanished)),
    **dict.fromkeys(("rename", "renameat", "renameat2"), Handling(_begin_two, _rename, _vanished)),
    **dict.fromkeys(("link", "linkat"), Handling(_begin_two, _link, _appeared)),
    **dict.fromkeys(("symlink", "symlinkat"), Handling(_begin_symlink, _symlink, _appeared)),
    **dict.fromkeys(attributes.BY_FILE, Handling(_begin_file_attribute, _attribute)),
    **dict.fromkeys(
        (*attributes.BY_PATH, *attributes.BY_DIRECTORY),
        Handling(_begin_path_attribute, _attribute),
    ),
}
