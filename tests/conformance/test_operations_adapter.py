"""Batches and truncations of an adapter, whose power is cut."""

import sys
from math import inf
from pathlib import Path

import pytest
from tornproof_conformance.adapter.adapter_subject import AdapterSubject
from tornproof_conformance.checks import Clock
from tornproof_conformance.checks.crash_search import CrashSearch
from tornproof_conformance.checks.small_programs import programs_of
from tornproof_conformance.power.recorded_subject import RecordedSubject
from tornproof_models.crash.program import Append, Batch, DropHead, DropTail, Program
from tornproof_models.crash.subject import Options

from tests.recorders import needs_recorder

COMMAND = [sys.executable, str(Path(__file__).parent / "operations_adapter.py")]


@needs_recorder
@pytest.mark.parametrize(
    ("miniature", "program", "violated"),
    [
        ("batch-record-by-record", (Batch((5, 24)),), {"JRN-18"}),
        ("truncated-before-sync", (Append(5), Append(24), DropTail(1)), {"JRN-17"}),
        ("", (Append(5), Batch((5, 24)), DropTail(2), DropHead(1)), set()),
    ],
)
def test_the_power_is_cut_in_batches_and_truncations(
    miniature: str, program: Program, violated: set[str]
) -> None:
    """What a miniature gets wrong shows over the protocol, and the twin comes through."""
    command = [*COMMAND, miniature] if miniature else COMMAND
    with AdapterSubject.running(command) as adapter, RecordedSubject.of(adapter) as subject:
        search = CrashSearch(subject, Clock(inf, 0), ("prefix",))
        search.run(program, Options(4096))

        assert {each.violation.requirement for each in search.tell()} == violated


class Claiming:
    """Something that claims."""

    def __init__(self, *claims: str) -> None:
        self.claims = frozenset(claims)


@pytest.mark.parametrize(
    ("claim", "kinds"),
    [("journal/batch", {Batch}), ("journal/truncate", {DropTail, DropHead})],
)
def test_a_claim_brings_its_programs(claim: str, kinds: set[type]) -> None:
    """Who claims an operation is given programs with it, and nobody else is."""

    def own(*claims: str) -> set[type]:
        subject = Claiming("journal/core", *claims)
        programs = [each for length in (1, 2) for _, each in programs_of(subject, length)]  # type: ignore[arg-type]
        return {type(step) for program in programs for step in program} & kinds

    assert own(claim) == kinds
    assert own() == set()
