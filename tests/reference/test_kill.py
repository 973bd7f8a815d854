"""A real process on a real disk is killed, again and again, and loses nothing it acknowledged."""

import random
import subprocess
import sys
from pathlib import Path

from tornproof.journal import Journal, recover
from tornproof_conformance.pytest_support.plugin import requirement

WRITER = Path(__file__).with_name("writer_process.py")
KILLS = 20


def run_until_killed(directory: Path, seed: int, lines: int) -> list[tuple[int, bytes]]:
    """Start a writer, SIGKILL it after so many lines, and return what it acknowledged."""
    with subprocess.Popen(
        [sys.executable, "-S", str(WRITER), str(directory), str(seed)],
        stdout=subprocess.PIPE,
        env={"PYTHONPATH": ":".join(sys.path)},
    ) as process:
        assert process.stdout is not None
        seen = [process.stdout.readline() for _ in range(lines)]
        process.kill()
        seen += process.stdout.readlines()
    assert process.returncode == -9, seen
    acknowledged = []
    for line in seen[1:]:
        if line.endswith(b"\n"):
            offset, _, payload = line.decode().rstrip("\n").partition(" ")
            acknowledged.append((int(offset), bytes.fromhex(payload)))
    return acknowledged


@requirement("JRN-3", "JRN-4", "JRN-5", "REC-1", "REC-4", "REC-8", "SEG-9")
def test_twenty_kills_lose_nothing(tmp_path: Path) -> None:
    """After each of 20 SIGKILLs at a random moment, everything acknowledged so far is there."""
    directory = tmp_path / "journal"
    source = random.Random(20)
    shown: list[tuple[int, bytes]] = []
    for round_number in range(KILLS):
        acknowledged = run_until_killed(directory, round_number, source.randint(1, 30))
        report = recover(str(directory))
        with Journal.open(str(directory), segment_bytes=4096) as journal:
            found = list(journal.scan())
        assert found[: len(shown)] == shown, "what recovery showed before has changed"
        assert found[len(shown) : len(shown) + len(acknowledged)] == acknowledged
        assert len(found) <= len(shown) + len(acknowledged) + 1, "more than was ever invoked"
        assert report.records == len(found)
        shown = found
    assert len(shown) > KILLS
