"""A journal of three segments."""

from pathlib import Path

import pytest
from tornproof.journal import Journal


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    """Two sealed segments of two records each, and an active one with one record."""
    directory = tmp_path / "orders"
    with Journal.open(str(directory), segment_bytes=100) as opened:
        for payload in (b"coffee", b"tea", b"water", b"juice", b"\x00\xff soup"):
            opened.append(payload)
    return directory
