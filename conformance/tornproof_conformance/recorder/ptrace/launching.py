"""
Start a process that is traced from its first instruction.

A shell stops itself; it is seized, given the filter, and becomes the command (`exec`).  So
nothing runs between `fork` and `exec` here, where other threads may hold locks.  The filter
is put into the shell's mouth: it has no such words of its own.
"""

import os
import shutil
import signal
import struct
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from tornproof_conformance.lifetime.next_boot import NextBoot
from tornproof_conformance.recorder.ptrace import kernel
from tornproof_conformance.recorder.ptrace.calls import filter_code

SHELL = ("/bin/sh", "-c", 'kill -STOP $$; exec "$@"', "sh")
_PRCTL, _SECCOMP = 157, 317
_SET_NO_NEW_PRIVILEGES, _SET_MODE_FILTER = 38, 1
BELOW_STACK = 1 << 14
"""Bytes below the end of the stack where the filter is laid down: nobody uses them yet."""


def launch(
    command: Sequence[str],
    *,
    stdin: int | IO[bytes] | None = None,
    stdout: int | IO[bytes] | None = None,
    stderr: int | IO[bytes] | None = None,
    directory: Path | None = None,
    environment: Mapping[str, str] | None = None,
    boot: NextBoot | None = None,
) -> "tuple[subprocess.Popen[bytes], int]":
    """
    Start a command in a session of its own, traced by this thread and held.

    Returns the process, and the number of the one that is traced: another if it runs on a machine
    that has started again (`boot`), whose processes have a parent here.  The process that is
    returned must be waited for by the tracer alone.  Raises `OSError`
    where there is no such command, and `kernel.CannotTrace` where nobody may be traced.
    """
    _require_command(command[0], directory, environment)
    held = [*SHELL, *command]
    process = subprocess.Popen(
        boot.command(held, directory) if boot else held,
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        bufsize=0,
        cwd=directory,
        env=environment,
        start_new_session=True,
    )
    try:
        traced = _child(process.pid) if boot and boot.is_apart else process.pid
        _hold(traced)
        if traced != process.pid:
            os.kill(process.pid, signal.SIGCONT)
    except kernel.Gone as reason:
        process.kill()
        os.waitpid(process.pid, kernel.WAITING)
        process.returncode = -signal.SIGKILL
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()
        raise kernel.CannotTrace(f"a process cannot be traced with ptrace here: {reason}") from None
    return process, traced


def _child(parent: int) -> int:
    """
    Return the child of a process that waits for it, once both have stopped.

    `nsenter` stops itself when its child has.  Raises `kernel.Gone` if it ends before.
    """
    while True:
        try:
            children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
        except OSError:
            children = []
        if children and _state(parent) == _state(int(children[0])) == "T":
            return int(children[0])
        if _state(parent) in ("Z", "X", ""):
            raise kernel.Gone(f"{parent} has ended before its child was held")
        time.sleep(0.0005)


def _state(process: int) -> str:
    """Return the state of a process, as one letter; nothing if there is none."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""


def _require_command(
    name: str, directory: Path | None, environment: Mapping[str, str] | None
) -> None:
    """Raise what `exec` would: the shell says it too late, and to nobody."""
    path = (os.environ if environment is None else environment).get("PATH")
    if "/" in name:
        found = Path(directory or Path(), name)
        found.stat()
        if not os.access(found, os.X_OK) or found.is_dir():
            raise PermissionError(13, os.strerror(13), name)
    elif shutil.which(name, path=path) is None:
        raise FileNotFoundError(2, os.strerror(2), name)


def _hold(task: int) -> None:
    """Seize a process that is about to stop itself, and give it the filter."""
    kernel.ptrace(kernel.SEIZE, task, 0, kernel.OPTIONS)
    while True:
        _, status = os.waitpid(task, kernel.WAITING)
        if not os.WIFSTOPPED(status):
            raise kernel.Gone(f"{task} has ended before it was held")
        number, event = os.WSTOPSIG(status), status >> 16
        if event == kernel.EVENT_STOP and number == signal.SIGSTOP:
            break
        kernel.ptrace(kernel.CONT, task, 0, 0 if event else number)
    _install_filter(task)
    os.kill(task, signal.SIGCONT)


def _install_filter(task: int) -> None:
    code = filter_code()
    place = (kernel.stack_pointer(task) - BELOW_STACK) & ~15
    program = struct.pack("=HxxxxxxQ", len(code) // 8, place + 16)
    kernel.write_memory(task, place, program + code)
    _require(kernel.inject_call(task, _PRCTL, _SET_NO_NEW_PRIVILEGES, 1), "prctl")
    _require(kernel.inject_call(task, _SECCOMP, _SET_MODE_FILTER, 0, place), "seccomp")


def _require(result: int, name: str) -> None:
    if result < 0:
        raise kernel.Gone(f"{name}: {os.strerror(-result)}")
