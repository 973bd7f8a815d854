"""The specification is read as it is written, and refused where it breaks its form."""

from pathlib import Path
from textwrap import dedent

import pytest
from tornproof_conformance.specification import requirements as chapters
from tornproof_conformance.specification.requirements import (
    Level,
    Requirement,
    SpecificationError,
    UnknownRequirement,
    marked_tests,
    parse_chapter,
    requirement,
    requirements,
)

CHAPTER = """\
# Recovery

Prose that mentions **REC-2** does not state it.

**REC-2** (MUST) The cut is durable
before the first append after it.

*Why.* Otherwise it may come undone.
And then records are lost.

*What helps.* Sync the cut.

*Elsewhere.* Others do the same.

```
**REC-3** (MUST) An example, not a requirement.
```

**REC-12** (EXTENSION) A watermark.

*Why.* To tell a torn tail from damage.

More prose.
"""


def test_reads_every_part() -> None:
    """A requirement has an id, level, sentence, reason, comparison and place."""
    first, second = parse_chapter("recovery", CHAPTER)

    assert first == Requirement(
        id="REC-2",
        level=Level.MUST,
        sentence="The cut is durable before the first append after it.",
        reason="Otherwise it may come undone. And then records are lost.",
        helps="Sync the cut.",
        elsewhere="Others do the same.",
        chapter="recovery",
        line=5,
    )
    assert (second.id, second.level) == ("REC-12", Level.EXTENSION)
    assert (second.helps, second.elsewhere) == (None, None)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("**REC-1** (MUST) A.\n\nNo reason.\n", "spec/x.md:1: REC-1 has no reason"),
        ("**REC-1** (MUST) A.\n", "REC-1 has no reason"),
        ("**RCE-1** (MUST) A.\n\n*Why.* B.\n", "RCE-1 is of no known family"),
        ("**REC-1** (WILL) A.\n\n*Why.* B.\n", "level WILL of REC-1 is none of MUST"),
        ("\n**REC-1** A.\n\n*Why.* B.\n", "spec/x.md:2: '**REC-1** A.' is not of the form"),
        ("**REC-01** (MUST) A.\n\n*Why.* B.\n", "is not of the form"),
    ],
)
def test_refuses_what_breaks_the_form(text: str, message: str) -> None:
    """Each breach of the form is an error that names file and line."""
    with pytest.raises(SpecificationError) as refused:
        list(parse_chapter("x", text))

    assert message in str(refused.value)


def test_refuses_an_id_stated_twice(tmp_path: Path) -> None:
    """An id belongs to one sentence, over all chapters."""
    for name in ("one.md", "two.md"):
        (tmp_path / name).write_text("**REC-1** (MUST) A.\n\n*Why.* B.\n")

    with pytest.raises(SpecificationError, match=r"spec/two.md:1: REC-1 is already .*one.md:1"):
        requirements(tmp_path)


def test_orders_by_family_and_number(tmp_path: Path) -> None:
    """Requirements come in reading order, numbers as numbers."""
    for identifier in ("REC-10", "FRM-1", "REC-9", "SYS-1"):
        text = f"**{identifier}** (MUST) A.\n\n*Why.* B.\n"
        (tmp_path / f"{identifier}.md").write_text(text)

    assert list(requirements(tmp_path)) == ["FRM-1", "REC-9", "REC-10", "SYS-1"]


def test_unknown_id_names_its_neighbours() -> None:
    """A mistyped id is answered with the ones that look like it."""
    with pytest.raises(UnknownRequirement, match="did you mean REC-2"):
        requirement("rec-2")


def test_the_first_slice_is_stated() -> None:
    """The chapters of this repository state the whole frame, journal, recovery and segments."""
    expected = {
        *(f"FRM-{number}" for number in range(1, 10)),
        *(f"JRN-{number}" for number in range(1, 12)),
        *(f"REC-{number}" for number in range(1, 13)),
        *(f"SEG-{number}" for number in (1, 2, 3, 4, 5, 6, 8, 9)),
    }

    assert expected <= requirements().keys()


def test_finds_marked_tests_without_running_them(tmp_path: Path) -> None:
    """Functions, classes, methods, modules and state machines are found by their decorators."""
    tests = tmp_path / "tests"
    tests.mkdir()
    (tests / "test_a.py").write_text(
        dedent("""\
            raise SystemExit("this file is read, not run")

            @requirement("REC-1", "REC-2")
            def test_one(): ...

            @requirement("REC-1")
            class TestTwo:
                @pytest.mark.requirement("REC-3")
                def test_three(self): ...

            TestMachine = requirement("REC-4")(Machine.TestCase)
            """)
    )
    (tests / "test_b.py").write_text('pytestmark = [requirement("REC-4"), other("REC-1")]\n')

    assert marked_tests(tmp_path) == {
        "REC-1": ("tests/test_a.py::test_one", "tests/test_a.py::TestTwo"),
        "REC-2": ("tests/test_a.py::test_one",),
        "REC-3": ("tests/test_a.py::TestTwo::test_three",),
        "REC-4": ("tests/test_a.py::TestMachine", "tests/test_b.py"),
    }


def test_every_mark_in_this_repository_is_a_requirement() -> None:
    """No test is marked with an id that no chapter states."""
    marked = marked_tests(Path(__file__).resolve().parents[2])

    assert marked.keys() <= requirements().keys()
    assert all(chapters.tests_of(identifier) == names for identifier, names in marked.items())
