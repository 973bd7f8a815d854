"""
Checks that stay: one line in, one line out.

Starting a check is often slower than what it looks at.  A resident check is started once at each
place.  For every image it reads a line, the path of the directory, and answers a line: `ok`, or
what is wrong.  It goes into the directory itself, since that is a new one each time.  Scripts in
any language can do that:

    while read directory; do
      cd "$directory" && test -s config && echo ok || echo "config is empty"
    done
"""

import os
import select
import signal
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from attrs import define, field
from tornproof_models.contract.workload import Answer

from tornproof_conformance.lifetime.next_boot import NextBoot
from tornproof_conformance.workload.asking import SHELL

WELL = "ok"

_residents: dict[tuple[str, bool], "_Resident"] = {}
"""Those of this process, by command, and by whether they run where power was lost."""


@define
class _Resident:
    process: "subprocess.Popen[bytes]"
    buffer: bytearray = field(factory=bytearray)

    def ask(self, directory: Path, until: float) -> bytes | None:
        """Write a line, and return the one that comes; none if it does not come in time."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        with suppress(BrokenPipeError):
            os.write(self.process.stdin.fileno(), f"{directory}\n".encode())
        while b"\n" not in self.buffer:
            left = until - time.monotonic()
            if left <= 0 or not select.select([self.process.stdout], [], [], left)[0]:
                return None
            data = os.read(self.process.stdout.fileno(), 1 << 16)
            if not data:
                return None
            self.buffer += data
        line, _, rest = bytes(self.buffer).partition(b"\n")
        self.buffer = bytearray(rest)
        return line

    def end(self) -> int:
        """Kill it with its group; return its exit code."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()
        return self.process.wait()


def ask_resident(
    command: str,
    directory: Path,
    environment: Mapping[str, str],
    timeout: float,
    boot: NextBoot | None = None,
) -> Answer:
    """
    Ask a check that stays; it is started if it does not run, and ended if it does not answer.

    With `boot` it runs on a machine that has started again.
    """
    key, words = (command, boot is not None), [*SHELL, command]
    if key not in _residents:
        process = subprocess.Popen(
            boot.command(words, Path("/")) if boot else words,
            cwd="/",
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            start_new_session=True,
            env=dict(environment),
        )
        _residents[key] = _Resident(process)
    line = _residents[key].ask(directory, time.monotonic() + timeout)
    if line is None:
        ended = _residents[key].process.poll()
        _residents.pop(key).end()
        return Answer(command, ended, "the check did not answer with a line")
    text = line.decode(errors="replace")
    return Answer(command, 0 if text == WELL else 1, text)


def end_residents() -> None:
    """End every check that stays in this process."""
    for resident in _residents.values():
        resident.end()
    _residents.clear()
