"""
Write images as directories and remove them, thousands of times a second.
"""

import os
from pathlib import Path

from tornproof_models.disk.sparse import SparseFiles
from tornproof_models.disk.trace import Image

from tornproof_conformance.adapter.left_behind import remove


def lay_out(image: Image, root: str) -> None:
    """Make a directory and put an image into it."""
    os.mkdir(root)  # noqa: PTH102
    for path in sorted(image.directories):
        os.mkdir(root + path)  # noqa: PTH102
    sparse = image.files.contents if isinstance(image.files, SparseFiles) else {}
    for path in image.files:
        descriptor = os.open(root + path, os.O_WRONLY | os.O_CREAT, 0o644)
        if path in sparse:
            os.ftruncate(descriptor, sparse[path].size)
            for offset, data in sparse[path].pieces():
                os.pwrite(descriptor, data, offset)
        else:
            os.write(descriptor, image.files[path])
        os.close(descriptor)


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
