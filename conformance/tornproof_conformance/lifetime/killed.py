"""
End what this process has started if it is killed itself.

Nothing runs in a process that gets SIGKILL, so another one looks after it: a shell that waits at
a pipe.  The kernel closes the pipe when this process ends, however it ends, and then the shell
kills whatever has the mark of this process in its environment, in a session of its own or not.
A process that ends as it should dismisses the shell first.

Only Linux has `/proc`; elsewhere, and where there is no shell, what a killed run leaves stays.
"""

import atexit
import os
import sys
from contextlib import suppress

SHELL = "/bin/sh"

SWEEP = """
read -r dismissed && exit
for round in 1 2 3; do
    for file in /proc/[0-9]*/environ; do
        if grep -aqsF "$1" "$file"; then
            process=${file%/environ}
            kill -9 "${process#/proc/}"
        fi
    done
done
"""
"""Three rounds, since a process can start another while it is looked for."""


def look_after(mark: str) -> int:
    """
    Start the shell that ends every process whose environment has this mark.

    Returns its process, or 0 if there is none.
    """
    if sys.platform != "linux":
        return 0
    reading, writing = os.pipe()
    try:
        shell = os.posix_spawn(
            SHELL,
            [SHELL, "-c", SWEEP, "sh", mark],
            {"PATH": os.defpath},  # without the mark
            file_actions=[
                (os.POSIX_SPAWN_DUP2, reading, 0),
                (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
                (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
            ],
            setsid=True,  # Ctrl-C is not for it
        )
    except OSError:
        os.close(writing)
        return 0
    finally:
        os.close(reading)
    owner = os.getpid()

    def dismiss() -> None:
        if os.getpid() == owner:
            with suppress(OSError):
                os.write(writing, b"\n")
                os.waitpid(shell, 0)

    atexit.register(dismiss)
    os.register_at_fork(after_in_child=lambda: os.close(writing))
    return shell
