"""
Digests of images: a sum of one number for each name, each size and each sector.

So what changes one sector exchanges one number for another, and a sector of zeros counts
nothing: the digest of a file of 64 MB that holds three records costs three sectors.
"""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from hashlib import blake2b

from tornproof_models.disk.sparse import sectors_of

DIGESTS = 1 << 128
"""How many digests of images there are."""

WIDTH = 512
"""Bytes of the sectors of which an image has its digest."""


@lru_cache(1 << 14)
def digest_sector(path: str, sector: int, content: bytes) -> int:
    """
    Return what a sector contributes to the digest of an image, as far as the file reaches.

    Zeros contribute nothing: the size, which stands as sector -1, tells how many there are.
    """
    content = content.rstrip(b"\0")
    return _number(path, sector, content) if content else 0


def digest_size(path: str, size: int) -> int:
    """Return what the size of a file contributes, and its name with it."""
    return _number(path, -1, b"%d" % size)


def digest_directories(paths: Iterable[str]) -> int:
    """Return what the names of directories contribute."""
    return sum(_number(path, -2, b"") for path in paths)


def digest_tree(files: Mapping[str, bytes], directories: Iterable[str]) -> int:
    """Return the digest of everything that a program could see in a tree."""
    total = digest_directories(directories)
    for path, content in files.items():
        total += digest_size(path, len(content))
        for sector, held in sectors_of(content, WIDTH).items():
            total += digest_sector(path, sector, held)
    return total % DIGESTS


@lru_cache(1 << 14)
def _number(path: str, sector: int, content: bytes) -> int:
    state = blake2b(f"{path}\0{sector}\0".encode(), digest_size=16)
    state.update(content)
    return int.from_bytes(state.digest(), "big")
