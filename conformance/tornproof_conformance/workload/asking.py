"""
Ask commands about an image: whether all is well, or in which state it is.

Whatever a command starts ends with it, also what has left its process group.
"""

import os
import shlex
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from attrs import frozen
from tornproof_models.contract.workload import Answer

from tornproof_conformance.lifetime.next_boot import NextBoot
from tornproof_conformance.lifetime.orphans import adopt, end_orphans, marked, new_mark

HERE = "TORNPROOF_HERE"
"""The variable that holds the directory from which the run was started."""

PRINTED, LINES, LAST = "TORNPROOF_PRINTED", "TORNPROOF_LINES", "TORNPROOF_LAST"
"""
Variables that tell a command what the workload had printed before the crash.

They hold the name of a file with the lines, how many there are, and the last of them.
"""

SHELL = ("/bin/sh", "-c")

MOST_OUTPUT = 1 << 16
"""Bytes of a command's output that are kept: the last of them."""


@frozen
class Promises:
    """What the workload had printed before the crash, and where commands find it."""

    lines: tuple[bytes, ...]
    file: Path

    def environment(self) -> dict[str, str]:
        """Write the file, and return the environment for commands."""
        self.file.write_bytes(b"".join(line + b"\n" for line in self.lines))
        last = (
            self.lines[-1].decode(errors="surrogateescape").replace("\0", "") if self.lines else ""
        )
        return {
            **os.environ,
            HERE: str(Path.cwd()),
            PRINTED: str(self.file),
            LINES: str(len(self.lines)),
            LAST: last,
        }


def ask(
    command: str,
    directory: Path,
    environment: Mapping[str, str],
    timeout: float,
    boot: NextBoot | None = None,
) -> Answer:
    """
    Run a command of the shell in a directory, for at most `timeout` seconds.

    With `boot` it runs on a machine that has started again.
    """
    adopt()
    words = [*SHELL, command]
    mark = new_mark()
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            boot.command(words, directory) if boot else words,
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env=marked(environment, mark),
        )
        code = None
        with suppress(subprocess.TimeoutExpired):
            code = process.wait(timeout)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        end_orphans(mark)
        size = output.seek(0, os.SEEK_END)
        output.seek(max(size - MOST_OUTPUT, 0))
        return Answer(command, code, output.read().decode(errors="replace"))


def misplaced(command: str) -> str:
    """Say of a command that has failed which file it names by a path from where the run started."""
    try:
        words = shlex.split(command)
    except ValueError:  # a quotation that does not end
        return ""
    for word in words[1:]:
        if not word.startswith("/") and os.path.isfile(word):  # noqa: PTH113 - long words
            return (
                f"; {word} is a file where tornproof was started, and commands run in another "
                f"directory: write $PWD/{word}"
            )
    return ""
