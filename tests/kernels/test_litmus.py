"""Litmus programs and trees are text that can be read back."""

from pathlib import Path

import pytest
from tornproof_kernels import litmus, schedules
from tornproof_kernels.litmus import Litmus, Malformed, is_meanwhile
from tornproof_kernels.random_programs import random_programs
from tornproof_models.disk.trace import Image

PROGRAMS = Path(__file__).parents[2] / "kernels" / "litmus"


def every_program() -> list[Litmus]:
    """Read all programs that the laboratory has."""
    return [
        each
        for path in sorted(PROGRAMS.glob("*.litmus"))
        for each in litmus.parse(path.read_text())
    ]


def test_every_program_is_read_and_has_a_name_of_its_own() -> None:
    """The files hold programs, and no two have the same name."""
    names = [each.name for each in every_program()]
    assert len(names) > 60
    assert len(set(names)) == len(names)


def test_a_program_is_written_as_it_is_read() -> None:
    """Writing a program and reading it gives the program again."""
    programs = every_program() + [each for each, _ in random_programs(3, 20)]
    assert litmus.parse("".join(map(litmus.write, programs))) == programs


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("create a a", "before the first"),
        ("litmus x\n create a a", "needs one line 'start'"),
        ("litmus x\nstart\n sink a", "no operation 'sink'"),
        ("litmus x\nstart\n then create a a | sink a", "no operation 'sink'"),
    ],
)
def test_what_is_no_program_is_refused(text: str, what: str) -> None:
    """A line that means nothing is named."""
    with pytest.raises(Malformed, match=what):
        litmus.parse(text)


def test_a_tree_is_one_line() -> None:
    """Directories end with a slash, contents are runs of letters, zeros are 0."""
    image = Image({"/a": b"N" * 4096 + bytes(512), "/d/e": b""}, frozenset({"/d"}))
    assert litmus.show(image) == "/d/ /a=N4096,0512 /d/e=empty"
    assert litmus.read(litmus.show(image)) == image
    assert litmus.read("nothing") == Image()


def test_a_file_that_is_no_run_of_letters_is_refused() -> None:
    """A tree that somebody has edited badly is named."""
    with pytest.raises(Malformed, match="/a=N"):
        litmus.read("/a=N")


def test_schedules_change_nothing_of_a_program() -> None:
    """Without what a schedule adds, its lines are those of the program, in order."""
    for program in every_program():
        own = [line for line in program.program if not is_meanwhile(line)]
        for name, lines in schedules.systematic(program):
            assert [line for line in lines if not is_meanwhile(line)] == own, name


def test_random_programs_follow_from_their_seed() -> None:
    """The same seed gives the same programs and schedules, another seed others."""
    assert list(random_programs(5, 10)) == list(random_programs(5, 10))
    assert list(random_programs(5, 10)) != list(random_programs(6, 10))


def test_a_schedule_of_commits_is_milder_than_one_with_writeback() -> None:
    """What is told of a state is the mildest schedule that showed it."""
    assert min(("H@1", "WC@2", "C@3", "hold-all"), key=schedules.mildness) == "C@3"
