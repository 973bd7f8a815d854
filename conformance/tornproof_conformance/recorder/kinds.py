"""
System calls by kind.
"""

from tornproof_conformance.recorder import arguments
from tornproof_conformance.recorder.lines import Call, Cut

CLONES = frozenset({"clone", "clone3", "fork", "vfork"})

TELLING_ERRORS = frozenset({"fsync", "fdatasync", "sync_file_range", "syncfs"})
"""Calls that change what a disk may hold even if they fail."""

WRITES = frozenset({"write", "writev", "pwrite64", "pwritev", "pwritev2"})

CHANGES = WRITES | {
    "copy_file_range",
    "creat",
    "fallocate",
    "ftruncate",
    "ioctl",
    "link",
    "linkat",
    "mkdir",
    "mkdirat",
    "open",
    "openat",
    "rename",
    "renameat",
    "renameat2",
    "rmdir",
    "sendfile",
    "truncate",
    "unlink",
    "unlinkat",
}
"""Calls that change files."""


def clone_flags(call: Call | Cut) -> frozenset[str]:
    """Read the `CLONE_…` flags of a clone, which stand in a structure or by themselves."""
    parts = (part for text in call.arguments for part in text.strip("{}").split(", "))
    found = (part.removeprefix("flags=") for part in parts if part.startswith("flags="))
    return arguments.flags(next(found, ""))
