"""Consumers and cleanup: the reference and the twins pass, and each wrong one is caught."""

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from tornproof_conformance.pytest_support.plugin import requirement
from tornproof_models.crash.subject import Options
from tornproof_models.disk.crash_models import CLAIMED, CRASH_MODELS
from tornproof_models.machines.cursor_machine import ReferenceConsumers, cursor_machine
from tornproof_models.miniatures.cleanup_miniatures import (
    CLEANERS,
    CONSUMERS,
    CURSORS,
    SMALL_CONSUMERS,
)
from tornproof_models.readers.cleanup_explorer import FILLED, explore_programs
from tornproof_models.readers.programs import ConsumerSubject

TARGETS: tuple[ConsumerSubject, ...] = (ReferenceConsumers(), SMALL_CONSUMERS)


@requirement("CUR-1", "CUR-2", "CUR-3", "SEG-7", "SEG-9")
@pytest.mark.parametrize("crash_model", CLAIMED)
@pytest.mark.parametrize("subject", TARGETS, ids=[subject.name for subject in TARGETS])
def test_every_image_of_every_small_program(subject: ConsumerSubject, crash_model: str) -> None:
    """Cursors move, consumers die anywhere, cleanup runs, and the power goes at any moment."""
    explored = explore_programs(subject, CRASH_MODELS[crash_model], 2)
    assert explored.violations == ()
    assert explored.programs > 60
    assert explored.images > 400


@requirement("CUR-1", "CUR-2", "CUR-3", "SEG-7")
@pytest.mark.parametrize("durability", ["immediate", "eventual"])
def test_long_random_programs(durability: str) -> None:
    """Two consumers, many deaths and crashes deep."""
    run_state_machine_as_test(
        cursor_machine(ReferenceConsumers(), Options(durability=durability)),
        settings=settings(
            max_examples=25, stateful_step_count=30, suppress_health_check=list(HealthCheck)
        ),
    )


JUDGED = frozenset({"CUR-1", "CUR-2", "CUR-3", "SEG-7", "SEG-9"})
"""What crashes show; forks, refusals and spoilt files are for scenarios."""


IN_SCENARIOS = frozenset({"remembers-its-place", "arrives-before-it-is-stored"})
"""Those that only another consumer, or a call that fails, convicts."""


def breaks_of(name: str) -> frozenset[str]:
    return CLEANERS[name].breaks if name in CLEANERS else CURSORS[name].breaks


def caught(name: str) -> tuple[str, str, int] | None:
    """Return (requirement, weakest crash model, steps) of what catches a miniature first."""
    subject = CONSUMERS[name]
    for crash_model in CLAIMED:
        explored = explore_programs(subject, CRASH_MODELS[crash_model], 2)
        for violation in explored.violations:
            if violation.requirement in breaks_of(name):
                return violation.requirement, crash_model, len(explored.program) - len(FILLED)
    return None


def test_every_miniature_is_caught(capsys: pytest.CaptureFixture[str]) -> None:
    """The kill table: what each wrong cleaner or cursor violates, and where it shows."""
    judged = {name for name in CONSUMERS if breaks_of(name) & JUDGED}
    table = {name: caught(name) for name in CONSUMERS if name in judged - IN_SCENARIOS}
    with capsys.disabled():
        print(f"\n{'cleaner or cursor':<30}{'violates':<10}{'weakest crash_model':<17}steps")
        for name, row in table.items():
            requirement_id, crash_model, steps = row or ("NOT CAUGHT", "", 0)
            print(f"{name:<30}{requirement_id:<10}{crash_model:<17}{steps or ''}")
    assert [name for name, row in table.items() if row is None] == []
    assert len(table) >= 8


@pytest.mark.parametrize("name", ["fastest-consumer-decides", "moves-backwards"])
def test_the_machine_catches_some_by_itself(name: str) -> None:
    """A random search finds what a person thought of."""
    with pytest.raises(AssertionError, match=r"SEG-7|CUR-"):
        run_state_machine_as_test(
            cursor_machine(CONSUMERS[name], Options()),
            settings=settings(
                max_examples=60,
                stateful_step_count=30,
                suppress_health_check=list(HealthCheck),
                phases=[Phase.generate],
            ),
        )
