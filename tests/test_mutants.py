"""The mutants: what is made of a module, what is left alone, and what becomes of one."""

import subprocess
import sys

from tests.mutants.in_place import is_in_a_function
from tests.mutants.mutation import REFERENCE, ROOT, areas, lines_of, mutants_of

FAILURE = REFERENCE / "drainer" / "failure.py"


def test_every_module_of_the_reference_has_an_area() -> None:
    """All but those that only name others."""
    found = {path for paths in areas().values() for path in paths}

    assert found == {each for each in REFERENCE.rglob("*.py") if each.name != "__init__.py"}


def test_each_differs_in_one_place_and_is_python() -> None:
    """The same names in every run, and sources that compile."""
    made = list(mutants_of(FAILURE))
    before = FAILURE.read_text(encoding="utf-8")

    assert len({each.id for each in made}) == len(made) > 10
    assert [each.id for each in mutants_of(FAILURE)] == [each.id for each in made]
    for mutant in made[::4]:
        assert mutant.source != before
        compile(mutant.source, mutant.path, "exec")


def test_what_is_said_to_people_is_left_alone() -> None:
    """Docstrings, annotations, logs and the texts of errors."""
    for mutant in mutants_of(REFERENCE / "drainer" / "quota.py"):
        assert "raise " not in mutant.before.split("\n")[0][:6]
        assert not mutant.before.startswith('"""')


JUDGE = """
from tests.mutants.judging import judge
from tests.mutants.mutation import REFERENCE, mutants_of
from tests.mutants.parts import small_parts
made = list(mutants_of(REFERENCE / "drainer" / "failure.py"))
mutant = next(each for each in made if each.kind == "operator" and "RACE_CODE" in each.before)
asked = ["scenario every-retry-is-counted"]
print(judge(mutant, asked).outcome)  # imports the mutant
small_parts()
print(judge(mutant, asked).outcome)  # exchanges the code of what is imported
print(judge(mutant, []).outcome)
"""


def test_a_fault_in_the_table_of_codes_is_noticed() -> None:
    """By what looks at it, however the fault was put there, and by nothing else."""
    command = [sys.executable, "-c", JUDGE]
    judged = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)

    assert judged.stdout.split() == ["noticed", "noticed", "survived"]


def test_a_fault_in_a_table_is_not_exchanged_in_place() -> None:
    """Nor one in a class: what was imported keeps both."""
    made = list(mutants_of(REFERENCE / "drainer" / "action.py"))

    (command,) = (each for each in made if each.before == '"bash"')
    (check,) = (each for each in made if each.before == "not isinstance(value, Mapping)")

    assert not is_in_a_function(command)
    assert is_in_a_function(check)


def test_the_lines_of_a_mutant_are_those_of_its_statement() -> None:
    """Of a branch those of the condition alone: the rest runs where the mutant does not."""
    made = list(mutants_of(FAILURE))
    source = FAILURE.read_text(encoding="utf-8").splitlines()

    for mutant in made:
        lines = lines_of(mutant)
        assert mutant.line in lines
        assert not any(source[line - 1].startswith("def ") for line in lines[1:])
