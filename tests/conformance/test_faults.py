"""A fault of the suite is told from a verdict: exit code 5, one line, and no traceback."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

TORNPROOF = Path(sys.executable).with_name("tornproof")


def run(
    *arguments: str, output: int = subprocess.PIPE, **settings: str
) -> "subprocess.CompletedProcess[str]":
    """Run a command as a process, with its output somewhere."""
    return subprocess.run(
        [TORNPROOF, *arguments],
        stdout=output,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        env={**os.environ, **settings},
    )


def test_an_output_that_is_full_is_no_verdict() -> None:
    """The disk has no room for what there is to say."""
    with Path("/dev/full").open("wb") as full:
        ended = run("list", "requirements", output=full.fileno())
    assert ended.returncode == 5
    assert ended.stderr == (
        "tornproof: cannot write the output: No space left on device: there is no verdict\n"
    )


def test_an_output_that_nobody_reads_ends_the_command() -> None:
    """Nothing is said, as nobody listens, and it is no verdict either."""
    reader, writer = os.pipe()
    os.close(reader)
    ended = run("list", "requirements", output=writer)
    os.close(writer)
    assert (ended.returncode, ended.stderr) == (4, "")


def test_a_terminal_that_knows_no_unicode_is_written_to() -> None:
    """What it does not have comes as escapes."""
    ended = run("explain", "REC-2", PYTHONIOENCODING="ascii")
    assert ended.returncode == 0
    assert ended.stdout.isascii()


def test_a_python_without_docstrings_is_refused() -> None:
    """They say what a check looks at."""
    ended = run("list", "checks", PYTHONOPTIMIZE="2")
    assert ended.returncode == 2
    assert ended.stderr.startswith("Error: Python runs without docstrings")


def test_a_working_directory_that_is_gone_is_said(tmp_path: Path) -> None:
    """Some libraries look for it when they are imported."""
    gone = tmp_path / "gone"
    gone.mkdir()
    script = f'rmdir "{gone}"; exec "{TORNPROOF}" check --only exploration'
    ended = subprocess.run(["sh", "-c", script], cwd=gone, capture_output=True, text=True)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == "Error: the working directory is gone: change into another\n"


FAULTY = """
import sys
from tornproof_conformance import cli
from tornproof_conformance.commands import load
def fail(*_, **__):
    raise RuntimeError("\\x1b[31mnobody thought of this")
load("list").callback = fail
cli.main(["list", "checks"])
"""


def test_what_nobody_expected_is_reported(tmp_path: Path) -> None:
    """One line says that the suite is at fault, and where the traceback is."""
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    ended = subprocess.run(
        [sys.executable, "-c", FAULTY], capture_output=True, text=True, env=environment
    )
    (log,) = tmp_path.glob("tornproof-fault-*.log")
    assert ended.returncode == 5
    assert ended.stderr == (
        "tornproof: a fault of the suite itself (RuntimeError: \\x1b[31mnobody thought of this), "
        f"no verdict; the traceback is in {log}: report it with the command\n"
    )
    assert "Traceback" in log.read_text()


def interrupted(number: signal.Signals, *arguments: str, word: str) -> int:
    """Start a command, send it a signal once it has said a word, return its exit code."""
    with subprocess.Popen([TORNPROOF, *arguments], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert any(word in line for line in process.stdout)
        process.send_signal(number)
        process.communicate()
        return process.returncode


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGINT, signal.SIGTERM])
def test_every_way_to_end_a_run_is_the_same(number: signal.Signals) -> None:
    """Hanging up and terminating clean up as Ctrl-C does: no verdict, exit code 4."""
    arguments = ("check", "schedules", "--queue-events", "3")
    assert interrupted(number, *arguments, word="judges") == 4
