"""
Show the bytes of a file with the frames in it.
"""

from base64 import b64decode
from collections.abc import Iterator

from attrs import frozen

from tornproof_conformance.stream.run_events import FileStory

PARTS = (("length", 4), ("CRC32C", 4), ("BLAKE3", 32))
"""What stands before the payload (FRM-1), with sizes in bytes."""

VALID = "valid"


@frozen
class Piece:
    """Some bytes that belong together: from `begin`, in the file, to `end`, exclusive."""

    begin: int
    end: int
    part: str
    """`length`, `CRC32C`, `BLAKE3`, `payload`, or `bytes` where no frame is known."""

    verdict: str
    """That of the frame; `valid` if it is whole.  Empty where no frame is known."""

    data: bytes
    """As many of the bytes as are known."""


def dissect(file: FileStory) -> tuple[Piece, ...]:
    """Cut a file into pieces, from its first byte to its last."""
    return tuple(_pieces(file, b64decode(file.content)))


def _pieces(file: FileStory, content: bytes) -> Iterator[Piece]:
    position = 0
    for begin, size, verdict in file.frames:
        for part, end in _parts(begin, begin + size):
            yield Piece(position, end, part, verdict, content[position:end])
            position = end
    if position < file.size:
        yield Piece(position, file.size, "bytes", "", content[position:])


def _parts(begin: int, end: int) -> Iterator[tuple[str, int]]:
    """Yield the parts of a frame with their ends, as far as the frame reaches."""
    position = begin
    for part, size in PARTS:
        if position < end:
            position = min(position + size, end)
            yield part, position
    if position < end:
        yield "payload", end
