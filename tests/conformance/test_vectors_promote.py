"""What a search finds becomes a frozen vector, and what is frozen stays what it was."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from tornproof.errors import Invalid
from tornproof_conformance.cases.case import Case, ProgramCase, ScenarioCase, try_case
from tornproof_conformance.cases.promotion import make_case
from tornproof_conformance.cases.reproducer import Reproducer, reproducer_of
from tornproof_conformance.commands.replay import command as replay
from tornproof_conformance.commands.vectors import command as vectors
from tornproof_conformance.fuzzing.fuzzer import Fuzzing, fuzz
from tornproof_conformance.specification.places import specification_directory
from tornproof_conformance.stream.run_events import ViolationFound
from tornproof_conformance.subjects.reference import ReferenceSubject, find_subject
from tornproof_conformance.vectors.frames import make_frame
from tornproof_conformance.vectors.judging import judge_vector
from tornproof_conformance.vectors.second_reading import read_directory
from tornproof_conformance.vectors.vector import Recovers, Refused, image_vector
from tornproof_conformance.vectors.vector_files import append_case, checksum, lint
from tornproof_models.crash.program import Append, Crash, Sync
from tornproof_models.crash.subject import Options

from tests.spec import generate_vectors

SUITE = specification_directory() / "vectors"
EVENTUAL = Options(durability="eventual")


def tornproof(*arguments: str) -> Result:
    """Run `tornproof vectors` in this process."""
    return CliRunner().invoke(vectors, arguments)


def counterexample(subject: str, case: Case, requirement: str) -> Reproducer:
    """Return the reproducer of what a case shows."""
    problem = next(
        each
        for each in try_case(case, find_subject(subject))
        if each.violation.requirement == requirement
    )
    return reproducer_of(problem, subject)


def torn_tail() -> Reproducer:
    """Return a torn tail that is refused, where it must be cut."""
    case = ProgramCase((Append(5), Append(5)), EVENTUAL, "adversarial", sector_bytes=64)
    return counterexample("torn-tail-refused", case, "REC-1")


def promoted(saved: Reproducer, identifier: str = "rec/found") -> dict[str, Any]:
    """Make a vector with nothing said about it."""
    return make_case(saved, identifier, "", (), "tornproof fuzz")


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


# What no image can say


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


# Frozen


@pytest.fixture
def frozen(tmp_path: Path) -> Path:
    """Return a directory with a promoted vector."""
    append_case(promoted(torn_tail()), tmp_path / "vectors" / "found.json")
    return tmp_path / "vectors"


def contents(directory: Path) -> dict[str, bytes]:
    """Return every file of a directory."""
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def test_a_case_is_added_behind_the_others(tmp_path: Path) -> None:
    """Everything published keeps its bytes; the new checksum stands in its place."""
    directory = tmp_path / "vectors"
    shutil.copytree(SUITE, directory)
    before = contents(directory)
    case = promoted(torn_tail(), "rec/zz-found")

    append_case(case, directory / "recovery.json")

    after = contents(directory)
    lines = after["CHECKSUMS"].decode().splitlines()
    assert {name for name in after if after[name] != before[name]} == {"recovery.json", "CHECKSUMS"}
    assert set(before["CHECKSUMS"].decode().splitlines()) == set(lines) - {
        f"{checksum(case)}  rec/zz-found"
    }
    assert lines == sorted(lines, key=lambda line: line.split()[1])
    assert after["recovery.json"].decode().count('"id"') == (
        before["recovery.json"].decode().count('"id"') + 1
    )
    assert list(lint(directory)) == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"files": {}}, "rec/found is given to a case already"),
        ({"id": "rec/other"}, "the image is that of rec/found already"),
        ({"id": "Rec 1", "files": {}}, "Rec 1 would break the schema"),
    ],
)
def test_what_cannot_be_added_changes_nothing(
    change: dict[str, Any], message: str, frozen: Path
) -> None:
    """An id used twice, an image known already and a bad id are refused."""
    before = contents(frozen)
    case = {**promoted(torn_tail()), **change}
    with pytest.raises(Invalid, match=message):
        append_case(case, frozen / "found.json")
    assert contents(frozen) == before


def test_nothing_is_added_to_what_is_not_in_order(frozen: Path) -> None:
    """A directory with a changed case is mended first."""
    (frozen / "CHECKSUMS").write_text("")
    case = {**promoted(torn_tail(), "rec/other"), "files": {}}
    with pytest.raises(Invalid, match=r"is not in order: .* has no checksum"):
        append_case(case, frozen / "found.json")


def test_the_generator_keeps_what_was_promoted(
    frozen: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The published vectors are made anew around it, and it counts among them."""
    monkeypatch.setattr(generate_vectors, "VECTORS", frozen)
    texts = dict(generate_vectors.generated())
    assert texts["found.json"] == (frozen / "found.json").read_text()
    assert (frozen / "CHECKSUMS").read_text() in texts["CHECKSUMS"]


# Lint


def test_the_vectors_of_the_suite_are_in_order() -> None:
    """Schema, ids, requirements and checksums hold, and a second reading agrees with each image."""
    assert list(lint(SUITE)) == []
    result = tornproof("lint")
    assert result.exit_code == 0
    assert "is in order" in result.output


def change(path: Path, edit: Callable[[dict[str, Any]], object]) -> None:
    """Edit the one case of a file, and its checksum with it."""
    document = json.loads(path.read_text())
    edit(document["cases"][0])
    path.write_text(json.dumps(document))
    sums = (f"{checksum(case)}  {case['id']}\n" for case in document["cases"])
    (path.parent / "CHECKSUMS").write_text("".join(sums))


@pytest.mark.parametrize(
    ("edit", "complaint"),
    [
        (lambda case: case.update(level="MAY"), "'MAY' is not one of"),
        (lambda case: case.update(requirements=["REC-99"]), "REC-99"),
        (lambda case: case["expect"].update(discarded_bytes=0), "about its discarded_bytes"),
        (lambda case: case["expect"]["records"].pop(), "about its records"),
        (lambda case: case.update(expect={"error": "corrupt"}), "about its error"),
    ],
)
def test_a_wrong_case_is_named(
    edit: Callable[[dict[str, Any]], object], complaint: str, frozen: Path
) -> None:
    """Each rule of a vector is checked, whatever its checksum."""
    change(frozen / "found.json", edit)
    result = tornproof("lint", str(frozen))
    assert result.exit_code == 1
    assert complaint in result.output


def test_a_changed_case_is_named(frozen: Path) -> None:
    """A case has the checksum under which it was published."""
    path = frozen / "found.json"
    path.write_text(path.read_text().replace("tornproof fuzz", "somebody else"))
    (complaint,) = lint(frozen)
    assert "rec/found is not what was published" in complaint


def test_a_case_that_is_gone_is_named(frozen: Path) -> None:
    """What was published stays."""
    (frozen / "found.json").unlink()
    (complaint,) = lint(frozen)
    assert "rec/found was published and is gone" in complaint


def test_an_id_given_twice_is_named(frozen: Path) -> None:
    """Also in another file."""
    shutil.copy(frozen / "found.json", frozen / "more.json")
    (complaint,) = lint(frozen)
    assert "rec/found is given to two cases" in complaint


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('{"$schema": "/etc/passwd"}', "$schema is '/etc/passwd'"),
        (f'{{"$schema": {"1" * 500}}}', "vector.schema.json was expected"),
        ("{", "is not JSON"),
        ("[]", "is not a file of vectors"),
        ("{}", "is a required property"),
    ],
)
def test_a_file_that_is_none_is_named(text: str, complaint: str, tmp_path: Path) -> None:
    """A file of something else does not end the check."""
    (tmp_path / "bad.json").write_text(text)
    (found,) = lint(tmp_path)
    assert complaint in found


def test_a_directory_that_is_not_there_is_named(tmp_path: Path) -> None:
    """A path that does not exist is a mistake."""
    result = tornproof("lint", str(tmp_path / "none"))
    assert isinstance(result.exception, Invalid)


# The second reading


A, B = make_frame(b"first"), make_frame(b"second")


def test_a_reading_knows_the_files_of_a_journal() -> None:
    """Segments are read in order, unfinished ones go, companions are nobody's business."""
    files = {
        f"{len(A):016x}.wal": B + b"torn",
        f"{0:016x}.wal": A,
        f"{99:016x}.wal.tmp": A,
        "writer.lock": b"",
        "watermark": b"",
        "a.cursor": b"",
        "notes.txt": b"",
    }
    assert read_directory(files) == Recovers(
        ((0, b"first"), (len(A), b"second")), 4, ("notes.txt",), (f"{99:016x}.wal.tmp",)
    )


@pytest.mark.parametrize(
    "files",
    [
        {0: A + b"x", len(A): B},
        {0: A[:-1], len(A): B},
        {0: A, len(A) + 1: B},
        {0: A, len(A) - 1: B},
    ],
    ids=["behind", "torn", "hole", "overlap"],
)
def test_a_reading_refuses_damage_before_the_end(files: dict[int, bytes]) -> None:
    """Sealed segments are whole and contiguous."""
    named = {f"{base:016x}.wal": data for base, data in files.items()}
    assert read_directory(named) == Refused("corrupt")


def test_a_reading_takes_a_record_above_the_maximum_for_damage() -> None:
    """The maximum of the case decides (FRM-5)."""
    files = {f"{0:016x}.wal": A + B}
    assert read_directory(files, maximum=5) == Recovers(((0, b"first"),), len(B), (), ())
