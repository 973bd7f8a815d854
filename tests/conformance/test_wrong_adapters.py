"""Adapters that are wrong get the right verdict, and the right exit code."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner
from tornproof_conformance.adapter.speaking.diagnosis import Diagnosis
from tornproof_conformance.cases.programs import parse_program
from tornproof_conformance.checks import Budget, Check
from tornproof_conformance.checks.conversation import CONVERSATION
from tornproof_conformance.checks.given_program import GivenProgram
from tornproof_conformance.checks.power_loss import POWER_LOSS
from tornproof_conformance.cli import main
from tornproof_conformance.pytest_support.plugin import requirement
from tornproof_conformance.recorder.attributes import NOT_FOLLOWED
from tornproof_conformance.run.adapter_run import check_adapter
from tornproof_conformance.run.runner import check_subject
from tornproof_conformance.run.selection import select
from tornproof_conformance.stream.run_events import (
    CheckFinished,
    Diagnosed,
    RunEvent,
    RunFinished,
    ViolationFound,
)
from tornproof_models.crash.subject import Options
from tornproof_models.miniatures.journal_miniatures import MINIATURES

from tests.conformance.named_adapter import NamedAdapter

HERE = Path(__file__).parent
TIMEOUT = 0.5
"""Seconds: what a process that does nothing is waited for."""


def broken(name: str) -> list[str]:
    """Return the command of an adapter that is broken in this way."""
    return [sys.executable, "-I", "-S", str(HERE / "broken_adapter.py"), name]


def judge(
    name: str, reproducers: Path, checks: Sequence[Check] = (CONVERSATION,)
) -> list[RunEvent]:
    """Judge a broken adapter."""
    return list(
        check_adapter(
            broken(name),
            budget=Budget(seconds=1),
            reproducers=reproducers,
            checks=checks,
            timeout=TIMEOUT,
        )
    )


# Broken adapters


BROKEN = [
    ("NoReply", "no reply"),
    ("TwoReplies", "two replies"),
    ("WrongId", "wrong id"),
    ("InvalidJson", "not JSON"),
    ("Noise", "not JSON"),
    ("Exits", "exited"),
    ("Hangs", "no reply"),
    ("PartialLine", "partial line"),
    ("BreaksSchema", "breaks the schema"),
    ("UnknownCode", "breaks the schema"),
    ("WritesOutside", "writes outside"),
    ("Lingers", "lingers"),
    ("AnotherProtocol", "wrong protocol"),
    ("UnknownCrashModel", "wrong protocol"),
    ("NoSuchClass", "exited"),
]
"""Each broken adapter, and the kind of the diagnosis."""


@requirement("ADP-4")
@pytest.mark.parametrize(
    ("mistakes", "kinds"), [(["outside"], ["writes outside"]), (["outside", "unlinks"], [])]
)
def test_a_file_in_another_place_is_seen_by_the_recorder(
    mistakes: list[str], kinds: list[str], tmp_path: Path
) -> None:
    """The diagnosis names its path; scratch that is gone in the end is nobody's business."""
    command = [sys.executable, "-I", "-S", str(HERE / "plain_adapter.py"), *mistakes]
    budget = Budget(seconds=1, operations=1)

    events = list(check_adapter(command, budget=budget, reproducers=tmp_path, checks=[POWER_LOSS]))

    diagnosed = [event for event in events if isinstance(event, Diagnosed)]
    assert [event.kind for event in diagnosed] == kinds
    assert all("/plain-scratch" in event.message for event in diagnosed)


def test_a_mode_that_is_not_followed_is_told(tmp_path: Path) -> None:
    """Every check that recorded the adapter has a note of the call that changed it."""
    command = [sys.executable, "-I", "-S", str(HERE / "plain_adapter.py"), "protects"]
    given = GivenProgram(parse_program("append:5"), Options()).check()

    events = list(check_adapter(command, budget=Budget(), reproducers=tmp_path, checks=[given]))

    [notes] = [event.notes for event in events if isinstance(event, CheckFinished)]
    assert notes == (NOT_FOLLOWED.format(call="fchmod"),)


@requirement("ADP-1", "ADP-4", "ADP-5")
@pytest.mark.parametrize(("name", "kind"), BROKEN)
def test_a_broken_adapter_is_told_what_is_wrong(name: str, kind: str, tmp_path: Path) -> None:
    """The run ends with a diagnosis, and there is no verdict."""
    events = judge(name, tmp_path)

    last = events[-1]
    assert isinstance(last, Diagnosed)
    assert last.kind == kind
    assert last.hint


def test_a_command_that_there_is_not_is_a_broken_adapter(tmp_path: Path) -> None:
    """Not a traceback."""
    (*_, last) = check_adapter(["/no/such/command"], budget=Budget(), reproducers=tmp_path)

    assert isinstance(last, Diagnosed)
    assert last.kind == "cannot start"


def test_a_traceback_of_the_adapter_is_shown(tmp_path: Path) -> None:
    """The end of what it wrote on standard error comes with the diagnosis."""
    last = judge("Exits", tmp_path)[-1]

    assert isinstance(last, Diagnosed)
    assert last.log == "panicked at journal.rs:17: index out of bounds"


def test_every_kind_of_diagnosis_is_met() -> None:
    """A mistake that no adapter here makes would be a message that nobody has ever seen."""
    pending, found = [Diagnosis], set()
    while pending:
        kind = pending.pop()
        pending += kind.__subclasses__()
        found |= {kind.kind} if "kind" in vars(kind) else set()

    # one is met above, the other in test_misbehaving_adapters
    assert found - {kind for _, kind in BROKEN} == {"cannot start", "leaves too much"}


# Exit codes


@pytest.mark.parametrize(
    ("name", "code"), [("Journal", 0), ("ClaimsTooMuch", 1), ("WrongId", 3), ("Lingers", 3)]
)
def test_the_exit_code_says_which_it_is(name: str, code: int, tmp_path: Path) -> None:
    """0 conforms, 1 does not, 3 is broken."""
    arguments = ["conversation", "--reproducers", str(tmp_path), "--timeout", "0.5"]
    result = CliRunner().invoke(main, ["check", *arguments, "--", *broken(name)])

    assert result.exit_code == code, result.output


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["kills"], "kills"),
        (["exploration", "--", *broken("Journal")], "exploration"),
        (["--miniature", "no-lock", "--", *broken("Journal")], "one of them"),
    ],
)
def test_what_does_not_go_together_is_a_mistake(arguments: list[str], word: str) -> None:
    """A check of adapters without one, and the other way round."""
    result = CliRunner().invoke(main, ["check", *arguments])

    assert result.exit_code == 2
    assert word in result.output


def test_check_takes_a_selection(tmp_path: Path) -> None:
    """A scenario before the command; what matches nothing is a mistake."""
    command = broken("Journal")
    runner = CliRunner()

    one = runner.invoke(
        main, ["check", "-v", "--reproducers", str(tmp_path), "one-writer", "--", *command]
    )
    none = runner.invoke(main, ["check", "JRN-99", "--", *command])

    assert one.exit_code == 0
    assert "JRN-9" in one.output
    assert none.exit_code == 2
    assert "JRN-99" in none.output


# Journals that are wrong


def violated(events: Iterator[RunEvent]) -> set[str]:
    """Name what was violated; a run with a violated MUST does not conform."""
    seen = list(events)
    names = {each.requirement for each in seen if isinstance(each, ViolationFound)}
    (last,) = (each for each in seen if isinstance(each, RunFinished))
    assert last.conforms == (not names)
    return names


@requirement("ADP-2", "ADP-3")
@pytest.mark.parametrize(
    ("name", "selection", "expected"),
    [
        ("Journal", ("read-order-*", "one-writer", "the-same-files-*"), set()),
        ("ClaimsTooMuch", ("ADP-2",), {"ADP-2"}),
        ("Undecided", ("ADP-3",), {"ADP-3"}),
    ],
)
def test_what_an_adapter_gets_wrong_is_a_verdict(
    name: str, selection: Sequence[str], expected: set[str], tmp_path: Path
) -> None:
    """A claim that is empty, or a recovery that cannot decide, is no breach of the protocol."""
    assert violated(iter(judge(name, tmp_path, select(selection)))) == expected


@requirement("JRN-3")
def test_a_kill_shows_what_was_never_written(tmp_path: Path) -> None:
    """SIGKILL finds a buffer that acknowledgements came out of."""
    assert "JRN-3" in violated(iter(judge("ForgetsOnKill", tmp_path, select(["kills"]))))


@requirement("REC-1")
def test_a_process_that_ends_in_recovery_does_not_recover(tmp_path: Path) -> None:
    """It spoke the protocol before, so this is the implementation's answer to a torn tail."""
    events = judge("PanicsOnATornTail", tmp_path, select(["rec/garbage-tail"]))

    found = next(each for each in events if isinstance(each, ViolationFound))
    assert found.requirement == "REC-1"
    assert "panicked at 'unexpected end of file'" in found.message


@pytest.fixture(scope="module")
def served() -> Iterator[NamedAdapter]:
    """Every miniature, behind one command."""
    command = [sys.executable, str(HERE / "miniature_adapter.py")]
    with NamedAdapter.running(command) as subject:
        assert isinstance(subject, NamedAdapter)
        yield subject


@pytest.mark.parametrize(
    ("name", "selection"),
    [
        ("big-endian-length", ("FRM-1",)),
        ("crc-of-the-payload-only", ("frames-on-disk",)),
        ("hash-of-another-kind", ("frames-on-disk",)),
        ("no-checksum", ("FRM-6",)),
        ("zeros-are-a-record", ("FRM-6",)),
        ("no-maximum", ("FRM-8",)),
        ("torn-tail-refused", ("rec/*",)),
        ("damage-skipped", ("rec/*",)),
        ("cut-unreported", ("REC-7",)),
        ("sealed-damage-cut", ("REC-5",)),
        ("missing-segment-ignored", ("REC-6",)),
        ("foreign-files-removed", ("REC-10",)),
        ("decimal-names", ("segments-on-disk",)),
        ("one-error-for-all", ("trimmed-*",)),
        ("oversize-record-refused", ("SEG-6",)),
        ("no-lock", ("one-writer",)),
        ("links-followed", ("only-its-own-files-are-opened",)),
        ("links-followed", ("no-link-leads-out",)),
    ],
)
def test_a_miniature_out_of_process_is_found_out(
    name: str, selection: Sequence[str], served: NamedAdapter, tmp_path: Path
) -> None:
    """The same checks convict it as convict it in this process; its twin passes them."""
    checks = select(selection)
    served.serves = name
    wrong = violated(check_subject(served, budget=Budget(), reproducers=tmp_path, checks=checks))
    served.serves = "small-journal"
    right = violated(check_subject(served, budget=Budget(), reproducers=tmp_path, checks=checks))

    assert wrong & MINIATURES[name].breaks
    assert not right
