"""What a search finds becomes a frozen vector."""

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from tornproof.errors import Invalid
from tornproof_conformance.cases.case import ProgramCase, ScenarioCase, try_case
from tornproof_conformance.cases.promotion import make_case
from tornproof_conformance.cases.reproducer import Reproducer, reproducer_of
from tornproof_conformance.commands.replay import command as replay
from tornproof_conformance.fuzzing.fuzzer import Fuzzing, fuzz
from tornproof_conformance.stream.run_events import ViolationFound
from tornproof_conformance.subjects.reference import ReferenceSubject, find_subject
from tornproof_conformance.vectors.frames import make_frame
from tornproof_conformance.vectors.judging import judge_vector
from tornproof_conformance.vectors.vector import Recovers, image_vector
from tornproof_models.crash.program import Append, Crash, Sync
from tornproof_models.crash.subject import Options

from tests.conformance.promoted_vectors import (
    EVENTUAL,
    counterexample,
    promoted,
    torn_tail,
    tornproof,
)

# All the way


def test_from_a_seed_to_a_vector(tmp_path: Path) -> None:
    """Fuzzed with a fixed seed, saved, replayed as FAILED, promoted, and in order."""
    search = Fuzzing("torn-tail-refused", 1, examples=8, database=str(tmp_path / "examples"))
    events = fuzz(search, minutes=0, reproducers=tmp_path / "saved")
    (found,) = (event for event in events if isinstance(event, ViolationFound))
    to = tmp_path / "vectors" / "found.json"

    replayed = CliRunner().invoke(replay, [found.reproducer])
    result = tornproof("promote", found.reproducer, "--id", "rec/found-by-fuzzing", "--to", str(to))
    linted = tornproof("lint", str(to.parent))

    assert "FAILED REC-1" in replayed.output
    assert result.exit_code == 0, result.output
    assert "rec/found-by-fuzzing added to" in result.output
    assert "torn-tail-refused fails it" in result.output
    assert "reference passes it" in result.output
    assert (linted.exit_code, linted.output) == (0, f"{to.parent} is in order\n")


def test_a_vector_says_what_the_frames_and_the_requirement_say() -> None:
    """Files are the crash's, the records those before the tear, the rest is cut."""
    saved = torn_tail()
    (content,) = saved.crashes[-1].image.files.values()

    case = make_case(saved, "rec/torn", "A fact.", ("a-bug",), "somebody")
    vector = image_vector(case)

    assert (vector.id, vector.comment, vector.flags, vector.source) == (
        "rec/torn",
        "A fact.",
        ("a-bug",),
        "somebody",
    )
    assert (vector.requirements, vector.level) == (("REC-1",), "MUST")
    assert vector.files == {"0000000000000000.wal": content}
    assert isinstance(vector.expect, Recovers)
    whole = sum(len(make_frame(payload)) for _, payload in vector.expect.records)
    assert content.startswith(b"".join(make_frame(each) for _, each in vector.expect.records))
    assert vector.expect.discarded_bytes == len(content) - whole > 0
    assert judge_vector(vector, ReferenceSubject()) == []
    assert judge_vector(vector, find_subject("torn-tail-refused")) != []


def test_a_crash_inside_the_program_leaves_an_image_as_well() -> None:
    """Machines crash in the middle of a program; the image is that of the last crash."""
    for image in range(64):
        program = (Append(5), Append(5), Crash("adversarial", 99, image), Sync())
        problems = try_case(ProgramCase(program, EVENTUAL), find_subject("torn-tail-refused"))
        if problems:
            break
    saved = reproducer_of(problems[0], "torn-tail-refused")
    assert saved.crashes == ()

    vector = image_vector(promoted(saved))

    assert judge_vector(vector, find_subject("torn-tail-refused")) != []
    assert judge_vector(vector, ReferenceSubject()) == []


def never_owed() -> Reproducer:
    """Lose a record that was never synced: the image does not have it."""
    case = ProgramCase((Append(5),), Options(), "prefix")
    return counterexample("acknowledged-before-fsync", case, "JRN-3")


def alive() -> Reproducer:
    """Get something wrong without any crash."""
    return counterexample(
        "newest-segment-first", ProgramCase((Append(600), Append(5)), Options()), "JRN-1"
    )


def later() -> Reproducer:
    """Recover well, and lose what is appended next."""
    case = ProgramCase((Append(5),), EVENTUAL, "adversarial", sector_bytes=64)
    return counterexample("appends-behind-a-torn-tail", case, "REC-4")


def before_the_crash() -> Reproducer:
    """Leave a hole between two segments, which no recovery may pass over."""
    case = ProgramCase((Append(5), Append(600)), EVENTUAL, "ext4")
    return counterexample("next-segment-before-sync", case, "REC-1")


def a_scenario() -> Reproducer:
    """Break a rule in a scenario."""
    return counterexample("no-lock", ScenarioCase("one-writer"), "JRN-9")


# What no image can say


@pytest.mark.parametrize(
    ("saved", "reason"),
    [
        (never_owed, "was owed and is not in the image"),
        (alive, "nothing crashes in it: JRN-1 is violated by a process that lives"),
        (later, "recovered as it must be: REC-4 is violated later"),
        (before_the_crash, "damaged where no recovery may cut"),
        (a_scenario, "only programs on a journal leave images"),
    ],
)
def test_what_no_image_can_say_is_refused(saved: Callable[[], Reproducer], reason: str) -> None:
    """The reason says what is missing."""
    with pytest.raises(Invalid, match=reason):
        promoted(saved())


def test_a_refusal_is_one_line_and_writes_nothing(tmp_path: Path) -> None:
    """The command changes no file when it refuses."""
    path = tmp_path / "saved.json"
    path.write_text(never_owed().encode())
    to = tmp_path / "vectors" / "found.json"
    result = tornproof("promote", str(path), "--id", "rec/found", "--to", str(to))
    assert isinstance(result.exception, Invalid)
    assert not to.parent.exists()
