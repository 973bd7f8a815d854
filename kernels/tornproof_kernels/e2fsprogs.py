"""
Ask e2fsprogs for the same: e2fsck replays the journal, debugfs reads the tree.

No mount and no root.  Some 30 ms an image, so a sample is compared with `ext4_reader`.
"""

import os
import subprocess
import tempfile
from pathlib import Path

from tornproof_models.disk.trace import Image

from tornproof_kernels.disk_server import BLOCK, Blocks

_QUIET = {**os.environ, "DEBUGFS_PAGER": "cat", "PAGER": "cat"}


def recover(blocks: Blocks, size: int, top: str = "t") -> tuple[Image, str]:
    """Return what is below a directory after recovery, and what e2fsck finds wrong, or nothing."""
    with tempfile.TemporaryDirectory() as where:
        path, out = Path(where, "image"), Path(where, "out")
        with path.open("wb") as file:
            file.truncate(size)
            for number, block in blocks.items():
                file.seek(number * BLOCK)
                file.write(block)
        replayed = _run("e2fsck", "-E", "journal_only", "-y", str(path))
        checked = _run("e2fsck", "-fn", str(path))
        complaint = replayed.stdout if replayed.returncode not in (0, 1) else ""
        complaint += checked.stdout if checked.returncode else ""
        out.mkdir()
        _run("debugfs", "-R", f"rdump /{top} {out}", str(path))
        return read_directory(out / top), complaint[-500:]


def read_directory(top: Path) -> Image:
    """Read a tree of real files."""
    found = {"/" + str(path.relative_to(top)): path for path in top.rglob("*")}
    directories = frozenset(name for name, path in found.items() if path.is_dir())
    files = {name: path.read_bytes() for name, path in found.items() if path.is_file()}
    return Image(files, directories)


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, env=_QUIET, check=False)
