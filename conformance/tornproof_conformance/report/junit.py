"""
JUnit XML, which every continuous integration service can read.

A family of requirements is a suite, a requirement is a case.  The format has no
word for "violated, but only a SHOULD" or for "known": such a case is skipped,
with a message that says which of the two it is.
"""

import re
from collections.abc import Mapping
from itertools import groupby
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from tornproof_models.documents.words import printable_lines

from tornproof_conformance.report.run_record import RunRecord
from tornproof_conformance.report.words import (
    diagnosis_lines,
    excuse_words,
    named,
    numbers,
    records_words,
    recovered_words,
    replay_command,
    rests_on,
)
from tornproof_conformance.specification.requirements import FAMILIES
from tornproof_conformance.stream.run_events import RequirementJudged, ViolationFound

_FORBIDDEN = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 cannot hold, not even escaped."""


def render_junit(record: RunRecord) -> str:
    """Write a run as JUnit XML."""
    root = Element("testsuites", name=_clean(f"tornproof: {named(record)}"))
    violations = {found.requirement: found for found in record.violations}
    for family, verdicts in groupby(record.verdicts, key=_family):
        suite = SubElement(root, "testsuite", name=FAMILIES.get(family, family))
        for verdict in verdicts:
            _add_case(suite, verdict, violations)
        _count(suite)
    for check in record.inconclusive:
        suite = SubElement(root, "testsuite", name="Run")
        case = SubElement(suite, "testcase", classname="tornproof", name=_clean(check.check))
        SubElement(case, "skipped", message=_clean(f"inconclusive: {check.covered}"))
        _count(suite)
    if record.finished is None:
        suite = SubElement(root, "testsuite", name="Run")
        case = SubElement(suite, "testcase", classname="tornproof", name="the run ends")
        error = SubElement(case, "error", message=_clean(numbers(record)))
        if record.diagnosis:
            error.text = _clean("\n".join(diagnosis_lines(record.diagnosis)))
        _count(suite)
    else:
        root.set("time", f"{record.finished.seconds:.3f}")
    _count(root)
    indent(root)
    return tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _family(verdict: RequirementJudged) -> str:
    return verdict.requirement.partition("-")[0]


def _add_case(
    suite: Element, verdict: RequirementJudged, violations: Mapping[str, ViolationFound]
) -> None:
    case = SubElement(
        suite,
        "testcase",
        classname=f"tornproof.{_family(verdict)}",
        name=_clean(f"{verdict.requirement} {verdict.sentence}"),
    )
    found = violations.get(verdict.requirement)
    state = verdict.excuse.state if verdict.excuse else ""
    if state in ("expired", "unexpected pass"):
        _fail(case, excuse_words(verdict), found)
    elif verdict.excuse:
        SubElement(case, "skipped", message=_clean(excuse_words(verdict)))
    elif verdict.verdict == "violated" and verdict.level == "MUST":
        _fail(case, found.message if found else "violated", found)
    elif verdict.verdict == "violated":
        words = f"violated, which is a {verdict.level} and fails nothing"
        SubElement(case, "skipped", message=_clean(words))
    elif verdict.verdict in ("starved", "not covered"):
        SubElement(case, "skipped", message=_clean(f"{verdict.verdict}: {rests_on(verdict)}"))
    if verdict.checks:
        SubElement(case, "system-out").text = _clean(f"checks: {', '.join(verdict.checks)}")


def _fail(case: Element, message: str, found: ViolationFound | None) -> None:
    failure = SubElement(case, "failure", message=_clean(message), type="violation")
    if found:
        failure.text = _clean(violation_text(found))


def violation_text(found: ViolationFound) -> str:
    """Tell a violation in plain lines."""
    lines = [found.sentence, "", found.message, "", *found.program]
    if found.crash_model:
        lines += ["", f"mildest crash model: {found.crash_model}"]
    for crash in found.crashes:
        lines += [moment.words for moment in crash.after]
        lines += [f"✂ {loss}" for loss in crash.lost]
    if found.crashes and not found.symptom:
        lines += [f"expected: {records_words(found.expected, 'nothing in particular')}"]
        lines += [f"recovered: {recovered_words(found)}"]
    return "\n".join([*lines, "", replay_command(found)])


def _count(parent: Element) -> None:
    for name, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        parent.set(name, str(sum(1 for _ in parent.iter(tag))))
    parent.set("tests", str(sum(1 for _ in parent.iter("testcase"))))


def _clean(text: str) -> str:
    return _FORBIDDEN.sub("�", printable_lines(text))
