"""
Spoil files until so many were tried: `python -m tests.fuzz 100000 --state FILE`.

Each batch of inputs runs in a process of its own, under the limits that a command must keep:
512 MiB of memory and five seconds of a core for each input.  A command that exceeds one is
ended by the kernel, and counts as a failure like any other.  The state is a JSON file with what
was counted; a run with the same file goes on behind its last batch.
"""

import json
import os
import pickle
import resource
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from tests.fuzz.formats import BY_NAME, FORMATS, Format
from tests.fuzz.judging import SLOWEST, run, spoil

BATCH = 100
MEMORY = 512 << 20
WAIT = 60.0
"""Seconds that an input may take when it waits rather than computes; others share the machine."""


def try_batch(name: str, number: int, kept: Path) -> tuple[Counter[str], str, int]:
    """
    Spoil a batch of one format in a child.

    Returns the exit codes, what failed, and the most memory that the child had, in bytes.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        count, failed = Counter[str](), ""
        try:
            resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
            spoil(BY_NAME[name], number, BATCH, count, lambda *tried: _begin(kept, *tried))
        except BaseException as error:
            failed = f"{type(error).__name__}: {error}"[:700]
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)
        with open(writing, "wb") as pipe:  # noqa: PTH123
            pickle.dump((count, failed), pipe)
        os._exit(0)
    os.close(writing)
    with open(reading, "rb") as pipe:  # noqa: PTH123
        answer = pipe.read()
    _, status, used = os.wait4(child, 0)
    if os.WIFSIGNALED(status):
        return Counter(), f"ended by {signal.Signals(os.WTERMSIG(status)).name}", used.ru_maxrss
    count, failed = pickle.loads(answer)
    return count, failed, used.ru_maxrss << 10


def _warm_up(form: Format) -> None:
    """Run each command on a good file, so that no child has to import what it needs."""
    for command in form.commands:
        with tempfile.TemporaryDirectory() as directory:
            run(form, form.good()[0], command, Path(directory))


def _begin(kept: Path, command: Sequence[str], data: bytes) -> None:
    """Keep an input, and give it its time: at its end the kernel ends the process."""
    kept.write_bytes(data)
    kept.with_suffix(".command").write_text(" ".join(command), encoding="utf-8")
    signal.setitimer(signal.ITIMER_PROF, SLOWEST)
    signal.setitimer(signal.ITIMER_REAL, WAIT)


@click.command()
@click.argument("inputs", type=int)
@click.option("--state", type=click.Path(path_type=Path), default=Path(".tornproof/fuzz.json"))
@click.option("--seconds", type=float, default=float("inf"), help="Stop after so many.")
@click.option("--first", type=int, default=0, help="The number of the first batch of a new state.")
@click.option("--only", "names", multiple=True, type=click.Choice([*BY_NAME]))
def main(inputs: int, state: Path, seconds: float, first: int, names: Sequence[str]) -> None:
    """Spoil files until so many INPUTS were tried; exit code 1 if anything failed."""
    forms = [form for form in FORMATS if not names or form.name in names]
    state.parent.mkdir(parents=True, exist_ok=True)
    found: dict[str, Any] = {"next": first, "inputs": 0, "memory": 0, "failures": [], "counts": {}}
    if state.exists():
        found = json.loads(state.read_text(encoding="utf-8"))
    for form in forms:
        _warm_up(form)
    began = time.monotonic()
    while found["inputs"] < inputs and time.monotonic() < began + seconds:
        number, kept = found["next"], state.parent / "input"
        name = forms[number % len(forms)].name
        count, failed, memory = try_batch(name, number, kept)
        if failed:
            evidence = kept.rename(state.parent / f"failure-{number}")
            kept.with_suffix(".command").rename(evidence.with_suffix(".command"))
            found["failures"].append(f"{name}, batch {number}: {failed}")
            click.echo(found["failures"][-1])
        found["next"] += 1
        found["inputs"] += count.total() + bool(failed)
        found["memory"] = max(found["memory"], memory)
        found["counts"] = dict(sorted((Counter(found["counts"]) + count).items()))
        state.with_suffix(".tmp").write_text(json.dumps(found, indent=1), encoding="utf-8")
        state.with_suffix(".tmp").replace(state)
    for what, times in found["counts"].items():
        click.echo(f"{times:>8,}  {what}")
    click.echo(
        f"{found['inputs']:,} inputs, {len(found['failures'])} failures, at most "
        f"{found['memory'] >> 20} MiB, {time.monotonic() - began:.0f} s"
    )
    sys.exit(1 if found["failures"] else 0)


if __name__ == "__main__":
    main()
