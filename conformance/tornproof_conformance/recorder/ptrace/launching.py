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
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

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
) -> "subprocess.Popen[bytes]":
    """
    Start a command in a session of its own, traced by this thread and held.

    The process that is returned must be waited for by the tracer alone.  Raises `OSError`
    where there is no such command, and `kernel.CannotTrace` where nobody may be traced.
    """
    _require_command(command[0], directory, environment)
    process = subprocess.Popen(
        [*SHELL, *command],
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        bufsize=0,
        cwd=directory,
        env=environment,
        start_new_session=True,
    )
    try:
        _hold(process.pid)
    except kernel.Gone as reason:
        process.kill()
        os.waitpid(process.pid, kernel.WAITING)
        process.returncode = -signal.SIGKILL
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()
        raise kernel.CannotTrace(f"a process cannot be traced with ptrace here: {reason}") from None
    return process


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
