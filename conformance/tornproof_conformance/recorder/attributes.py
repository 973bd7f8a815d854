"""
Calls that change what a trace does not hold of a file: its mode, owner, times, attributes.

A crash image has names, sizes and bytes.  A program whose recovery looks at anything else is
judged with other values than it would find, so each such call is noted, once by its name.
"""

from collections.abc import Mapping

from tornproof_conformance.recorder import arguments
from tornproof_conformance.recorder.lines import Call
from tornproof_conformance.recorder.opening import path_at, path_here
from tornproof_conformance.recorder.processes import Task
from tornproof_conformance.recorder.recording import Handler, Recording

NOT_FOLLOWED = (
    "{call} was called: modes, owners, times and extended attributes are left out of what a "
    "crash leaves"
)

BY_FILE = ("fchmod", "fchown", "fsetxattr", "fremovexattr")
BY_PATH = (
    *("chmod", "chown", "lchown", "utime", "utimes"),
    *("setxattr", "lsetxattr", "removexattr", "lremovexattr"),
)
BY_DIRECTORY = ("fchmodat", "fchmodat2", "fchownat", "futimesat", "utimensat")
"""Calls that take a directory and a path in it; of a file itself the path is left out."""


def _of_file(recording: Recording, task: Task, call: Call) -> None:
    description = task.describe(arguments.descriptor(call.arguments[0]))
    if description is not None and description.inode is not None:
        recording.warn(NOT_FOLLOWED.format(call=call.name))


def _of_path(recording: Recording, task: Task, call: Call) -> None:
    _note(recording, call, path_here(task, call.arguments[0]))


def _of_directory(recording: Recording, task: Task, call: Call) -> None:
    if call.arguments[1] == "NULL":
        _of_file(recording, task, call)
    else:
        _note(recording, call, path_at(task, call.arguments[0], call.arguments[1]))


def _note(recording: Recording, call: Call, path: str) -> None:
    if recording.tree.find(path) is not None:
        recording.warn(NOT_FOLLOWED.format(call=call.name))


HANDLERS: Mapping[str, Handler] = {
    **dict.fromkeys(BY_FILE, _of_file),
    **dict.fromkeys(BY_PATH, _of_path),
    **dict.fromkeys(BY_DIRECTORY, _of_directory),
}
