"""`tornproof init`, `tornproof.toml`, and a check without arguments."""

import json
import shutil
import sys
from pathlib import Path

import jsonschema
import pytest
from click.testing import CliRunner, Result
from tornproof.errors import Invalid
from tornproof_conformance.cli import main
from tornproof_conformance.project.settings import line_of, read_settings
from tornproof_conformance.project.skeleton import LANGUAGES, skeleton, write_skeleton
from tornproof_conformance.specification.places import specification_directory
from tornproof_models.disk.crash_models import CLAIMED


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty directory, in which commands run."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def tornproof(*arguments: str) -> Result:
    """Run a command."""
    return CliRunner().invoke(main, arguments, prog_name="tornproof")


def python_project(project: Path) -> None:
    """Write the skeleton in Python, run by the Python that runs this."""
    write_skeleton("python", project)
    settings = project / "tornproof.toml"
    text = settings.read_text().replace('"python3 ', f'"{sys.executable} ')
    settings.write_text(text)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_skeleton_has_a_kit_settings_and_a_workflow(language: str, project: Path) -> None:
    """What is to be filled in is marked, and the settings name the adapter."""
    write_skeleton(language, project)
    assert "TODO" in (project / "durability" / LANGUAGES[language].fill_in).read_text()
    settings = read_settings(project)
    assert settings.command
    assert settings.claims == ("journal/core",)
    assert settings.options["html"] == "build/tornproof.html"
    assert "tornproof check" in (project / ".github/workflows/durability.yml").read_text()


def test_go_joins_the_module_that_is_there(project: Path) -> None:
    """A project with a go.mod gets no second one."""
    assert "durability/go.mod" in [path for path, _, _ in skeleton("go")]
    (project / "go.mod").write_text("module mine\n")
    assert "durability/go.mod" not in write_skeleton("go", project)


def test_nothing_is_overwritten(project: Path) -> None:
    """A second init writes nothing, and names the file that is in its way."""
    python_project(project)
    (project / "durability" / "adapter.py").write_text("mine")
    shutil.rmtree(project / ".github")
    result = tornproof("init", "--language", "python")
    assert result.exit_code == 2
    assert "is there already" in result.output
    assert (project / "durability" / "adapter.py").read_text() == "mine"
    assert not (project / ".github").exists()


def test_an_empty_adapter_is_told_what_to_fill_in(project: Path) -> None:
    """Nothing else is tried, nothing fails but ADP-2, and the next operation is named."""
    python_project(project)
    result = tornproof("check", "--budget", "5")
    assert result.exit_code == 1
    assert "next fill in journal.open: " in result.output.splitlines()[-1]
    assert result.output.count("\n✗ ") == 2  # the family and the finding
    assert (project / "build/tornproof.html").exists()


def test_a_claim_that_is_insisted_on_is_missed(project: Path) -> None:
    """An adapter that claims less than its project says does not pass."""
    python_project(project)
    settings = project / "tornproof.toml"
    settings.write_text(settings.read_text().replace('"journal/core"', '"journal/segments"'))
    result = tornproof("check", "conversation")
    assert result.exit_code == 1
    assert "does not claim journal/segments, on which tornproof.toml insists" in result.output


def test_a_command_that_is_given_stands_for_itself(project: Path) -> None:
    """With a command after `--` the settings say nothing."""
    python_project(project)
    adapter = f"{project}/durability/adapter.py"
    result = tornproof("check", "--dry-run", "conversation", "--", sys.executable, adapter)
    assert result.exit_code == 0
    assert not (project / "build").exists()


def test_a_build_that_fails_ends_the_check(project: Path) -> None:
    """The line is named, and nothing is judged."""
    (project / "tornproof.toml").write_text('command = "true"\nbuild = "exit 7"\n')
    result = tornproof("check")
    assert result.exit_code == 2
    assert "tornproof.toml: the build ended with exit code 7: exit 7" in result.output


@pytest.mark.parametrize(
    ("text", "place", "reason"),
    [
        ("\nbudgte = 60\n", ":2:", "did you mean budget?"),
        ('command = "a"\n\nbudget = "long"\n', ":3:", "'long' is not of type 'integer'"),
        ("[reports]\njunit = 3\n", ":2:", "3 is not of type 'string'"),
        ('[reports]\npdf = "a"\n', ":1:", "'pdf'"),
        ('claims = ["journal/cor"]\n', ":1:", "did you mean journal/core?"),
        ('seed = 1\ncrash_models = ["ext5"]\n', ":2:", "'ext5'"),
        ('command = "a \'b"\n', ":1:", "cannot be split"),
        ("budget = 1\nbudget = = 2\n", ":2", "is not TOML"),
        ("budget = " + "9" * 5000, "", "is not TOML"),
    ],
)
def test_settings_are_refused_with_file_and_line(
    text: str, place: str, reason: str, project: Path
) -> None:
    """A mistake is found where it stands, and nothing runs."""
    (project / "tornproof.toml").write_text(text)
    with pytest.raises(Invalid) as refused:
        read_settings(project)
    assert f"tornproof.toml{place}" in str(refused.value)
    assert reason in str(refused.value)


def test_settings_may_stand_in_pyproject(project: Path) -> None:
    """The table [tool.tornproof] is read, and a mistake in it is found by its line there."""
    text = '[project]\nname = "x"\n\n[tool.tornproof]\ncommand = "./log --fast"\n'
    (project / "pyproject.toml").write_text(text)
    assert read_settings(project).command == ("./log", "--fast")
    (project / "pyproject.toml").write_text(f"{text}seed = -1\n")
    with pytest.raises(Invalid, match=r"pyproject\.toml:6: "):
        read_settings(project)


def test_a_pyproject_of_others_is_left_alone(project: Path) -> None:
    """A file without the table settles nothing."""
    (project / "pyproject.toml").write_text("[tool.black]\n")
    assert read_settings(project).command == ()


def test_lines_are_counted_in_lists_of_tables() -> None:
    """The second of two tables of a name is told from the first."""
    text = '[[known]]\nid = "A"\n\n[[known]]\nlink = "b"\nid = "B"\n'
    assert [line_of(text, "id", "known", number) for number in (1, 2)] == [2, 6]
    assert line_of(text, "expires", "known", 2) == 4


def test_the_schema_of_settings_names_what_there_is() -> None:
    """It is a schema, and its crash models are those in which adapters are judged."""
    schema = json.loads((specification_directory() / "schema/project.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["properties"]["crash_models"]["items"]["enum"] == [*CLAIMED]
