"""A journal is interrupted anywhere, and loses, invents and locks nothing (JRN-12, JRN-14)."""

from pathlib import Path

from tornproof_conformance.pytest_support.plugin import requirement

from tests.reference import interrupted_queue, interruptions

SHARE = 131
"""One instruction in so many; `make soak` takes all of them."""


@requirement("JRN-12", "JRN-14", "JRN-5", "JRN-3")
def test_an_exception_before_any_instruction_breaks_nothing(tmp_path: Path) -> None:
    """What was acknowledged is there, nothing else is, the journal opens, and takes records."""
    tried = list(interruptions.everywhere(tmp_path, SHARE))

    assert [each for each in tried if each[2]] == []
    assert len(tried) > 150


@requirement("DRN-1", "DRN-3", "JRN-12")
def test_an_exception_in_a_submit_or_a_step_loses_and_doubles_nothing(tmp_path: Path) -> None:
    """Each admitted event is in the chain once, after the queue was opened again."""
    tried = list(interrupted_queue.everywhere(tmp_path, SHARE // 4))

    assert [each for each in tried if each[2]] == []
    assert len(tried) > 10
