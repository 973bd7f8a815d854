"""JUnit XML, Markdown, the badge and the terminal, of the same runs."""

import json
import re
from collections.abc import Iterable, Iterator
from io import StringIO
from xml.etree import ElementTree

import pytest
from attrs import evolve
from rich.console import Console
from tornproof_conformance.report.badge import render_badge
from tornproof_conformance.report.junit import render_junit
from tornproof_conformance.report.markdown import block, code, plain, render_markdown
from tornproof_conformance.report.page import render_page
from tornproof_conformance.report.run_record import RunRecord
from tornproof_conformance.report.terminal import TerminalReport
from tornproof_conformance.report.words import replay_command
from tornproof_conformance.stream.run_events import CheckFinished, CheckStarted, Progress, RunEvent

from tests.conformance.report_runs import (
    FAILING,
    HOSTILE,
    PASSING,
    cut_off,
    diagnosed,
    events_of,
    excused,
    hostile,
    inconclusive,
    record_of,
)


def junit(record: RunRecord) -> ElementTree.Element:
    """Write JUnit XML and read it again."""
    return ElementTree.fromstring(render_junit(record).encode())


def case_of(root: ElementTree.Element, requirement: str) -> ElementTree.Element:
    """Find the case of a requirement."""
    (found,) = (c for c in root.iter("testcase") if c.attrib["name"].startswith(f"{requirement} "))
    return found


@pytest.mark.parametrize("record", [record_of(PASSING), record_of(FAILING)])
def test_junit_counts_what_it_holds(record: RunRecord) -> None:
    """The counts of each suite and of the whole are those of the cases below."""
    root = junit(record)
    assert root.tag == "testsuites"
    for parent in (root, *root.iter("testsuite")):
        cases = list(parent.iter("testcase"))
        assert int(parent.attrib["tests"]) == len(cases) > 0
        for name, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            assert int(parent.attrib[name]) == len([c for c in cases if c.find(tag) is not None])
    assert int(root.attrib["tests"]) == len(record.verdicts)
    failed = [e for e in record.verdicts if e.verdict == "violated" and e.level == "MUST"]
    assert int(root.attrib["failures"]) == len(failed)


def test_junit_tells_the_violation() -> None:
    """A failure holds message, program and replay."""
    failure = case_of(junit(record_of(FAILING)), "REC-2").find("failure")
    assert failure is not None
    assert "the cut comes undone" in failure.attrib["message"]
    assert "append(600 bytes)" in (failure.text or "")
    assert "tornproof replay" in (failure.text or "")


@pytest.mark.parametrize(
    ("state", "requirement", "tag"),
    [
        ("known", "REC-2", "skipped"),
        ("expired", "REC-2", "failure"),
        ("unexpected pass", "REC-1", "failure"),
    ],
)
def test_junit_knows_known_failures(state: str, requirement: str, tag: str) -> None:
    """A known failure is skipped; an expired one and an unexpected pass fail."""
    root = junit(excused(record_of(FAILING), state, requirement))
    assert case_of(root, requirement).find(tag) is not None


def test_junit_of_a_run_that_was_cut_off_has_an_error() -> None:
    """A run without a verdict must not pass for one."""
    assert junit(cut_off(record_of(PASSING))).attrib["errors"] == "1"
    (error,) = junit(diagnosed(record_of(PASSING))).iter("error")
    assert "It said nothing for 5 s." in (error.text or "")


def test_what_a_verdict_rests_on_and_leaves_out_is_said() -> None:
    """On the terminal, on the page and in Markdown, each line once under its heading."""
    measured, note = "ext4: held against Linux 6.1", "fchmod was called: modes are left out"
    printed = StringIO()
    record = TerminalReport(Console(file=printed, width=200)).show(
        evolve(event, measurements=(measured,), notes=(note,))
        if isinstance(event, CheckFinished)
        else event
        for event in events_of(PASSING)
    )

    for text in (printed.getvalue(), render_page(record), render_markdown(record)):
        assert text.count(measured) == text.count(note) == 1
        lines = text.splitlines()
        assert any("crash models, as measured (spec/kernels.md):" in line for line in lines)
        assert any("seen while recording, not followed:" in line for line in lines)


def test_what_is_inconclusive_is_said() -> None:
    """A check that could not say anything is named with its reason, and the verdict qualified."""
    record = inconclusive(record_of(PASSING))
    assert "inconclusive: strace is missing" in render_junit(record)
    text = render_markdown(record)
    assert text.startswith("## ❔ reference 0.1.0 is not judged: too little was tried\n")
    assert "could not say anything: strace is missing" in text
    assert "Inconclusive: strace is missing" in render_page(record)


@pytest.mark.parametrize(
    ("record", "code"),
    [
        (record_of(PASSING), 0),
        (record_of(FAILING), 1),
        (excused(record_of(FAILING), "known"), 0),
        (diagnosed(record_of(PASSING)), 3),
        (cut_off(record_of(PASSING)), 4),
        (inconclusive(record_of(PASSING)), 4),
        (inconclusive(record_of(FAILING)), 1),
    ],
)
def test_the_exit_code_says_what_came_out(record: RunRecord, code: int) -> None:
    """A violation weighs more than a check that could not say anything."""
    assert record.exit_code == code


def test_crash_models_are_told_from_mild_to_harsh() -> None:
    """Whichever check came first; one that is not known comes last."""
    record = record_of(PASSING)
    crashed = (("adversarial", "of-tomorrow"), ("process-kill",))
    checks = tuple(
        evolve(check, crash_models=crash_models)
        for check, crash_models in zip(record.checks, crashed, strict=True)
    )
    told = evolve(record, checks=checks).crash_models
    assert told == ("process-kill", "adversarial", "of-tomorrow")


def test_junit_survives_hostile_names() -> None:
    """What XML cannot hold is replaced, the rest comes back as it was."""
    root = junit(hostile(record_of(FAILING)))
    assert "<script>alert('1')</script>" in root.attrib["name"]
    assert "\x00" not in "".join(root.itertext())


def test_markdown_tells_verdict_violations_and_all_requirements() -> None:
    """A heading with the verdict, a heading for each violation, a line for each requirement."""
    record = record_of(FAILING)
    text = render_markdown(record)
    assert text.startswith("## ❌ appends-behind-a-torn-tail does not conform\n")
    for found in record.violations:
        assert f"### ✗ {found.requirement} is violated" in text
    assert len(re.findall(r"^\| [✓✗·] \| \*\*", text, re.M)) == len(record.verdicts)


def test_markdown_of_hostile_names_has_no_markup() -> None:
    """Nothing becomes an element, and no cell of a table is cut in two."""
    text = render_markdown(hostile(record_of(FAILING)))
    outside = re.sub(r"^(`{3,})\n.*?\n\1$", "", text, flags=re.M | re.S)
    outside = re.sub(r"(`+) ?[^\n]*?[^`]\1(?!`)", "", outside)
    assert set(re.findall(r"<(/?\w+)", outside)) == {
        *("details", "summary", "/summary", "/details", "sub", "/sub")
    }
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {4, 6}


def test_markdown_quotes_text_that_holds_its_own_quotes() -> None:
    """A fence is longer than any run of backticks in it."""
    assert list(block("a\n````\nb")) == ["`````", "a\n````\nb", "`````"]
    assert code("a `b` c") == "`` a `b` c ``"
    assert plain("1. *a*\n<b> | c") == r"1\. \*a\* &lt;b&gt; \| c"


@pytest.mark.parametrize(
    ("record", "message", "colour"),
    [
        (record_of(PASSING), "{holds} of {total} hold", "brightgreen"),
        (record_of(FAILING), "3 violated", "red"),
        (excused(record_of(FAILING), "known"), "3 violated (known)", "yellow"),
        (excused(record_of(PASSING), "unexpected pass"), "{holds} hold, not as expected", "orange"),
        (cut_off(record_of(PASSING)), "no verdict", "lightgrey"),
        (diagnosed(record_of(PASSING)), "broken adapter", "red"),
        (inconclusive(record_of(PASSING)), "{holds} hold, inconclusive", "yellow"),
    ],
    ids=["passing", "failing", "known", "unexpected", "cut off", "broken", "inconclusive"],
)
def test_the_badge_says_what_came_out(record: RunRecord, message: str, colour: str) -> None:
    """A badge has the four fields of the endpoint format, and tells the truth in one."""
    counts = {
        "holds": sum(each.verdict == "holds" for each in record.verdicts),
        "total": len(record.verdicts),
    }
    assert json.loads(render_badge(record)) == {
        "schemaVersion": 1,
        "label": "tornproof",
        "message": message.format(**counts),
        "color": colour,
    }


def terminal(events: Iterable[RunEvent], verbosity: int = 0) -> str:
    """Show a run in a log of a hundred columns."""
    console = Console(file=StringIO(), width=100, highlight=False)
    TerminalReport(console, verbosity=verbosity).show(events)
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


def test_the_terminal_tells_the_same_story() -> None:
    """Lanes, crash, bytes and replay of a violation, and the verdict at the end."""
    output = terminal(events_of(FAILING), verbosity=1)
    for part in (
        "tornproof 0.1.0 judges appends-behind-a-torn-tail",
        "✗ REC-2",
        "⇩ fsync directory journal",
        "✂ power is lost",
        "length 600 reaches beyond the file",
        "length  58 02 00 00",
        "tornproof replay .tornproof/REC-2-",
        "does not conform",
    ):
        assert part in output


def test_findings_stand_last_and_are_short() -> None:
    """A line for each family, then each finding with its sentence, program, loss and replay."""
    output = terminal(events_of(FAILING))
    families, _, findings = output.partition("\n\n✗ REC-2 ")
    assert "✗ Recovery" in families
    assert "JRN-1 " not in families
    lines = findings.splitlines()
    assert lines[0] == "The cut is durable before the first append after it."
    assert [line[:10].strip() for line in lines[1:5]] == ["what", "program", "lost", "replay"]
    assert all(line == line.rstrip() for line in output.splitlines())


def test_quiet_leaves_findings_and_the_result() -> None:
    """With -q nothing is said of checks and families."""
    output = terminal(events_of(FAILING), verbosity=-1)
    assert output.lstrip().startswith("✗ REC-2")
    assert "does not conform" in output.splitlines()[-1]


def test_a_log_is_told_every_half_minute_how_far_it_is() -> None:
    """Share, figures and rate stand on a line; what comes sooner is left out."""
    now = [0.0]
    console = Console(file=StringIO(), width=100, highlight=False)
    report = TerminalReport(console, clock=lambda: now[0])

    def stream() -> Iterator[RunEvent]:
        started, *_, finished = events_of(PASSING)
        yield started
        yield CheckStarted("exploration", "every small program")
        for seconds in (0, 10, 40, 50, 80):
            now[0] = seconds
            yield Progress("exploration", seconds, 100, "prefix", 1000 * seconds)
        yield CheckFinished("exploration", "all of it", 80)
        yield finished

    report.show(stream())
    assert isinstance(console.file, StringIO)
    lines = [line for line in console.file.getvalue().splitlines() if " %, " in line]
    assert lines == [
        "exploration  40 %, prefix, 1,000 a second",
        "exploration  80 %, prefix, 1,000 a second",
    ]


def test_the_replay_of_an_adapter_names_its_command() -> None:
    """A reproducer is not asked what to run, so the command has to follow."""
    found = evolve(record_of(FAILING).violations[0], reproducer="a.json", command="./log --fast")
    assert replay_command(found) == "tornproof replay a.json -- ./log --fast"


def test_the_terminal_diagnoses_a_broken_adapter() -> None:
    """What is wrong stands last."""
    record = diagnosed(record_of(PASSING))
    assert record.diagnosis
    output = terminal((record.started, record.diagnosis))
    assert "the adapter is broken: no reply" in output
    assert "Is its output flushed?" in output


def test_the_terminal_shows_hostile_names_as_they_stand() -> None:
    """Brackets of a name are no markup of the terminal's."""
    record = hostile(record_of(FAILING))
    assert "[31m" in HOSTILE
    assert "[31m" in terminal((record.started, *record.violations))
