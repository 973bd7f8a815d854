"""
Judge an adapter in pytest.

    pytest --tornproof-adapter "./journal-adapter --fast" -k scenarios

What `tornproof check` does in one run becomes a test for each scenario and frozen
vector, and one for each search, so that the usual options select, repeat and
report them.  A test is a run of one check, and what it says comes from the events
of that run, as in every other report.
"""

import shlex
from collections.abc import Iterator
from contextlib import ExitStack
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from attrs import frozen
from rich.console import Console

from tornproof_conformance.adapter.adapter_subject import AdapterSubject
from tornproof_conformance.adapter.speaking.diagnosis import Diagnosis
from tornproof_conformance.checks import Budget, Check
from tornproof_conformance.checks.situations import (
    SCENARIOS_CHECK,
    VECTORS,
    scenarios_check,
    vectors_check,
)
from tornproof_conformance.report.run_record import RunRecord, record_run
from tornproof_conformance.report.violation import render_diagnosis, render_violation
from tornproof_conformance.run.adapter_run import checks_of
from tornproof_conformance.run.runner import check_subject
from tornproof_conformance.scenarios import SCENARIOS
from tornproof_conformance.stream.run_events import ViolationFound
from tornproof_conformance.vectors.vector import image_vectors

WIDTH = 100
"""Columns in which a violation is told; pytest indents nothing."""


@frozen
class Judged:
    """An adapter that is running, and how far to go with it."""

    subject: AdapterSubject
    budget: Budget
    reproducers: Path

    def run(self, check: Check) -> RunRecord:
        """Put the adapter through one check."""
        return record_run(
            check_subject(
                self.subject, budget=self.budget, reproducers=self.reproducers, checks=[check]
            )
        )


class NotHeld(Exception):
    """A test failed; the text is for people, and there is no traceback worth showing."""


class CheckItem(pytest.Item):
    """A check of an adapter as a test."""

    def __init__(self, *, judged: Judged, check: Check, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._judged = judged
        self._check = check
        self.add_marker(pytest.mark.tornproof)
        self.add_marker(pytest.mark.requirement(*sorted(check.covers(judged.subject))))

    def runtest(self) -> None:
        """Fail for what must hold and does not; say so for what only should."""
        record = self._judged.run(self._check)
        if record.diagnosis:
            raise NotHeld(_text(render_diagnosis(record.diagnosis)))
        must: list[ViolationFound] = []
        should: list[ViolationFound] = []
        for found in record.violations:
            verdict = record.verdict(found.requirement)
            (must if verdict is None or verdict.level == "MUST" else should).append(found)
        if must:
            raise NotHeld("".join(_text(render_violation(found)) for found in [*must, *should]))
        if should:
            pytest.xfail(_named(should))
        if not all(check.conclusive for check in record.checks):
            pytest.skip(record.checks[0].covered)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """Tell a violation as the terminal does."""
        if isinstance(excinfo.value, NotHeld):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, None, str]:
        """Name the test in headings."""
        return self.path, None, self.nodeid


class Adapter(pytest.Collector):
    """The tests of one adapter."""

    judged: Judged

    def collect(self) -> Iterator[pytest.Item]:
        """Yield a test for each scenario and vector that applies, and for each search."""
        for check in checks_of(self.judged.subject):
            for name, part in _parts(check, self.judged.subject):
                yield CheckItem.from_parent(self, name=name, judged=self.judged, check=part)


def collect_adapter(session: pytest.Session, command: str, seconds: int) -> list[pytest.Item]:
    """
    Start an adapter and return its tests; it runs until the session ends.

    Raises `pytest.UsageError` if it does not start or does not say who it is.
    """
    running = ExitStack()
    try:
        subject = running.enter_context(AdapterSubject.running(shlex.split(command)))
    except Diagnosis as found:
        raise pytest.UsageError(found.explain()) from None
    session.config.add_cleanup(running.close)
    adapter = Adapter.from_parent(session, name="tornproof", nodeid="tornproof")
    adapter.judged = Judged(
        subject, Budget(seconds=seconds), session.config.rootpath / ".tornproof"
    )
    return list(adapter.collect())


def _parts(check: Check, subject: AdapterSubject) -> Iterator[tuple[str, Check]]:
    """Cut a check of situations into one for each that applies; a search stays whole."""
    parts = [(check.name, check)]
    if check is SCENARIOS_CHECK:
        each = SCENARIOS.values()
        parts = [(f"scenarios/{scenario.name}", scenarios_check((scenario,))) for scenario in each]
    elif check is VECTORS:
        parts = [(f"vectors/{vector.id}", vectors_check((vector,))) for vector in image_vectors()]
    return ((name, part) for name, part in parts if part.covers(subject))


def _named(found: list[ViolationFound]) -> str:
    return "; ".join(f"{each.requirement} (no MUST): {each.message}" for each in found)


def _text(shown: Any) -> str:
    console = Console(file=StringIO(), width=WIDTH, highlight=False)
    console.print(shown)
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()
