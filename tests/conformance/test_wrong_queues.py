"""Scenarios and situations convict drainers and chains of adapters that are wrong."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import tornproof_conformance.checks.catalogue  # noqa: F401 - enters the exercises
from tornproof_conformance.adapter.adapter_subject import AdapterSubject
from tornproof_conformance.adapter.arming import faults_of
from tornproof_conformance.cases.exercises import try_exercise
from tornproof_conformance.checks import Budget
from tornproof_conformance.checks.deliveries import DELIVERIES
from tornproof_conformance.checks.power_cuts import PASSES
from tornproof_conformance.checks.queue_power_loss import power_cuts
from tornproof_conformance.checks.queue_situations import QUEUE_SITUATIONS, SITUATIONS
from tornproof_conformance.checks.situations import SCENARIOS_CHECK
from tornproof_conformance.pytest_support.plugin import requirement
from tornproof_conformance.report.run_record import record_run
from tornproof_conformance.run.adapter_run import check_adapter
from tornproof_conformance.run.selection import select
from tornproof_conformance.scenarios import SCENARIOS
from tornproof_conformance.stream.exit_codes import DOES_NOT_CONFORM
from tornproof_conformance.stream.run_events import RequirementJudged, RunFinished
from tornproof_models.contract.delivery import Mode

from tests.conformance.named_adapter import NamedAdapter
from tests.recorders import needs_recorder

COMMAND = [sys.executable, str(Path(__file__).with_name("wrong_queues.py"))]


@pytest.fixture(scope="module")
def served() -> Iterator[NamedAdapter]:
    """Every wrong queue, and the right one, behind one command."""
    with NamedAdapter.running(COMMAND, timeout=2.0) as subject:
        assert isinstance(subject, NamedAdapter)
        yield subject


CHAINS = (
    ("BeginsWithOnes", "every-row-is-as-the-rows-before-make-it", {"CHN-2"}),
    ("LinksNothing", "every-row-is-as-the-rows-before-make-it", {"CHN-3"}),
    ("JoinsFields", "every-row-is-as-the-rows-before-make-it", {"CHN-4"}),
    ("Blind", "every-edit-is-seen", {"CHN-5"}),
    ("Blind", "rows-that-go-come-or-change-places-are-seen", {"CHN-5"}),
    ("IgnoresTheHead", "rows-that-go-come-or-change-places-are-seen", {"CHN-5"}),
    ("FirstBreakOnly", "every-break-is-reported", {"CHN-6"}),
    ("Blind", "a-signature-needs-its-key-and-its-place", {"CHN-7"}),
    ("TrustsAnyKey", "a-signature-needs-its-key-and-its-place", {"CHN-7"}),
    ("ChecksNoSignature", "a-signature-covers-the-whole-row", {"CHN-7"}),
    ("MissesTheHead", "a-head-is-found-behind-a-break", {"CHN-14"}),
    ("LocksLate", "a-race-for-the-head-cannot-be-lost", {"CHN-8"}),
)


@requirement("CHN-2", "CHN-3", "CHN-4", "CHN-5", "CHN-6", "CHN-7", "CHN-8")
@pytest.mark.parametrize(("name", "scenario", "expected"), CHAINS)
def test_a_wrong_chain_is_found_out(
    name: str, scenario: str, expected: set[str], served: NamedAdapter
) -> None:
    """By its rows, and by what it says of rows that somebody has tampered with."""
    served.serves = name

    assert SCENARIOS[scenario].applies(served)
    found = SCENARIOS[scenario].judge(served)
    assert {violation.requirement for violation in found} == expected


@requirement("EVT-1", "EVT-2", "EVT-3", "DRN-35")
@pytest.mark.parametrize(
    ("name", "scenario", "expected"),
    [
        ("ReplaysWhatWasChanged", "an-edited-letter-is-not-replayed", "DRN-35"),
        ("AdmitsEverything", "only-a-decision-that-blocks-makes-an-event", "EVT-1"),
        ("PassesOverEscalations", "only-a-decision-that-blocks-makes-an-event", "EVT-1"),
        ("SpellsOtherwise", "an-event-has-one-form", "EVT-2"),
        ("HashesOtherwise", "an-event-has-one-form", "EVT-3"),
    ],
)
def test_a_wrong_row_is_found_out(
    name: str, scenario: str, expected: str, served: NamedAdapter
) -> None:
    """By what of an event, or of a changed dead letter, is in the chain."""
    served.serves = name

    assert SCENARIOS[scenario].applies(served)
    assert {found.requirement for found in SCENARIOS[scenario].judge(served)} == {expected}


@requirement("DRN-21", "DRN-38", "DRN-39")
@pytest.mark.parametrize(
    ("name", "scenario", "expected"),
    [
        ("OpensEverySpool", "a-spool-that-others-can-change-is-refused", "DRN-21"),
        ("OpensEverySpool", "what-is-no-spool-is-refused", "DRN-39"),
        ("DatesLettersByTheirEvents", "a-dead-letter-says-when-it-became-one", "DRN-38"),
    ],
)
def test_a_wrong_spool_or_letter_of_an_adapter_is_found_out(
    name: str, scenario: str, expected: str
) -> None:
    """By files that others can change or have changed, and by the times of dead letters."""
    with AdapterSubject.running([*COMMAND, name]) as subject:
        assert SCENARIOS[scenario].applies(subject)
        found = SCENARIOS[scenario].judge(subject)

    assert {violation.requirement for violation in found} == {expected}


@requirement("CHN-9", "CHN-10")
@pytest.mark.parametrize(
    ("name", "scenario", "expected"),
    [
        ("MendsOldChains", "an-old-chain-is-verified-and-left-as-it-is", "CHN-9"),
        ("PassesEveryOldChain", "damage-to-an-old-chain-is-seen", "CHN-9"),
        ("SaysNothingOfForgeries", "what-an-old-chain-cannot-show-is-said", "CHN-9"),
        (
            "KnowsJoinedLinksAlone",
            "a-later-chain-is-verified-and-damage-to-it-seen",
            "CHN-10",
        ),
    ],
)
def test_a_wrong_verification_of_an_old_chain_is_found_out(
    name: str, scenario: str, expected: str
) -> None:
    """By chains of v0.7 and v1.0 that were made for it."""
    with AdapterSubject.running([*COMMAND, name]) as subject:
        found = SCENARIOS[scenario].judge(subject)

    assert {violation.requirement for violation in found} == {expected}


FORMS = {
    "an-edited-letter-is-not-replayed",
    "only-a-decision-that-blocks-makes-an-event",
    "an-event-has-one-form",
}

DRAINERS = (
    ("KeepsInMemory", "what-is-admitted-survives", Mode.DURABLE, "DRN-3"),
    ("BelievesTheCommit", "an-ambiguous-commit-is-looked-into", Mode.DURABLE, "DRN-7"),
    ("DropsTheRefused", "what-the-dead-letters-refuse-stays", Mode.DURABLE, "DRN-10"),
    ("WaitsForProducers", "a-closed-queue-has-landed-everything", Mode.DURABLE, "DRN-11"),
    ("ClosesWithoutFlushing", "a-closed-queue-has-landed-everything", Mode.VOLATILE, "DRN-29"),
    ("AdmitsWhenClosed", "a-closed-queue-has-landed-everything", Mode.DURABLE, "ADP-6"),
    ("CountsOnce", "dead-letters-are-counted-or-it-is-an-error", Mode.DURABLE, "DRN-14"),
    ("NoneIfUnknown", "dead-letters-are-counted-or-it-is-an-error", Mode.VOLATILE, "DRN-14"),
    ("MintsTwice", "an-id-is-minted-once", Mode.DURABLE, "EVT-6"),
    ("NewestFirst", "the-next-process-begins-with-what-was-left", Mode.DURABLE, "DRN-16"),
    (
        "BeginsAfresh",
        "without-a-spool-a-crash-takes-what-had-not-landed",
        Mode.VOLATILE,
        "DRN-18",
    ),
    ("AdmitsWhatNoColumnHolds", "what-no-column-holds-is-refused-at-submit", Mode.DURABLE, "EVT-5"),
    ("CountsNoLoss", "what-a-panic-takes-is-counted", Mode.VOLATILE, "DRN-18"),
)


@requirement("DRN-3", "DRN-7", "DRN-10", "DRN-11", "DRN-14", "DRN-16", "DRN-18", "EVT-5", "EVT-6")
@pytest.mark.parametrize(("name", "situation", "mode", "expected"), DRAINERS)
def test_a_wrong_drainer_is_found_out(
    name: str, situation: str, mode: Mode, expected: str, served: NamedAdapter
) -> None:
    """By the situation that is about what it does wrong, and under that name."""
    served.serves = name
    assert first_found(served, situation, mode) == expected


@requirement("EVT-5")
def test_an_event_that_cannot_be_kept_is_missed() -> None:
    """It has megabytes, and a reply to it takes its time."""
    with NamedAdapter.running(COMMAND, timeout=60.0) as patient:
        assert isinstance(patient, NamedAdapter)
        patient.serves = "AdmitsWhatItCannotKeep"
        situation = "what-is-too-large-is-refused-at-submit"
        assert first_found(patient, situation, Mode.DURABLE) == "EVT-5"


@requirement("DRN-1", "DRN-3", "ADP-11")
@pytest.mark.parametrize(
    ("name", "lost", "survives"),
    [("HangsInDrain", "ADP-11", "ADP-11"), ("OpensNothing", "DRN-1", "DRN-3")],
)
def test_a_drainer_that_does_nothing_is_in_the_wrong(
    name: str, lost: str, survives: str, served: NamedAdapter
) -> None:
    """What hangs or refuses is an answer like any other, and ends no run."""
    served.serves = name
    durable = Mode.DURABLE.value

    for asked, words, expected in (
        ("delivery", (durable,), lost),
        ("queue-situation", ("what-is-admitted-survives", durable), survives),
    ):
        assert {each.requirement for each in try_exercise(asked, served, words)} == {expected}


@requirement("DRN-3", "DRN-17")
@needs_recorder
@pytest.mark.parametrize(
    ("name", "mode", "expected"),
    [
        ("AcknowledgesUnsynced", "prefix", "DRN-3"),
        ("CommitsToMemory", "prefix", "DRN-17"),
        ("DeferredQueue", "adversarial", None),
    ],
)
def test_a_drainer_that_does_not_sync_is_found_out(
    name: str, mode: str, expected: str | None
) -> None:
    """By cutting the power where it has promised something."""
    with AdapterSubject.running([*COMMAND, name]) as subject:
        cuts = power_cuts(subject, until=0)
        found = next(cuts.violations(mode, PASSES[0]), None)

    assert cuts.images
    assert (found.requirement if found else None) == expected


def first_found(served: NamedAdapter, situation: str, mode: Mode) -> str | None:
    """Play a situation with one set of faults after the other; name what is told first."""
    for faults in SITUATIONS[situation].programs(faults_of(served)):
        words = (situation, mode.value, *map(str, faults))
        if found := try_exercise("queue-situation", served, words):
            return found[0].requirement
    return None


def test_what_an_adapter_does_not_show_is_not_covered() -> None:
    """Without fault points there are restarts and endings; without a count, no DRN-14."""
    with AdapterSubject.running([*COMMAND, "SaysTheLeast"]) as subject:
        assert QUEUE_SITUATIONS.covers(subject) == {"EVT-5", "DRN-3", "DRN-11", "DRN-16", "DRN-18"}
        assert "DRN-15" not in DELIVERIES.covers(subject)
        assert {"CHN-2", "CHN-5", "CHN-8"}.isdisjoint(SCENARIOS_CHECK.covers(subject))


@pytest.mark.parametrize("name", sorted({scenario for _, scenario, _ in CHAINS} | FORMS))
def test_the_reference_comes_out_of_every_scenario(name: str, served: NamedAdapter) -> None:
    """Out of process, with nothing to be said against it."""
    served.serves = "right"

    assert SCENARIOS[name].judge(served) == []


@requirement("DRN-7", "CHN-6")
@pytest.mark.parametrize(
    ("name", "wanted"), [("BelievesTheCommit", "DRN-7"), ("FirstBreakOnly", "CHN-6")]
)
def test_the_verdict_and_the_exit_code_are_right(name: str, wanted: str, tmp_path: Path) -> None:
    """What is found ends up in the verdict."""
    stream = check_adapter(
        [*COMMAND, name],
        budget=Budget(seconds=60),
        reproducers=tmp_path,
        checks=[each for each in select([wanted]) if each.name != "deliveries"],
    )
    record = record_run(stream)

    verdict = record.verdict(wanted)
    assert isinstance(verdict, RequirementJudged)
    assert verdict.verdict == "violated"
    assert isinstance(record.finished, RunFinished)
    assert record.exit_code == DOES_NOT_CONFORM
