"""A cleanup: what it leaves, also if the power is lost at any moment of it."""

import sys
from pathlib import Path

import pytest
from tornproof_conformance.adapter.adapter_subject import AdapterSubject
from tornproof_conformance.checks.cleanup_power_loss import clean_up
from tornproof_conformance.power.recorded_subject import RecordedSubject
from tornproof_conformance.pytest_support.plugin import requirement
from tornproof_conformance.scenarios.addresses import cleanup_keeps_what_a_cursor_needs

from tests.recorders import needs_recorder

COMMAND = [sys.executable, str(Path(__file__).parent / "cleaning_adapter.py")]


@needs_recorder
@requirement("SEG-7")
@pytest.mark.parametrize(("mistake", "violated"), [([], set()), (["hurries"], {"SEG-7"})])
def test_each_removal_is_durable_before_the_next(mistake: list[str], violated: set[str]) -> None:
    """Otherwise a crash can undo the first and keep the second, and a hole is left."""
    command = [*COMMAND, *mistake]
    with AdapterSubject.running(command) as adapter, RecordedSubject.of(adapter) as subject:
        assert {each.requirement for each in clean_up(subject, ())} == violated


@requirement("JRN-15")
@pytest.mark.parametrize(("mistake", "violated"), [([], set()), (["counts-anew"], {"JRN-15"})])
def test_an_append_after_a_cleanup_is_where_it_says(mistake: list[str], violated: set[str]) -> None:
    """Offsets go on; and files with names of their own are no fault of a cleanup."""
    with AdapterSubject.running([*COMMAND, *mistake]) as subject:
        found = cleanup_keeps_what_a_cursor_needs.judge(subject)

    assert {each.requirement for each in found} == violated
