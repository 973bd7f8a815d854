"""The frozen vectors are what they were, and the reference agrees with every one."""

import json
from pathlib import Path
from typing import Any

import pytest
from tornproof.errors import TornproofError
from tornproof.journal import Journal, recover
from tornproof.record import MAX_PAYLOAD_BYTES
from tornproof_conformance.pytest_support.plugin import requirement
from tornproof_conformance.specification.requirements import SpecificationError
from tornproof_conformance.vectors.vector import (
    ImageVector,
    Recovers,
    Refused,
    image_vectors,
    vectors_of,
)

from tests.spec.generate_vectors import VECTORS, checksum, generated


def _cases(kind: type) -> list[Any]:
    """Turn the vectors with this kind of expectation into parameters, marked and named."""
    return [
        pytest.param(vector, id=vector.id, marks=requirement(*vector.requirements))
        for vector in image_vectors()
        if isinstance(vector.expect, kind)
    ]


def _lay_out(vector: ImageVector, directory: Path) -> str:
    for name, data in vector.files.items():
        (directory / name).write_bytes(data)
    return str(directory)


def _contents(directory: Path) -> dict[str, bytes]:
    """Read every file but the lock, which holds nothing and may come with the first open."""
    return {
        path.name: path.read_bytes() for path in directory.iterdir() if path.name != "writer.lock"
    }


def _maximum(vector: ImageVector) -> int:
    return MAX_PAYLOAD_BYTES if vector.max_payload is None else vector.max_payload


@pytest.mark.parametrize("vector", _cases(Recovers))
def test_recovers(vector: ImageVector, tmp_path: Path) -> None:
    """Recovery yields the records of the vector, cuts what it says, and leaves the rest."""
    assert isinstance(vector.expect, Recovers)
    directory = _lay_out(vector, tmp_path)
    before = _contents(tmp_path)

    intended = recover(directory, dry_run=True, max_payload=_maximum(vector))
    untouched = _contents(tmp_path)
    report = recover(directory, max_payload=_maximum(vector))
    after = _contents(tmp_path)
    with Journal.open(directory, max_payload=_maximum(vector)) as journal:
        records = tuple(journal.scan())
        again = journal.report

    assert untouched == before
    assert report == intended
    assert report.discarded_bytes == vector.expect.discarded_bytes
    assert report.records == len(vector.expect.records)
    assert records == vector.expect.records
    assert {name: after[name] for name in vector.expect.unchanged} == {
        name: vector.files[name] for name in vector.expect.unchanged
    }
    assert not after.keys() & set(vector.expect.absent)
    assert again.discarded_bytes == 0


@pytest.mark.parametrize("dry_run", [True, False], ids=["dry run", "recover"])
@pytest.mark.parametrize("vector", _cases(Refused))
def test_refuses(vector: ImageVector, tmp_path: Path, dry_run: bool) -> None:
    """Recovery fails with the code of the vector and changes nothing."""
    assert isinstance(vector.expect, Refused)
    directory = _lay_out(vector, tmp_path)

    with pytest.raises(TornproofError) as refused:
        recover(directory, dry_run=dry_run, max_payload=_maximum(vector))

    assert refused.value.code == vector.expect.code
    assert _contents(tmp_path) == dict(vector.files)


def test_are_what_the_independent_generator_says() -> None:
    """The committed files are the generator's, to the byte."""
    assert {path.name for path in VECTORS.iterdir()} == dict(generated()).keys()
    for name, text in generated():
        assert (VECTORS / name).read_text(encoding="utf-8") == text, name


def test_are_frozen() -> None:
    """Every case has the checksum under which it was published."""
    cases = [
        case
        for path in VECTORS.glob("*.json")
        for case in json.loads(path.read_text(encoding="utf-8"))["cases"]
    ]

    checksums = sorted(f"{checksum(case)}  {case['id']}" for case in cases)

    assert checksums == sorted((VECTORS / "CHECKSUMS").read_text().splitlines())


def test_every_frame_requirement_has_a_vector_but_the_writer_side() -> None:
    """What a frame's bytes can show is shown; FRM-9 needs an encoder and is tested there."""
    without = [f"FRM-{number}" for number in range(1, 10) if not vectors_of(f"FRM-{number}")]

    assert without == ["FRM-9"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"level": "MAY"}, "level"),
        ({"id": "REC/1"}, "id"),
        ({"files": {"a/b": ""}}, "a/b"),
        ({"files": {"a": "#"}}, "files.a"),
        ({"requirements": ["REC-99"]}, "REC-99"),
        ({"id": "rec/garbage-tail"}, "two cases"),
        ({"expect": {}}, "expect"),
    ],
)
def test_refuses_a_bad_file(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    """A file that breaks the schema, an id or a reference is refused with its place."""
    for part in ("schema", "vectors"):
        (tmp_path / part).mkdir()
    schema = VECTORS.parent / "schema" / "vector.schema.json"
    (tmp_path / "schema" / schema.name).write_text(schema.read_text())
    document = json.loads((VECTORS / "recovery.json").read_text())
    document["cases"][0].update(change)
    (tmp_path / "vectors" / "bad.json").write_text(json.dumps(document))

    with pytest.raises(SpecificationError) as refused:
        image_vectors(tmp_path)

    assert message in str(refused.value)
