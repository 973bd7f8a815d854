"""
The adapters and the reference share directories, and write the same bytes.
"""

from pathlib import Path

import pytest
from tornproof.errors import Locked
from tornproof.journal import Journal
from tornproof_conformance.vectors.frames import make_frame

from tests.adapters.driver import LANGUAGES, Adapter, Language, files_in

FIRST_HALF = [bytes([n % 256]) * n for n in (10, 100, 600, 0, 30)]
SECOND_HALF = [bytes([n % 256]) * n for n in (255, 24, 24, 200, 4)]
"""Payloads below, at and above a segment of 512 bytes."""


def write_with_reference(directory: Path) -> None:
    """Write a journal of several segments, opened twice and rotated once."""
    with Journal.open(str(directory), segment_bytes=512) as journal:
        for payload in FIRST_HALF:
            journal.append(payload)
    with Journal.open(str(directory), segment_bytes=512) as journal:
        journal.append_many(SECOND_HALF)
        journal.rotate()
        journal.append(b"last")


def write_with_adapter(adapter: Adapter, directory: Path) -> None:
    """Write the same journal in the same steps."""
    adapter.open(directory, segment_bytes=512)
    for payload in FIRST_HALF:
        adapter.append(payload)
    adapter("journal.close")
    adapter.open(directory, segment_bytes=512)
    for payload in SECOND_HALF:
        adapter.append(payload, durable=False)
    adapter("journal.rotate")
    adapter.append(b"last")
    adapter("journal.close")


def test_same_steps_give_the_same_bytes(adapter: Adapter, tmp_path: Path) -> None:
    """Every segment has the name and the bytes that the reference gives it."""
    write_with_reference(tmp_path / "reference")

    write_with_adapter(adapter, tmp_path / "adapter")

    assert files_in(tmp_path / "adapter") == files_in(tmp_path / "reference")


@pytest.mark.parametrize("writer", LANGUAGES, ids=lambda language: f"written-by-{language.name}")
def test_reads_what_another_wrote(writer: Language, adapter: Adapter, tmp_path: Path) -> None:
    """A journal may pass from one implementation to the next, and back."""
    with Adapter(writer.build()) as other:
        write_with_adapter(other, tmp_path)

    opened = adapter.open(tmp_path)
    records = adapter.scan()
    offset = adapter.append(b"and one more")

    assert [payload for _, payload in records] == [*FIRST_HALF, *SECOND_HALF, b"last"]
    assert opened["discarded_bytes"] == 0
    adapter("journal.close")
    with Journal.open(str(tmp_path)) as journal:
        assert list(journal.scan()) == [*records, (offset, b"and one more")]


def test_reads_what_the_reference_wrote(adapter: Adapter, tmp_path: Path) -> None:
    """The reference's other files, its watermark for one, are left as they are."""
    write_with_reference(tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    adapter.open(tmp_path)
    records = adapter.scan()
    adapter("journal.close")

    assert [payload for _, payload in records] == [*FIRST_HALF, *SECOND_HALF, b"last"]
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_one_writer_across_languages(
    adapter: Adapter, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """The lock of one keeps the other out, until it is closed or killed (JRN-9)."""
    language: Language = request.node.callspec.params["executable"]
    if not language.shares_flock:
        pytest.skip(f"{language.name} has no flock, and its locks are not seen by those who do")
    with Journal.open(str(tmp_path)):
        assert adapter.code("journal.open", dir=str(tmp_path)) == "locked"
    adapter.open(tmp_path)
    with pytest.raises(Locked):
        Journal.open(str(tmp_path))

    adapter.process.kill()
    adapter.process.wait()

    Journal.open(str(tmp_path)).close()


def test_hashes_of_every_shape(adapter: Adapter, tmp_path: Path) -> None:
    """BLAKE3 is a tree: payloads around a block, a chunk and several levels have right frames."""
    around = (64, 1024, 2048, 3072, 5 * 1024, 8 * 1024, 64 * 1024, 1024 * 1024)
    payloads = [bytes(n % 251 for n in range(size + d)) for size in around for d in (-1, 0, 1)]
    adapter.open(tmp_path)

    for payload in payloads:
        adapter.append(payload)

    (written,) = files_in(tmp_path).values()
    assert written == b"".join(map(make_frame, payloads))
