"""
What recording a program costs: `python -m tests.bench_recording`.

Each program runs alone, under the recorder by ptrace, and under strace with the options that the
other recorder gives it.  The rows take turns, round after round, and the best of each counts, as
a ratio to running alone.  A small program pays mostly for starting; one that does nothing but
write pays for every call.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from attrs import define
from rich.console import Console
from rich.table import Table
from tornproof_conformance.recorder.recorders import StraceRecorder, TracingRecorder, record

ROUNDS = 3

PROGRAMS: dict[str, Sequence[str]] = {
    "a shell script: 20 files made, renamed and synced": (
        "sh",
        "-c",
        "for n in $(seq 20); do echo $n > new && sync new && mv new file$n; done",
    ),
    "git: a repository, five commits": (
        "sh",
        "-c",
        "git init -q . && for n in 1 2 3 4 5; do echo $n > f && git add f && "
        "git -c user.name=n -c user.email=e commit -qm $n; done",
    ),
    "Python: 20,000 writes of 100 bytes, unbuffered": (
        sys.executable,
        "-S",
        "-c",
        "f = open('f', 'wb', 0)\nfor _ in range(20000): f.write(bytes(100))",
    ),
    "Python: 20,000,000 additions, one write": (
        sys.executable,
        "-S",
        "-c",
        "n = 0\nfor i in range(20_000_000): n += i\nopen('f', 'w').write(str(n))",
    ),
}


@define
class Way:
    """One way of running a program."""

    name: str
    run: Callable[[Sequence[str], Path, Path], object]


def alone(command: Sequence[str], directory: Path, _log: Path) -> None:
    """Run a program without a recorder."""
    subprocess.run(command, cwd=directory, check=True)


def traced(command: Sequence[str], directory: Path, log: Path) -> None:
    """Record it by ptrace."""
    here = ["sh", "-c", 'cd "$0" && exec "$@"', str(directory), *command]
    record(here, directory, log, recorder=TracingRecorder())


def straced(command: Sequence[str], directory: Path, log: Path) -> None:
    """Record it by strace's log."""
    here = ["sh", "-c", 'cd "$0" && exec "$@"', str(directory), *command]
    record(here, directory, log, recorder=StraceRecorder(log))


WAYS = (Way("alone", alone), Way("ptrace", traced), Way("strace", straced))


def measure() -> Table:
    """Run every program in every way, and return the table."""
    table = Table("program", "alone", "× ptrace", "× strace")
    for name, command in PROGRAMS.items():
        best = dict.fromkeys((way.name for way in WAYS), float("inf"))
        for _ in range(ROUNDS):
            for way in WAYS:
                with tempfile.TemporaryDirectory() as scratch:
                    directory = Path(scratch, "work")
                    directory.mkdir()
                    began = time.perf_counter()
                    way.run(command, directory, Path(scratch, "log"))
                    best[way.name] = min(best[way.name], time.perf_counter() - began)
        ratios = (f"{best[way] / best['alone']:.1f}" for way in ("ptrace", "strace"))
        table.add_row(name, f"{1000 * best['alone']:,.0f} ms", *ratios)
    return table


if __name__ == "__main__":
    Console().print(measure())
