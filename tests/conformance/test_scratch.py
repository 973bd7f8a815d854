"""What a run leaves in memory when it is killed, and who takes it away."""

import subprocess
import sys
from pathlib import Path

import pytest
from tornproof_conformance.adapter import scratch
from tornproof_conformance.adapter.scratch import OWNER, claim, sweep

CLAIM = """
import os, signal, sys
from pathlib import Path
from tornproof_conformance.adapter import scratch
scratch.roomy_place = lambda: Path(sys.argv[1])
root = scratch.claim(scratch)
(root / "00000001").mkdir()
(root / "00000001" / "file").write_text("left")
print(root, flush=True)
sys.stdin.read()
os.kill(os.getpid(), signal.SIGKILL)
"""


class Owner:
    """Has a directory as long as it lives."""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let directories be made in a place of the test's own."""
    monkeypatch.setattr(scratch, "roomy_place", lambda: tmp_path)
    return tmp_path


def test_what_a_killed_process_left_is_removed(place: Path) -> None:
    """Not while it lives, and not what another has; after a SIGKILL, by whoever comes next."""
    owner, bystander = Owner(), place / "tornproof-of-somebody"
    mine = claim(owner)
    bystander.mkdir()
    other = subprocess.Popen(
        [sys.executable, "-c", CLAIM, str(place)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert other.stdout is not None
    left = Path(other.stdout.readline().strip())

    sweep(place)
    while_it_lived = (left / "00000001" / "file").read_text()
    other.communicate("")
    remained = left.exists()
    claim(Owner())

    assert while_it_lived == "left"
    assert remained
    assert sorted(place.iterdir()) == sorted([mine, bystander])
    assert str(other.pid) not in (mine / OWNER).read_text()


def test_a_directory_goes_with_its_owner(place: Path) -> None:
    """Nobody has to remember to remove it."""
    owner = Owner()
    root = claim(owner)
    (root / "file").write_text("anything")
    assert list(place.iterdir()) == [root]

    del owner
    assert list(place.iterdir()) == []
