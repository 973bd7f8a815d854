"""Journals in memory and on a disk, with a reader beside their writer."""

from typing import Any

import pytest
from tornproof.errors import TornproofError
from tornproof.journal import Journal, JournalReader
from tornproof_models.disk.filesystem import ModelFilesystem
from tornproof_models.disk.trace import Image

DIRECTORY = "/journal"


FIRST = f"{0:016x}.wal"


def opened(filesystem: ModelFilesystem, **options: Any) -> Journal:
    return Journal.open(DIRECTORY, filesystem=filesystem, **options)


def reading(filesystem: ModelFilesystem, *, durable_only: bool = True) -> JournalReader:
    return JournalReader(DIRECTORY, durable_only=durable_only, filesystem=filesystem)


def three_segments(filesystem: ModelFilesystem) -> Journal:
    """Two records of 41 bytes in each of three segments: offsets 0, 41, … 205."""
    journal = opened(filesystem, segment_bytes=82)
    for payload in (b"a", b"b", b"c", b"d", b"e", b"f"):
        journal.append(payload)
    return journal


def on_disk(files: dict[str, bytes]) -> ModelFilesystem:
    """A journal directory with these files."""
    paths = {f"{DIRECTORY}/{name}": content for name, content in files.items()}
    return ModelFilesystem(Image(paths, frozenset({DIRECTORY})))


def files_of(filesystem: ModelFilesystem) -> dict[str, bytes]:
    prefix = f"{DIRECTORY}/"
    return {path.removeprefix(prefix): data for path, data in filesystem.image.files.items()}


def errors_of(reader: JournalReader, offset: int) -> type[TornproofError]:
    with pytest.raises(TornproofError) as caught:
        reader.read(offset)
    return caught.type
