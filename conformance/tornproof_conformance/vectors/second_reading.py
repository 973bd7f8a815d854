"""
Compute what recovery must make of a directory, directly from the specification.

A second opinion on every vector of kind `image`.  It uses nothing of what is
judged: names as SEG-1 gives them, frames as `frames` reads them, and four rules,
REC-1 (the longest valid prefix), REC-5 (damage in a sealed segment), REC-6 (a
hole between segments) and REC-10 (other files).
"""

import re
from collections.abc import Mapping
from itertools import pairwise

from tornproof_conformance.vectors.frames import read_frames
from tornproof_conformance.vectors.vector import Recovers, Refused

SEGMENT = re.compile(r"[0-9a-f]{16}\.wal")
TEMPORARY = re.compile(r"[0-9a-f]{16}\.wal\.tmp")
COMPANION = re.compile(r"writer\.lock|watermark|[^/]+\.cursor")
"""Files that a journal may keep beside its segments, and change as it likes."""

MAXIMUM = 16 << 20
"""Largest payload in bytes unless a case says otherwise (FRM-8)."""


def read_directory(files: Mapping[str, bytes], maximum: int = MAXIMUM) -> Recovers | Refused:
    """Say what must become of the files of a journal's directory."""
    segments = {int(name[:16], 16): data for name, data in files.items() if SEGMENT.fullmatch(name)}
    bases = sorted(segments)
    records: list[tuple[int, bytes]] = []
    valid = 0
    for base in bases:
        valid = 0
        for frame in read_frames(segments[base]):
            if frame.payload is None or len(frame.payload) > maximum:
                break
            records.append((base + frame.position, frame.payload))
            valid += frame.size
        sealed = base != bases[-1]
        if sealed and valid < len(segments[base]):
            return Refused("corrupt")
    if any(base + len(segments[base]) != following for base, following in pairwise(bases)):
        return Refused("corrupt")
    return Recovers(
        records=tuple(records),
        discarded_bytes=len(segments[bases[-1]]) - valid if bases else 0,
        unchanged=tuple(name for name in files if _is_foreign(name)),
        absent=tuple(name for name in files if TEMPORARY.fullmatch(name)),
    )


def _is_foreign(name: str) -> bool:
    return not any(ours.fullmatch(name) for ours in (SEGMENT, TEMPORARY, COMPANION))
