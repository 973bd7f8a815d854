"""Each wrong job queue is caught as a violation of what it breaks; the right ones are not."""

import re
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from tornproof_conformance.pytest_support.plugin import requirement
from tornproof_models.contract.job_queue import REQUIREMENTS, Claim
from tornproof_models.job_queues.world import explore_queue
from tornproof_models.machines.job_queue_machine import JobQueueMachine, job_queue_machine
from tornproof_models.machines.job_queue_schedules import SHORT, walk
from tornproof_models.machines.violated import Violated
from tornproof_models.miniatures.job_queue import MINIATURES, VARIANTS
from tornproof_models.miniatures.small_job_queue import SmallJobQueue
from tornproof_models.queues.schedules import Counterexample

QUE = sorted(REQUIREMENTS.values())
CHAPTER = Path(__file__).parents[2] / "spec" / "job-queues.md"


def caught(name: str) -> Counterexample | None:
    """Walk the short schedules until one shows what a miniature breaks."""
    for _, seen in walk(MINIATURES[name](), SHORT):
        if seen.counterexamples:
            return seen.counterexamples[0]
    return None


@pytest.fixture(scope="module")
def kill_table() -> dict[str, Counterexample | None]:
    """What catches each of them."""
    return {name: caught(name) for name in MINIATURES}


@requirement(*QUE)
def test_every_miniature_is_caught(
    kill_table: dict[str, Counterexample | None], capsys: pytest.CaptureFixture[str]
) -> None:
    """The kill table: the first schedule against each, and that it violates what it breaks."""
    with capsys.disabled():
        print(f"\n{'miniature':<40}{'violates':<10}steps")
        for name, found in kill_table.items():
            violates = found.violations[0].requirement if found else "NOT CAUGHT"
            print(f"{name:<40}{violates:<10}{len(found.schedule) if found else ''}")

    assert {
        name
        for name, found in kill_table.items()
        if found is None or found.violations[0].requirement not in MINIATURES[name].breaks
    } == set()


def test_every_sentence_is_broken_by_somebody(
    kill_table: dict[str, Counterexample | None],
) -> None:
    """Each of the seventeen is what some miniature is caught for."""
    assert {found.violations[0].requirement for found in kill_table.values() if found} == set(QUE)


@requirement(*QUE)
@pytest.mark.parametrize("name", VARIANTS)
def test_a_right_queue_is_acquitted(name: str) -> None:
    """No schedule of two jobs without a misfortune, or of one with any, is held against it."""
    undisturbed = explore_queue(VARIANTS[name](), misfortunes=0, takes=1)
    disturbed = explore_queue(VARIANTS[name](), misfortunes=1, takes=1, jobs=1)

    assert undisturbed.counterexamples + disturbed.counterexamples == []
    assert disturbed.schedules > 500


@requirement(*QUE)
def test_the_small_queue_keeps_everything() -> None:
    """21,291 schedules of two jobs and one misfortune of any kind."""
    assert str(explore_queue(SmallJobQueue(), misfortunes=1, takes=1)).startswith(
        "21,291 schedules, through 3,612 states"
    )


def test_each_claim_is_claimed_by_a_right_queue() -> None:
    """A sentence that no right queue keeps could not be told from a mistake."""
    assert frozenset[Claim]().union(*(each.claims for each in VARIANTS.values())) == set(Claim)


@pytest.mark.parametrize("name", sorted(MINIATURES))
def test_a_miniature_says_where_it_was_seen(name: str) -> None:
    """The docstring names the source, and the name is one for a command line."""
    assert "Source: " in (MINIATURES[name].__doc__ or "")
    assert name.replace("-", "").isalpha()


def test_the_chapter_and_the_contract_name_the_same_claims() -> None:
    """The table of the chapter is the table of the contract."""
    stated = dict(re.findall(r"(QUE-\d+) \| `(queue/[a-z-]+)`", CHAPTER.read_text("utf-8")))

    assert stated == {number: claim.value for claim, number in REQUIREMENTS.items()}


# The machine


def run(queue: type[SmallJobQueue], examples: int) -> type[JobQueueMachine]:
    """Run a machine on so many programs, the same ones every time."""
    machine = job_queue_machine(queue)
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=25,
            derandomize=True,
            database=None,
            deadline=None,
            report_multiple_bugs=False,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )
    return machine


@requirement(*QUE)
def test_the_machine_reaches_every_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    """Random programs come near to breaking each sentence, and right queues break none."""
    near: Counter[Claim] = Counter()
    for name in ("small-job-queue", "delivers-at-most-once", "waits-for-the-operator"):
        near.update(run(VARIANTS[name], 50).reached)

    with capsys.disabled():
        print("\nhow many random programs put each sentence to the test:")
        for claim in Claim:
            print(f"{claim.value:<24}{near[claim]}")
    assert {claim for claim in Claim if not near[claim]} == set()


@requirement(*QUE)
@pytest.mark.parametrize("name", ["counts-deaths-apart", "works-beside-the-table"])
def test_the_machine_acquits_what_is_right_and_differs(name: str) -> None:
    """Deaths counted apart, effects beside the table: nothing is held against them."""
    run(VARIANTS[name], 40)


@pytest.mark.parametrize("name", ["selects-then-updates", "completes-without-looking"])
def test_the_machine_convicts(name: str) -> None:
    """Two of them; the exhaustive search has them all."""
    with pytest.raises(Violated) as found:
        run(MINIATURES[name], 300)

    assert found.value.violations[0].requirement in MINIATURES[name].breaks
