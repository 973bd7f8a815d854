"""
Write images as directories and remove them, thousands of times a second.
"""

import os
from pathlib import Path

from tornproof_models.disk.trace import Image

from tornproof_conformance.adapter.left_behind import remove

SPARSE_FROM = 1 << 16
"""Bytes from which on a file is written without its zeros: most were preallocated."""

BLOCK = 1 << 12


def lay_out(image: Image, root: str) -> None:
    """Make a directory and put an image into it."""
    os.mkdir(root)  # noqa: PTH102
    for path in sorted(image.directories):
        os.mkdir(root + path)  # noqa: PTH102
    for path, content in image.files.items():
        descriptor = os.open(root + path, os.O_WRONLY | os.O_CREAT, 0o644)
        if len(content) < SPARSE_FROM:
            os.write(descriptor, content)
        else:
            _write_sparsely(descriptor, content)
        os.close(descriptor)


def _write_sparsely(descriptor: int, content: bytes) -> None:
    os.ftruncate(descriptor, len(content))
    view, zeros = memoryview(content), bytes(BLOCK)
    for start in range(0, len(content), BLOCK):
        block = view[start : start + BLOCK]
        if block != zeros[: len(block)]:
            os.pwrite(descriptor, block, start)


def clear_away(root: str) -> None:
    """Remove a directory with all that is in it, as far as that goes."""
    try:
        _clear(root)
    except (OSError, RecursionError):  # something strange is in it, which takes longer
        remove(Path(root))


def _clear(root: str) -> None:
    with os.scandir(root) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                _clear(entry.path)
            else:
                os.unlink(entry.path)  # noqa: PTH108
    os.rmdir(root)  # noqa: PTH106
