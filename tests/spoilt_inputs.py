"""
Every command that reads a file, on spoilt ones: `python -m tests.spoilt_inputs SECONDS`.

The corpora in `tests/corpora` are frozen; Hypothesis spoils them.  Whatever comes of it, a
command ends within five seconds of a core, with a documented exit code that is not a fault of the
suite, in lines that are printable, and leaves nothing beside its files.
"""

import resource
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from attrs import frozen
from click.testing import CliRunner
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from tornproof_conformance.cli import main

from tests.mutations import spoilt

CORPORA = Path(__file__).parent / "corpora"
SLOWEST = 5.0
"""Seconds of one core that a command may take."""

DOCUMENTED = {0, 1, 2, 3, 4}


@frozen
class Format:
    """Files of one kind, and the commands that read them."""

    name: str
    commands: Sequence[Sequence[str]]
    """In each, `FILE` stands for the file, and `DIR` for its directory."""

    file: str = "input"
    beside: Callable[[Path], None] = lambda _: None
    """Puts there what else the commands need."""

    @property
    def corpus(self) -> list[bytes]:
        """Return the good files."""
        return [path.read_bytes() for path in sorted(CORPORA.glob(f"{self.name}*"))]


REPORTS = ("--html", "DIR/o.html", "--junit", "DIR/o.xml", "--markdown", "DIR/o.md")

FORMATS = (
    Format("reproducer", [("replay", "FILE"), ("replay", "--json", "FILE")]),
    Format(
        "events",
        [
            ("report", "FILE", *REPORTS),
            ("report", "FILE", "--json"),
            ("diff", "FILE", "FILE"),
            ("matrix", "FILE", "FILE", "--markdown"),
            ("explain", "REC-2", "--events", "FILE"),
        ],
    ),
    Format("trace", [("explore", "FILE"), ("certify", "--trace", "FILE", "-o", "DIR/o.json")]),
    Format(
        "certificate", [("verify-certificate", "FILE"), ("verify-certificate", "FILE", "--recover")]
    ),
    Format("vectors", [("vectors", "lint", "DIR")], file="input.json"),
    Format("known", [("report", str(CORPORA / "events.ndjson"), "--known", "FILE")]),
    Format("segment", [("inspect", "DIR"), ("recover", "DIR")], file="0000000000000000.wal"),
    Format(
        "chain",
        [
            ("chain", "verify", "FILE"),
            ("chain", "head", "FILE"),
            ("dlq", "list", "FILE"),
            ("audit", "FILE"),
        ],
    ),
)
BY_NAME = {each.name: each for each in FORMATS}


def run(form: Format, data: bytes, command: Sequence[str], directory: Path) -> int:
    """Run a command on a file; raise `AssertionError` for what must not come of it."""
    place = directory / "in"
    place.mkdir()
    path = place / form.file
    path.write_bytes(data)
    words = [word.replace("FILE", str(path)).replace("DIR", str(place)) for word in command]
    began = time.process_time()  # others may be at work on this machine
    ended = CliRunner().invoke(main, words)
    seconds = time.process_time() - began
    assert ended.exit_code in DOCUMENTED, f"{words[0]}: {ended.exit_code}: {ended.output[-500:]}"
    assert "Traceback" not in ended.output
    strange = {each for each in ended.output if not each.isprintable()} - {"\n"}
    assert not strange, f"{words[0]} prints {strange}"
    assert seconds < SLOWEST, f"{words[0]}: {seconds:.1f} s"
    assert {each.name for each in directory.iterdir()} == {"in"}
    return ended.exit_code


def spoil(form: Format, number: int, examples: int, count: Counter[str]) -> None:
    """Run the commands of a format on so many spoilt files, chosen by a number."""

    @seed(number)
    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    @given(st.data())
    def once(data: st.DataObject) -> None:
        good = data.draw(st.sampled_from(form.corpus))
        bad = data.draw(spoilt(good))
        command = data.draw(st.sampled_from(form.commands))
        with tempfile.TemporaryDirectory(prefix="spoilt-") as directory:
            count[f"{form.name}: exit {run(form, bad, command, Path(directory))}"] += 1

    once()


def main_loop(seconds: float, number: int, names: Sequence[str]) -> int:
    """Spoil files until the time is up; print what was found, and how many there were."""
    end, count, failed = time.monotonic() + seconds, Counter[str](), 0
    while time.monotonic() < end:
        for form in [BY_NAME[name] for name in names or BY_NAME]:
            number += 1
            try:
                spoil(form, number, 50, count)
            except Exception as error:
                failed += 1
                print(f"{form.name}, seed {number}: {str(error)[:700]}", flush=True)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    print(f"{count.total():,} spoilt files, {failed} failures, at most {memory} MiB; {dict(count)}")
    return min(failed, 1)


if __name__ == "__main__":
    sys.exit(main_loop(float(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]))
