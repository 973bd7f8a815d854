"""
An image as a directory: names, bytes, links, modes, owners and times.

Files that no write changes are copied from where they were kept, the others written.
"""

import os
import shutil
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from attrs import frozen
from tornproof_models.disk.image_builder import Choice
from tornproof_models.disk.images import ImageSpace
from tornproof_models.disk.trace import Image

from tornproof_conformance.power.image_directories import lay_out
from tornproof_conformance.recorder.tree import Attributes
from tornproof_conformance.workload.recorded_workload import RecordedWorkload

NEW_FILE, NEW_DIRECTORY = 0o644, 0o755
"""Modes of what came and went before anybody looked."""


@frozen
class LaidOut:
    """All that a directory has to hold; every path is absolute below it."""

    image: Image
    """Directories, and the files whose bytes are written."""

    copied: Mapping[str, str]
    """Files that are copied, each from where it is kept."""

    links: Mapping[str, str]
    """Targets of symbolic links."""

    names: Mapping[str, str]
    """Further names of files (hard links), each with the first."""

    attributes: tuple[tuple[str, Attributes], ...]
    """Modes, owners and times, what lies deeper first; the root has the empty path."""

    def write(self, root: str) -> None:
        """Make the directory.  Raises `OSError`."""
        lay_out(self.image, root)
        for path, source in self.copied.items():
            shutil.copyfile(source, root + path)
        for path, target in self.links.items():
            os.symlink(target, root + path)  # noqa: PTH211
        for path, first in self.names.items():
            os.link(root + first, root + path)
        for path, (mode, user, group, changed) in self.attributes:
            with suppress(OSError):  # forbidden, or no user of this namespace
                os.chown(root + path, user, group)
            os.chmod(root + path, mode)  # noqa: PTH101
            os.utime(root + path, ns=(changed, changed))

    def empty(self, root: str) -> None:
        """Cut every file to nothing whose bytes were written."""
        for path in self.image.files:
            os.truncate(root + path, 0)


def laid_out(space: ImageSpace, choice: Choice, workload: RecordedWorkload, kept: Path) -> LaidOut:
    """Say what a choice leaves; `kept` has the files that are never written, by inode."""
    builder = space.builder
    tree, built = builder.tree(choice.kept), builder.build(choice).files
    inodes = dict(tree.files)
    links = {path: workload.links[n] for path, n in inodes.items() if n in workload.links}
    copied = {path: str(kept / str(n)) for path, n in inodes.items() if n in workload.still}
    names = _further_names(inodes, links)
    copied = {path: source for path, source in copied.items() if path not in names}
    others = {*links, *copied, *names}
    written = {path: content for path, content in built.items() if path not in others}
    paths = sorted({"", *tree.directories, *inodes})
    attributes, now = {}, time.time_ns()
    for path, inode in zip(paths, tree.inodes, strict=True):
        if path not in links:
            usual = NEW_FILE if path in inodes else NEW_DIRECTORY, os.getuid(), os.getgid(), now
            attributes[path] = workload.attributes.get(inode, usual)
    return LaidOut(
        Image(written, tree.directories),
        copied,
        links,
        names,
        tuple(reversed(attributes.items())),
    )


def _further_names(inodes: Mapping[str, int], links: Mapping[str, str]) -> dict[str, str]:
    """Return the names of files that have one already, in order, each with the first."""
    first: dict[int, str] = {}
    named = ((path, inode) for path, inode in sorted(inodes.items()) if path not in links)
    return {path: at for path, inode in named if (at := first.setdefault(inode, path)) != path}
