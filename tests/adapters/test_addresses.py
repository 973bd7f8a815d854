"""
Offsets, segments and refusals of the adapters.
"""

import json
from pathlib import Path

from tests.adapters.driver import Adapter, files_in

FRAME = 40


def test_three_mistakes_are_told_apart(adapter: Adapter, tmp_path: Path) -> None:
    """Below the first segment, off a boundary and at the end are different errors (SEG-8)."""
    adapter.open(tmp_path, segment_bytes=100)
    first, second, third = (adapter.append(bytes(30)) for _ in range(3))
    adapter("journal.cleanup", cursor=second)

    codes = [
        adapter.code("journal.read", offset=offset)
        for offset in (first, second, second + 1, third + FRAME + 29, third + FRAME + 30)
    ]

    assert codes == ["trimmed", "ok", "not_a_boundary", "not_a_boundary", "beyond_end"]


def test_a_frame_in_a_payload_is_no_boundary(adapter: Adapter, tmp_path: Path) -> None:
    """Only a walk can tell, however much the bytes look like a record."""
    adapter.open(tmp_path)
    adapter.append(b"inner")
    inner = next(iter(files_in(tmp_path).values()))

    outer = adapter.append(inner)

    assert adapter.code("journal.read", offset=outer + FRAME) == "not_a_boundary"
    assert adapter.scan(**{"from": outer}) == [(outer, inner)]


def test_cleanup_keeps_the_last_segment(adapter: Adapter, tmp_path: Path) -> None:
    """Whole sealed segments below the cursor go; without a cursor nothing does (SEG-7)."""
    adapter.open(tmp_path, segment_bytes=50)
    offsets = [adapter.append(bytes(10)) for _ in range(4)]

    kept = [adapter("journal.cleanup")["first"]]
    kept += [adapter("journal.cleanup", cursor=cursor)["first"] for cursor in (99, 100, 10**9)]

    assert kept == [0, offsets[1], offsets[2], offsets[3]]
    assert len(files_in(tmp_path)) == 1


def test_a_cut_segment_is_not_appended_to(adapter: Adapter, tmp_path: Path) -> None:
    """The record after a recovery goes to a fresh segment, so bytes are written once (REC-2)."""
    adapter.open(tmp_path)
    end = adapter.append(b"kept") + FRAME + 4
    adapter("journal.close")
    (segment,) = tmp_path.glob("*.wal")
    segment.write_bytes(segment.read_bytes() + b"torn")

    opened = adapter.open(tmp_path)
    offset = adapter.append(b"next")

    assert (opened["end"], opened["discarded_bytes"], offset) == (end, 4, end)
    assert [f"{0:016x}.wal", f"{end:016x}.wal"] == list(files_in(tmp_path))


def test_a_sound_record_above_the_maximum_is_not_cut(adapter: Adapter, tmp_path: Path) -> None:
    """A journal opened with too small a maximum is refused, and changed in nothing."""
    adapter.open(tmp_path)
    adapter.append(bytes(100))
    adapter("journal.close")
    before = files_in(tmp_path)

    code = adapter.code("journal.open", dir=str(tmp_path), max_payload=99)

    assert (code, files_in(tmp_path)) == ("invalid", before)


def test_too_large_changes_nothing(adapter: Adapter, tmp_path: Path) -> None:
    """A payload above the maximum is refused before anything is written (FRM-8)."""
    adapter.open(tmp_path, max_payload=10)
    adapter.append(bytes(10))
    before = files_in(tmp_path)

    reply = adapter.request("journal.append", payload="AAAAAAAAAAAAAAA=")

    assert (reply["error"]["code"], reply["error"]["definite"]) == ("too_large", True)
    assert files_in(tmp_path) == before


def test_one_process_serves_many_directories(adapter: Adapter, tmp_path: Path) -> None:
    """A close, or an open that fails, leaves no descriptor behind."""
    descriptors = Path(f"/proc/{adapter.process.pid}/fd")
    adapter.open(tmp_path / "warm")
    adapter("journal.close")
    before = len(list(descriptors.iterdir()))

    for number in range(50):
        adapter.open(tmp_path / str(number))
        adapter.append(b"one")
        adapter("journal.close")
        broken = tmp_path / f"broken-{number}"
        broken.mkdir()
        (broken / f"{0:016x}.wal").write_bytes(b"torn")
        (broken / f"{5:016x}.wal").touch()
        assert adapter.code("journal.open", dir=str(broken)) == "corrupt"

    assert len(list(descriptors.iterdir())) == before


def test_strange_requests_get_one_reply_each(adapter: Adapter) -> None:
    """Lines that are no request, and operations nobody knows, are answered and harm nothing."""
    assert adapter.process.stdin is not None
    assert adapter.process.stdout is not None
    for line in ("{", "7", '{"id":1,"op":7}', '{"id":"é\\n","op":"hello","args":{"x":[{}]}}'):
        adapter.process.stdin.write(line + "\n")
    replies = [json.loads(adapter.process.stdout.readline()) for _ in range(4)]

    assert ["error" in reply or "unsupported" in reply for reply in replies[:3]] == [True] * 3
    assert (replies[3]["id"], replies[3]["ok"]["protocol"]) == ("é\n", 1)
    assert "unsupported" in adapter.request("reader.open")
    assert adapter.code("journal.append", payload="") == "closed"


def test_a_directory_with_a_difficult_name(adapter: Adapter, tmp_path: Path) -> None:
    """JSON's escapes are undone in names."""
    directory = tmp_path / 'a "quoted" \\ naïve 🦀 name'

    adapter.open(directory)
    adapter.append(b"here")

    assert [path.name for path in tmp_path.iterdir()] == [directory.name]
