"""
Processes that a program under judgement has started, and that have outlived it.

A process can leave the group in which it was started (`setsid`), and a kill of the group does
not reach it.  When its parent ends it becomes the child of the nearest ancestor that asks for
such orphans (prctl(2), PR_SET_CHILD_SUBREAPER), else of the first process of the machine,
where nobody would find it again.  The suite asks for them, and ends them.

An orphan is told from other children of this process, which may be those of a program that
uses the suite as a library, by a mark in the environment in which adapters are started.  One
that has cleared its environment is found at the end of a command, which has no other children.

Only Linux has this; elsewhere orphans go where they always went.
"""

import contextlib
import ctypes
import itertools
import os
import secrets
import signal
import sys
import threading
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from tornproof_conformance.lifetime.killed import look_after

PR_SET_CHILD_SUBREAPER = 36

MARK = "TORNPROOF_RUN"
"""The variable in the environment of adapters."""

OURS = ("loky", "multiprocessing", "resource_tracker")
"""Words in the commands of helpers that Python's libraries start for this process."""

STARTING = threading.Lock()
"""Held while a process is started and before it is known, so that nobody takes it for an orphan."""

_token = secrets.token_hex(8)
_numbers = itertools.count(1)
_started: set[int] = set()
_parents: set[int] = set()
"""First processes of namespaces, which take the orphans in them."""


@cache
def adopt() -> bool:
    """
    Ask for the orphans of this process's descendants; say whether the kernel does that.

    From then on they are also looked after if this process is killed.
    """
    if sys.platform != "linux":
        return False
    know(look_after(f"{MARK}={_token}-"))
    with contextlib.suppress(OSError, AttributeError):
        return bool(ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0)
    return False


def new_mark() -> str:
    """Return a mark for one process and its descendants."""
    return f"{_token}-{next(_numbers)}"


def marked(environment: Mapping[str, str] | None, mark: str) -> dict[str, str]:
    """Return the environment of an adapter, this process's if none is given, with its mark."""
    return {**(os.environ if environment is None else environment), MARK: mark}


def know(process: int) -> None:
    """Note a child that somebody else ends."""
    _started.add(process)


def know_parent(first: int) -> None:
    """Note a first process of a namespace, whose orphans are looked after as well."""
    _parents.add(first)


def forget(process: int) -> None:
    """Note that a child has ended and has been waited for, or the first of a namespace."""
    _started.discard(process)
    _parents.discard(process)


def end_orphans(mark: str = "", *, unmarked: bool = False) -> list[str]:
    """
    End the orphans of a mark, or of every, with whatever they leave; name their commands.

    With `unmarked`, every child that is not known counts as one.  An orphan that has ended
    already is waited for, and not named.
    """
    ended: list[str] = []
    with STARTING:
        while orphans := _orphans(mark, unmarked=unmarked):
            for process in orphans:
                if _is_running(process):
                    ended.append(_read(process, "cmdline").replace("\0", " ").strip())
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(process, signal.SIGKILL)
            for process in orphans:
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(process, 0)
    return ended


def bury(group: int) -> None:
    """Wait for the members of a process group that have ended and have become ours."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-group, os.WNOHANG)[0]:
            pass


def has_orphans(mark: str) -> bool:
    """Tell whether an orphan of a mark still runs."""
    return any(map(_is_running, _orphans(mark, unmarked=False)))


def _orphans(mark: str, *, unmarked: bool) -> list[int]:
    """List children that this process has not started, its own and adopted ones, untraced."""
    if not adopt.cache_info().currsize:
        return []
    children: list[int] = []
    for parent in ("self", *_parents):
        for task in Path(f"/proc/{parent}/task").glob("*/children"):
            with contextlib.suppress(OSError):
                children += map(int, task.read_text().split())
    strange = (each for each in children if each not in _started)
    return [each for each in strange if _is_orphan(each, mark, unmarked=unmarked)]


def _is_orphan(process: int, mark: str, *, unmarked: bool) -> bool:
    status = _status(process)
    if status.get("TracerPid", "0") != "0":
        return False  # whoever traces it waits for it
    for variable in _read(process, "environ").split("\0"):
        name, _, value = variable.partition("=")
        if name == MARK and (value == mark if mark else value.startswith(_token)):
            return True
    if not unmarked or status.get("State", "").startswith("Z"):
        return unmarked  # what a zombie was cannot be seen any more
    command = _read(process, "cmdline")
    return not (command and any(word in command for word in OURS))


def _is_running(process: int) -> bool:
    return _status(process).get("State", "Z")[:1] not in ("Z", "X")


def _status(process: int) -> dict[str, str]:
    lines = (line.partition(":") for line in _read(process, "status").splitlines())
    return {name: value.strip() for name, _, value in lines}


def _read(process: int, name: str) -> str:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{process}/{name}").read_bytes().decode("utf-8", "backslashreplace")
    return ""
