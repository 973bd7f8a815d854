"""Every judgement of the suite rests on a numbered sentence."""

from pathlib import Path

import pytest
from tornproof_conformance.specification.requirements import requirements

from tests.spec.judgements import PAGE, Unresolved, judgements, page


def test_every_judgement_has_a_sentence() -> None:
    """Each can name only requirements that the specification has."""
    named = {identifier for each in judgements() for identifier in each.requirements}

    assert named <= requirements().keys()


def test_the_page_lists_them_all() -> None:
    """`spec/judgements.md` is what the code says; `python -m tests.spec.judgements` writes it."""
    assert PAGE.read_text(encoding="utf-8") == page()


@pytest.mark.parametrize(
    ("code", "named"),
    [
        ('Violation("JRN-1", f"offset {a} follows {b}")', ("JRN-1",)),
        ('requirement = "JRN-1" if a else "JRN-2"\nViolation(requirement, "wrong")', None),
        ('def f(r):\n    Violation(r, "wrong")\n\ndef g():\n    f("ADP-2")', ("ADP-2",)),
        ('T = {"a": "JRN-3", "b": "JRN-10"}\nViolation(T[a], "gone")', ("JRN-3", "JRN-10")),
    ],
)
def test_a_requirement_is_looked_up(
    code: str, named: tuple[str, ...] | None, tmp_path: Path
) -> None:
    """A literal, a name, an argument, a table."""
    (tmp_path / "module.py").write_text(code)

    found = judgements((tmp_path,))[0]

    assert found.requirements == (named or ("JRN-1", "JRN-2"))


def test_a_judgement_that_rests_on_nothing_is_named(tmp_path: Path) -> None:
    """Whoever convicts for what no sentence says is told where."""
    (tmp_path / "module.py").write_text("def f(r):\n    yield Violation(r, 'wrong')\n")

    with pytest.raises(Unresolved, match=r"module\.py:2"):
        judgements((tmp_path,))
