"""What is frozen stays what it was, and vectors that are none are refused."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tornproof.errors import Invalid
from tornproof_conformance.specification.places import specification_directory
from tornproof_conformance.vectors.second_reading import read_directory
from tornproof_conformance.vectors.vector import Recovers, Refused
from tornproof_conformance.vectors.vector_files import append_case, checksum, lint

from tests.conformance.promoted_vectors import A, B, promoted, torn_tail, tornproof
from tests.spec import generate_vectors

SUITE = specification_directory() / "vectors"


@pytest.fixture
def frozen(tmp_path: Path) -> Path:
    """Return a directory with a promoted vector."""
    append_case(promoted(torn_tail()), tmp_path / "vectors" / "found.json")
    return tmp_path / "vectors"


def contents(directory: Path) -> dict[str, bytes]:
    """Return every file of a directory."""
    return {path.name: path.read_bytes() for path in directory.iterdir()}


# Frozen


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
