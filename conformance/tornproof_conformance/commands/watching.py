"""
Run the same check again whenever the adapter changes: `tornproof check --watch`.

Each run is a process of its own, so that it ends as it does without --watch.  What failed the
last time runs first, and everything else only once that holds.
"""

import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tornproof.errors import Invalid

from tornproof_conformance.commands.last_failed import has_failed
from tornproof_conformance.report.printable import say
from tornproof_conformance.stream.exit_codes import CONFORMS

INTERVAL = 0.5
"""Seconds between two looks at the files: soon enough for whoever has just built."""


def watch(arguments: Sequence[str], watched: Sequence[Path], reproducers: Path) -> None:
    """
    Run `tornproof check` with these arguments, again on each change of a file, until Ctrl-C.

    Raises `Invalid` if there is no file to watch.
    """
    if not watched:
        raise Invalid(
            "--watch watches the files that the command of the adapter names; it names none"
        )
    base = [sys.executable, "-m", "tornproof_conformance.cli", "check"]
    while True:
        before = stamps(watched)
        repeats = has_failed(reproducers)
        first = ["--last-failed"] if repeats and "--last-failed" not in arguments else []
        code = subprocess.call([*base, *first, *arguments])
        if first and code == CONFORMS:
            say("what failed before holds now; running the rest\n", error=True)
            subprocess.call([*base, *arguments])
        say(f"\nwatching {', '.join(map(str, watched))}; Ctrl-C ends", error=True)
        while (now := stamps(watched)) == before or None in now:
            time.sleep(INTERVAL)


def stamps(paths: Sequence[Path]) -> tuple[tuple[int, int] | None, ...]:
    """Return size and time of change of each file; none for a file that is being replaced."""
    found: list[tuple[int, int] | None] = []
    for path in paths:
        try:
            status = path.stat()
            found.append((status.st_size, status.st_mtime_ns))
        except OSError:
            found.append(None)
    return tuple(found)


def files_of(command: Sequence[str]) -> list[Path]:
    """Return what a command names that is a file here: a program, a script, an archive."""
    return [path for path in map(Path, command) if path.is_file()]
