"""The parts of `make soak` work, each for a moment; what they find is found by hours of them."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tornproof_conformance.pytest_support.plugin import requirement

from tests import soak


@requirement("RDR-5", "SEG-7", "GRP-1", "DRN-1")
@pytest.mark.parametrize("part", [soak.threads, soak.clock, soak.reader])
def test_nothing_breaks(
    part: Callable[[Path], Iterator[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Threads share syncs, a clock jumps, and a process reads beside a cleaner."""
    monkeypatch.setattr(soak, "THREADS", 20)
    monkeypatch.setattr(soak, "EACH", 5)
    monkeypatch.setattr(soak, "JUMPS", 40)
    monkeypatch.setattr(soak, "READER_SECONDS", 0.5)

    assert list(part(tmp_path)) == []
