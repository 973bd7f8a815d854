"""
Run a command on a spoilt file, and say what must not come of it.

A command ends within five seconds of a core, with a documented exit code that is not a fault of
the suite, in lines that are printable.  It leaves nothing outside of the directory of its
file, a refusal leaves nothing there either, and what only reads changes nothing.
"""

import re
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import chdir
from pathlib import Path

from click.testing import CliRunner
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from tornproof_conformance.adapter.scratch import roomy_place
from tornproof_conformance.cli import main
from tornproof_conformance.stream.exit_codes import USAGE

from tests.fuzz.formats import OTHERS, Format
from tests.fuzz.mutations import spoilt

SLOWEST = 5.0
"""Seconds of one core that a command may take."""

DOCUMENTED = {0, 1, 2, 3, 4}

WRITERS = {"recover", "campaign", "chain migrate", "dlq replay"}
"""Commands that change what they are given."""


_PLACE = re.compile("FILE|DIR|OUT")

_USAGE = re.compile(r"\AUsage: .*\nTry .*\n\n")
"""The two lines that precede what is wrong with an option."""


def name_of(command: Sequence[str]) -> str:
    """Return the words of a command that say what it does."""
    words = [word for word in command[:2] if word.isalpha() and word.islower()]
    return " ".join(words) or command[0]


def run(form: Format, data: bytes, command: Sequence[str], directory: Path) -> int:
    """Run a command on a file; raise `AssertionError` for what must not come of it."""
    place, out = directory / "in", directory / "out"
    place.mkdir()
    out.mkdir()
    for name, content in {**form.beside(), form.file: data}.items():
        (place / name).write_bytes(content)
    stands_for = {"FILE": place / form.file, "DIR": place, "OUT": out}
    words = [_PLACE.sub(lambda found: str(stands_for[found.group()]), word) for word in command]
    before, what = contents(place), name_of(command)
    began = time.process_time()  # others may be at work on this machine
    with chdir(out):
        ended = CliRunner().invoke(OTHERS if words[0] in OTHERS.commands else main, words)
    seconds = time.process_time() - began
    assert ended.exit_code in DOCUMENTED, f"{what}: {ended.exit_code}: {ended.output[-500:]}"
    assert "Traceback" not in ended.output
    strange = {each for each in ended.output if not each.isprintable()} - {"\n"}
    assert not strange, f"{what} prints {strange}"
    assert seconds < SLOWEST, f"{what}: {seconds:.1f} s"
    if ended.exit_code == USAGE:
        assert not any(out.iterdir()), f"{what} refuses, and writes {[*out.iterdir()]}"
        said = _USAGE.sub("", ended.stderr)
        assert said.strip().count("\n") == 0, f"{what} refuses with {said}"
    if ended.exit_code == USAGE or what not in WRITERS:
        assert contents(place) == before, f"{what} changes what it reads"
    assert {each.name for each in directory.iterdir()} == {"in", "out"}
    return ended.exit_code


def contents(directory: Path) -> Mapping[str, bytes]:
    """Return the files below a directory by their paths."""
    return {
        str(path.relative_to(directory)): path.read_bytes()
        for path in directory.rglob("*")
        if path.is_file()
    }


def spoil(
    form: Format,
    number: int,
    examples: int,
    count: Counter[str],
    before: Callable[[Sequence[str], bytes], None] = lambda _command, _data: None,
) -> None:
    """
    Run the commands of a format on so many spoilt files, chosen by a number.

    Counts the exit codes of each command; calls `before` before each.
    """

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
        good = data.draw(st.sampled_from(form.good()))
        bad = data.draw(spoilt(good))
        command = data.draw(st.sampled_from(form.commands))
        before(command, bad)
        with tempfile.TemporaryDirectory(prefix="spoilt-", dir=roomy_place()) as directory:
            code = run(form, bad, command, Path(directory))
        count[f"{form.name}: {name_of(command)}: exit {code}"] += 1

    once()
