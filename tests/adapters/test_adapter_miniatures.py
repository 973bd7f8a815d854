"""Each wrong adapter is told under the sentence that it breaks, and its twin under none."""

import sys
from pathlib import Path

import pytest
from tornproof_conformance.checks import Budget
from tornproof_conformance.run.adapter_run import check_adapter
from tornproof_conformance.run.selection import select
from tornproof_conformance.stream.run_events import Diagnosed, ViolationFound
from tornproof_conformance.wrong_adapters.breaches import ADAPTERS

TOLD = {"ADP-1", "ADP-4", "ADP-5"}
"""What a diagnosis is about: an adapter of which no verdict can be given."""

LOOKING = ("conversation", "scenarios")
"""The checks that look at the sentences of the protocol."""


def accused(name: str, reproducers: Path, timeout: float = 1) -> tuple[set[str], list[str]]:
    """Return the requirements that an adapter is told under, and the kinds of its diagnoses."""
    command = [sys.executable, "-m", "tornproof_conformance.wrong_adapters", name]
    events = list(
        check_adapter(
            command,
            budget=Budget(seconds=20),
            reproducers=reproducers,
            checks=select(LOOKING),
            timeout=timeout,
        )
    )
    found = {each.requirement for each in events if isinstance(each, ViolationFound)}
    return found, [each.kind for each in events if isinstance(each, Diagnosed)]


@pytest.mark.parametrize("name", ADAPTERS)
def test_a_wrong_adapter_is_told_under_what_it_breaks(name: str, tmp_path: Path) -> None:
    """By violations of that and nothing else, or by a diagnosis where there is no verdict."""
    found, diagnoses = accused(name, tmp_path)

    broken = set(ADAPTERS[name].breaks)
    if broken <= TOLD:
        assert not found
        assert len(diagnoses) == 1
    else:
        assert found == broken
        assert not diagnoses


def test_their_twin_is_told_under_nothing(tmp_path: Path) -> None:
    """The log that all of them keep, as a variant serves it."""
    command = [sys.executable, "-m", "tornproof_conformance.variants", "counts-records"]
    events = check_adapter(
        command, budget=Budget(seconds=20), reproducers=tmp_path, checks=select(LOOKING)
    )

    assert not [each for each in events if isinstance(each, Diagnosed | ViolationFound)]
