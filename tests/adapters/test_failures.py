"""
Adapters on a disk that fails.

`strace` makes the nth call of a kind fail, so the adapters need no cooperation.
Whatever fails, one rule decides: what was acknowledged is there, what failed is
there once or not, and nothing else is (JRN-6).
"""

import resource
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.adapters.driver import Adapter, Refused

PAYLOADS = [b"one" * 50, b"two" * 50, b"three" * 50, b"four" * 50]

STRACE = ("strace", "--follow-forks", "--quiet=all", "--output=/dev/null")
needs_strace = pytest.mark.skipif(not shutil.which("strace"), reason="strace is not installed")


def append_all(adapter: Adapter, directory: Path) -> tuple[dict[bytes, int], list[str]]:
    """Append every payload; return what was acknowledged and the codes of the failures."""
    acknowledged: dict[bytes, int] = {}
    codes = []
    try:
        adapter.open(directory, segment_bytes=400)
    except Refused as refusal:
        return {}, [refusal.code]
    for payload in PAYLOADS:
        try:
            acknowledged[payload] = adapter.append(payload)
        except Refused as refusal:
            certain = refusal.definite == (refusal.code == "poisoned")
            codes.append(refusal.code if certain else f"{refusal.code}, wrongly definite")
    adapter.code("journal.close")
    return acknowledged, codes


def check(found: Sequence[tuple[int, bytes]], acknowledged: dict[bytes, int]) -> None:
    """Compare what a later process finds with what was promised."""
    payloads = [payload for _, payload in found]
    assert payloads == [payload for payload in PAYLOADS if payload in payloads]
    assert {payload: offset for offset, payload in found}.items() >= acknowledged.items()


@needs_strace
@pytest.mark.parametrize("nth", range(1, 8))
def test_a_failed_sync_is_final(nth: int, executable: Path, tmp_path: Path) -> None:
    """After a failed fsync every append is refused until the journal is opened again (JRN-7)."""
    with Adapter(*STRACE, f"--inject=fsync,fdatasync:error=EIO:when={nth}", executable) as failing:
        acknowledged, codes = append_all(failing, tmp_path)

    with Adapter(executable) as adapter:
        adapter.open(tmp_path)
        check(adapter.scan(), acknowledged)
    assert codes == [] or codes[0] == "io"
    assert set(codes[1:]) <= {"poisoned"}
    assert len(acknowledged) + len(codes) == len(PAYLOADS) or codes == ["io"]


@needs_strace
@pytest.mark.parametrize("error", ["ENOSPC", "EIO"])
@pytest.mark.parametrize("nth", range(1, 5))
def test_a_failed_write_is_rolled_back(
    nth: int, error: str, executable: Path, tmp_path: Path
) -> None:
    """One append fails, the others are there (JRN-8)."""
    with Adapter(*STRACE, f"--inject=pwrite64:error={error}:when={nth}", executable) as failing:
        acknowledged, codes = append_all(failing, tmp_path)

    with Adapter(executable) as adapter:
        adapter.open(tmp_path)
        found = adapter.scan()
    assert codes == ["no_space" if error == "ENOSPC" else "io"]
    assert {payload: offset for offset, payload in found} == acknowledged


@needs_strace
def test_a_rollback_that_fails_poisons(executable: Path, tmp_path: Path) -> None:
    """Nothing is appended behind a fragment that could not be cut off (JRN-8)."""
    with Adapter(*STRACE, "--inject=ftruncate:error=EIO", executable) as failing:
        failing.open(tmp_path)
        first = failing.append(PAYLOADS[0])
        _limit_files(_only_child(failing.process.pid), first + 40 + len(PAYLOADS[0]) + 50)
        codes = [failing.code("journal.append", payload="A" * 200) for _ in range(2)]
        codes.append(failing.code("journal.append", payload=""))

    assert codes == ["io", "poisoned", "poisoned"]


def _only_child(pid: int) -> int:
    return int(Path(f"/proc/{pid}/task/{pid}/children").read_text())


def _limit_files(pid: int, largest: int) -> None:
    """Let no file of a process grow above a size: a write across it is cut short."""
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (largest, resource.RLIM_INFINITY))


@needs_strace
def test_a_read_error_is_no_end(executable: Path, tmp_path: Path) -> None:
    """A disk that cannot be read makes opening fail and cuts nothing (REC-11)."""
    with Adapter(executable) as adapter:
        acknowledged, _ = append_all(adapter, tmp_path)
    segments = [f"--trace-path={path}" for path in tmp_path.glob("*.wal")]
    for nth in (1, 2, 3):
        fault = f"--inject=pread64:error=EIO:when={nth}"
        with Adapter(*STRACE, *segments, fault, executable) as failing:
            assert failing.code("journal.open", dir=str(tmp_path)) == "io"

    with Adapter(executable) as adapter:
        adapter.open(tmp_path)
        assert {payload: offset for offset, payload in adapter.scan()} == acknowledged


def test_a_short_write_leaves_no_fragment(executable: Path, tmp_path: Path) -> None:
    """A file that may not grow further takes a part of a record; the next goes elsewhere."""
    with Adapter(executable) as adapter:
        adapter.open(tmp_path)
        _limit_files(adapter.process.pid, 300)
        first = adapter.append(PAYLOADS[0])
        code = adapter.code("journal.append", payload="A" * 200)
        third = adapter.append(PAYLOADS[2])

        assert (code, third) == ("io", first + 40 + len(PAYLOADS[0]))
        assert adapter.scan() == [(first, PAYLOADS[0]), (third, PAYLOADS[2])]
