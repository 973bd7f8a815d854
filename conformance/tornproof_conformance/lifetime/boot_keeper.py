"""
The process that keeps a machine which has started again; `next_boot` runs it as a script.

It is the parent of the first process of new namespaces: of processes, mounts and System V memory,
and of users where this user may not make those without.  In them `/proc` shows only what is
started there, the id of the boot is a new one, and `/dev/shm` holds nothing but what is kept.
They end with this process, which ends with its standard input.

Arguments are a directory for its files, and the directories that stay where they are.  It prints
a line of JSON: the process, whether it has users of its own, and what could not be had.
"""

import ctypes
import json
import os
import signal
import sys
import uuid

CLONE_NEWNS, CLONE_NEWIPC, CLONE_NEWUSER, CLONE_NEWPID = 0x20000, 0x8000000, 0x10000000, 0x20000000
MS_BIND, MS_REC, MS_PRIVATE = 0x1000, 0x4000, 0x40000
PR_SET_PDEATHSIG = 1

BOOT_ID = "/proc/sys/kernel/random/boot_id"
LAST_PROCESS, MOST = "/proc/sys/kernel/ns_last_pid", "/proc/sys/kernel/pid_max"
MEMORY = "/dev/shm"

FURTHER = 5000
"""How far beyond the numbers of processes in use those of the new ones begin."""

LEAST = 300
"""The least number that the kernel gives after it has come to the end of them."""

libc = ctypes.CDLL(None, use_errno=True)


def enter() -> bool:
    """Make the namespaces; say whether that took users of its own.  Raises `OSError`."""
    wanted = CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWPID
    user, group = os.getuid(), os.getgid()
    if libc.unshare(wanted) == 0:
        return False
    if libc.unshare(wanted | CLONE_NEWUSER):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    for name, content in (
        ("setgroups", "deny"),
        ("uid_map", f"{user} {user} 1"),
        ("gid_map", f"{group} {group} 1"),
    ):
        write(f"/proc/self/{name}", content)
    return True


def write(path: str, content: str) -> None:
    """Write a file as a whole.  Raises `OSError`."""
    with open(path, "w", encoding="ascii") as file:  # noqa: PTH123 - a script that starts fast
        file.write(content)


def mount(source: str, target: str, kind: "str | None", flags: int) -> None:
    """Mount something.  Raises `OSError`."""
    kind_bytes = None if kind is None else kind.encode()
    if libc.mount(os.fsencode(source), os.fsencode(target), kind_bytes, flags, None):
        raise OSError(ctypes.get_errno(), f"cannot mount {target}")


def read_number(path: str) -> int:
    """Read a file that holds a number.  Raises `OSError`."""
    with open(path, encoding="ascii") as file:  # noqa: PTH123
        return int(file.read())


def change(scratch: str, kept: "list[str]", last: int) -> "list[str]":
    """Change what is seen; return what could not be had.  Raises `OSError`."""
    missing = []
    mount("none", "/", None, MS_REC | MS_PRIVATE)
    try:
        mount("proc", "/proc", "proc", 0)
    except OSError:
        missing.append("the processes of before, in /proc")
    try:
        write(LAST_PROCESS, str(max(LEAST, (last + FURTHER) % read_number(MOST))))
    except OSError:
        missing.append("numbers of processes that had been used")
    name = str(uuid.uuid4())
    boot_id = os.path.join(scratch, name)  # noqa: PTH118
    write(boot_id, f"{name}\n")
    os.chmod(boot_id, 0o444)  # noqa: PTH101
    mount(boot_id, BOOT_ID, None, MS_BIND)
    os.unlink(boot_id)  # noqa: PTH108 - it is seen where it is mounted
    if MEMORY not in kept and os.path.isdir(MEMORY):  # noqa: PTH112
        held = [(each, os.open(each, os.O_PATH)) for each in kept if each.startswith(f"{MEMORY}/")]
        mount("tmpfs", MEMORY, "tmpfs", 0)
        os.chmod(MEMORY, 0o1777)  # noqa: PTH101
        for path, descriptor in held:
            os.makedirs(path, exist_ok=True)  # noqa: PTH103
            mount(f"/proc/self/fd/{descriptor}", path, None, MS_BIND | MS_REC)
            os.close(descriptor)
    return missing


def be_first(scratch: str, kept: "list[str]", last: int, told: int) -> None:
    """Be the first process: wait for whatever has lost its parent."""
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
    try:
        said = json.dumps({"missing": change(scratch, kept, last)})
    except OSError as reason:
        said = json.dumps({"refused": str(reason)})
    os.write(told, said.encode())
    os.close(told)
    while True:
        signal.sigwait({signal.SIGCHLD})
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            pass


def main(scratch: str, *kept: str) -> None:
    """Keep the machine until standard input ends."""
    try:
        last = read_number(LAST_PROCESS)
        is_other_user = enter()
    except OSError as reason:
        refused = f"namespaces are not to be had: {reason.strerror}"
        print(json.dumps({"refused": refused}), flush=True)
        return
    reading, writing = os.pipe()
    first = os.fork()
    if not first:
        os.close(reading)
        be_first(scratch, list(kept), last, writing)
    os.close(writing)
    with os.fdopen(reading) as told:
        said = json.loads(told.read())
    print(json.dumps({**said, "first": first, "users": is_other_user}), flush=True)
    sys.stdin.read()
    os.kill(first, signal.SIGKILL)


if __name__ == "__main__":
    main(*sys.argv[1:])
