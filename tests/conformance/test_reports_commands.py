"""The commands around events: check, report, matrix, diff."""

import json
import os
import re
import signal
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from attrs import evolve
from click.testing import CliRunner, Result
from tornproof_conformance.cli import main
from tornproof_conformance.commands.outputs import Outputs
from tornproof_conformance.report.difference import compare
from tornproof_conformance.report.matrix import make_matrix
from tornproof_conformance.stream.event_file import read_events
from tornproof_conformance.stream.run_events import RunEvent

from tests.conformance.report_runs import FAILING, PASSING, events_of, record_of

CHECKOUT = Path(__file__).resolve().parents[2]


def tornproof(*arguments: str | Path) -> Result:
    """Run a command in this process."""
    return CliRunner().invoke(main, [str(each) for each in arguments])


def outputs(directory: Path) -> list[str | Path]:
    """The options for every report."""
    return [
        *("--html", directory / "run.html", "--junit", directory / "run.xml"),
        *("--markdown", directory / "run.md", "--badge", directory / "badge.json"),
    ]


def test_check_writes_every_report(tmp_path: Path) -> None:
    """A check leaves its events and the four reports, and reporting later gives the same ones."""
    now, later = tmp_path / "now", tmp_path / "later"
    small = ("--operations", "1", "vectors", "--reproducers", tmp_path)
    checked = tornproof("check", *small, "--events", now / "run.ndjson", *outputs(now))
    assert checked.exit_code == 0, checked.output
    reported = tornproof("report", now / "run.ndjson", *outputs(later))
    assert reported.exit_code == 0, reported.output
    assert reported.output == checked.output
    for path in sorted(later.iterdir()):
        assert path.read_text() == (now / path.name).read_text()
    assert len(list(later.iterdir())) == 4


def test_a_run_that_is_terminated_leaves_what_it_has_said(tmp_path: Path) -> None:
    """SIGTERM ends a run as Ctrl-C does: events and reports are written, without a verdict."""
    started, *others = events_of(FAILING)
    events, page = tmp_path / "run.ndjson", tmp_path / "run.html"
    outputs = Outputs(events, {"html": page}, known={}, today=date(2026, 11, 21))

    def stream() -> Iterator[RunEvent]:
        yield started
        yield from others[:4]
        os.kill(os.getpid(), signal.SIGTERM)
        yield from others[4:]

    with pytest.raises(KeyboardInterrupt):
        list(outputs.keep(stream()))
    assert read_events(events) == (started, *others[:4])
    assert "was not judged to the end" in page.read_text()


def test_report_ends_as_the_run_did(tmp_path: Path) -> None:
    """Exit code 0, 1, or 4 for a run that was cut off."""
    torn = tmp_path / "torn.ndjson"
    torn.write_text(PASSING.read_text()[:-10])
    codes = [tornproof("report", path).exit_code for path in (PASSING, FAILING, torn)]
    assert codes == [0, 1, 4]


def test_known_failures_decide_the_exit_code(tmp_path: Path) -> None:
    """A run whose every failure is known succeeds, and still says that it does not conform."""
    entries = [
        f'[[known]]\nid = "{identifier}"\nreason = "r"\nlink = "https://example.org"\n'
        "expires = 9999-12-31\n"
        for identifier in ("REC-2", "REC-3", "REC-4")
    ]
    known = tmp_path / "known.toml"
    known.write_text("".join(entries))
    result = tornproof("report", FAILING, "--known", known)
    assert result.exit_code == 0
    assert "does not conform" in result.output
    assert "as expected" in result.output


@pytest.mark.parametrize("command", ["report", "matrix", "diff"])
def test_a_file_that_is_none_ends_with_one_line(command: str, tmp_path: Path) -> None:
    """Exit code 2, no traceback."""
    bad = tmp_path / "bad.ndjson"
    bad.write_text("{}\n")
    result = tornproof(command, *[bad] * (2 if command == "diff" else 1))
    assert result.exit_code == 2
    assert len(result.output.splitlines()) == 1


def test_a_report_that_cannot_be_written_ends_with_one_line(tmp_path: Path) -> None:
    """A place that is no directory is named before the run begins."""
    blocked = tmp_path / "file"
    blocked.write_text("")
    result = tornproof("check", "--html", blocked / "run.html")
    assert result.exit_code == 2
    assert result.output.startswith("tornproof: cannot write")


def test_a_matrix_puts_runs_side_by_side() -> None:
    """A row for each requirement, a column for each run, in the order of the specification."""
    matrix = make_matrix([(path, record_of(path)) for path in (PASSING, FAILING)])
    assert matrix.columns == ("reference 0.1.0", "appends-behind-a-torn-tail")
    verdicts = {row.requirement: row.verdicts for row in matrix.rows}
    assert verdicts["REC-2"] == ("holds", "violated")
    assert list(verdicts)[:2] == ["FRM-1", "FRM-2"]
    assert [row.requirement for row in matrix.rows if row.requirement.startswith("REC")] == [
        f"REC-{number}" for number in range(1, 13)
    ]


def test_two_runs_of_the_same_are_told_apart_by_their_files() -> None:
    """Columns never have the same name."""
    matrix = make_matrix([(path, record_of(PASSING)) for path in (PASSING, FAILING)])
    assert matrix.columns == ("reference 0.1.0 (passing)", "reference 0.1.0 (failing)")


def test_matrix_prints_a_table_markdown_or_json() -> None:
    """The same verdicts in three forms."""
    assert "REC-2" in tornproof("matrix", PASSING, FAILING).output
    assert "| ✓ | ✗ |" in tornproof("matrix", "--markdown", PASSING, FAILING).output
    document = json.loads(tornproof("matrix", "--json", PASSING, FAILING).output)
    assert len(document["columns"]) == 2


def test_a_broken_requirement_is_worse_and_a_mended_one_is_not() -> None:
    """What one direction calls broken, the other calls mended."""
    passing, failing = record_of(PASSING), record_of(FAILING)
    kinds = {change.requirement: change.kind for change in compare(passing, failing).changes}
    back = {change.requirement: change.kind for change in compare(failing, passing).changes}
    assert kinds["REC-2"] == "broken"
    assert back["REC-2"] == "mended"
    assert compare(passing, failing).worse


@pytest.mark.parametrize(
    ("verdict", "checks", "kind"),
    [
        ("holds", ("exploration",), "rests on less"),
        ("not covered", (), "no longer covered"),
        ("", (), "no longer judged"),
    ],
)
def test_nobody_looking_any_more_is_worse(verdict: str, checks: tuple[str, ...], kind: str) -> None:
    """A requirement that fewer checks try is a change for the worse, though none is violated."""
    before = record_of(PASSING)
    verdicts = tuple(
        evolve(each, verdict=verdict, checks=checks) if each.requirement == "REC-1" else each
        for each in before.verdicts
        if verdict or each.requirement != "REC-1"
    )
    found = compare(before, evolve(before, verdicts=verdicts))
    assert [(change.requirement, change.kind) for change in found.changes] == [("REC-1", kind)]
    assert found.worse


def test_a_run_is_not_different_from_itself() -> None:
    """Nothing has changed, nothing is worse."""
    found = compare(record_of(FAILING), record_of(FAILING))
    assert (found.changes, found.figures, found.worse) == ((), (), False)


def test_diff_ends_with_1_if_something_is_worse() -> None:
    """The exit code says whether to look; --json says at what."""
    assert tornproof("diff", PASSING, PASSING).exit_code == 0
    result = tornproof("diff", PASSING, FAILING)
    assert result.exit_code == 1
    assert "REC-2 broken: holds, now violated" in result.output
    document = json.loads(tornproof("diff", "--json", PASSING, FAILING).output)
    assert document["worse"] is True


@pytest.mark.parametrize(
    ("path", "name"), [("action.yml", "check"), (".github/workflows/nightly.yml", "fuzz")]
)
def test_workflows_use_options_that_there_are(path: str, name: str) -> None:
    """Nobody is there at night to read that an option was renamed."""
    text = (CHECKOUT / path).read_text(encoding="utf-8")
    (call,) = re.findall(rf'tornproof"? {name} (.+?) \|', text, re.S)
    used = set(re.findall(r"(?<=\s)--[a-z]+", f" {call}"))
    known = {option for each in main.commands[name].params for option in each.opts}
    assert len(used) > 3
    assert used <= known
