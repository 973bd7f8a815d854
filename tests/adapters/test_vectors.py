"""
Each adapter reads the frozen vectors as they say.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tornproof_conformance.vectors.vector import ImageVector, Recovers, image_vectors

from tests.adapters.driver import Adapter, Refused


@pytest.fixture(scope="session")
def resident(executable: Path) -> Iterator[Adapter]:
    """Serve all images from one process, as a run of the suite does."""
    with Adapter(executable) as running:
        yield running


@pytest.mark.parametrize("vector", image_vectors(), ids=lambda vector: vector.id)
def test_vector(vector: ImageVector, resident: Adapter, tmp_path: Path) -> None:
    """The image yields what it must, and nothing else changes."""
    for name, content in vector.files.items():
        (tmp_path / name).write_bytes(content)
    options = {} if vector.max_payload is None else {"max_payload": vector.max_payload}

    if isinstance(vector.expect, Recovers):
        opened = resident.open(tmp_path, **options)
        assert resident.scan() == list(vector.expect.records)
        assert opened["discarded_bytes"] == vector.expect.discarded_bytes
        resident("journal.close")
        for name in vector.expect.unchanged:
            assert (tmp_path / name).read_bytes() == vector.files[name]
        assert not any((tmp_path / name).exists() for name in vector.expect.absent)
    else:
        with pytest.raises(Refused) as refusal:
            resident.open(tmp_path, **options)
        assert refusal.value.code == vector.expect.code
        for name, content in vector.files.items():
            assert (tmp_path / name).read_bytes() == content
