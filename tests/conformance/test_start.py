"""What is imported, and what is not, before anything is done."""

import inspect
import json
import subprocess
import sys

import pytest
from tornproof_conformance.commands import TABLE, load

SLOW = {"hypothesis", "joblib", "jsonschema", "jinja2", "rich", "cryptography", "sqlite3"}
"""Libraries that take longer than everything that a command about a journal needs."""


def imported_by(code: str) -> set[str]:
    """Return the names of what a fresh interpreter has imported after some code."""
    code = f"import json, sys\n{code}\nprint('\\n' + json.dumps(list(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(json.loads(run.stdout.splitlines()[-1]))


@pytest.mark.parametrize("name", list(TABLE))
def test_the_table_says_what_the_commands_say(name: str) -> None:
    """Their short help stands in it as well, so that a list of them need not import them."""
    paragraph = inspect.cleandoc(load(name).help or "").split("\n\n")[0]
    assert TABLE[name].summary == " ".join(paragraph.split())
    assert load(name).name == name


@pytest.mark.parametrize(
    "arguments",
    [
        ["--version"],
        ["--help"],
        ["recover", "/nowhere"],
        ["inspect", "/nowhere"],
        ["explain", "ext4"],
    ],
)
def test_what_is_small_imports_little(arguments: list[str]) -> None:
    """Who looks into a journal does not wait for what judges one."""
    modules = imported_by(
        "from tornproof_conformance.cli import main\n"
        f"try: main({arguments})\n"
        "except SystemExit: pass"
    )
    assert "click" in modules
    assert not SLOW & modules


def test_an_adapter_imports_no_judge() -> None:
    """It is started for every kill of a run."""
    modules = imported_by("import tornproof_conformance.kit")
    assert not {"tornproof_models", "jsonschema_rs", *SLOW} & modules


def test_checks_read_no_vectors_before_they_run() -> None:
    """Nobody who only asks for help should wait for them."""
    code = (
        "import tornproof_conformance.run.adapter_run\n"
        "from tornproof_conformance.vectors.vector import cases\n"
        "assert not cases.cache_info().currsize"
    )
    modules = imported_by(code)
    assert "tornproof_conformance.vectors.vector" in modules


def test_a_requirement_is_told_before_everything_is_imported() -> None:
    """Who looks at it takes a second to find out, and the text is read meanwhile."""
    modules = imported_by(
        "import click, sys\n"
        "told = []\n"
        "click.echo = lambda text, **_: told.append((text, set(sys.modules)))\n"
        "from tornproof_conformance.commands.explain import command\n"
        "command(['REC-2'], standalone_mode=False)\n"
        "assert told[0][0].startswith('REC-2 (MUST)')\n"
        "assert not {'hypothesis', 'tornproof_conformance.checks.catalogue'} & told[0][1]\n"
        "assert 'exploration' in ''.join(text for text, _ in told)"
    )
    assert "tornproof_conformance.checks.catalogue" in modules
