"""
Limits on input from outside, each with its reason.

A file of a stranger asks for work and memory.  What no run of this suite writes is
refused before it costs either.  Limits are inclusive.
"""

from collections.abc import Mapping

from attrs import frozen

KIB = 1 << 10
MIB = 1 << 20


@frozen
class FileLimit:
    """How large a file of one kind may be."""

    largest: int
    """In bytes."""

    values: int
    """Strings, numbers, lists and mappings in it: each costs some 100 bytes of memory."""

    reason: str


FILES: Mapping[str, FileLimit] = {
    "reproducer": FileLimit(
        64 * MIB, 1_000_000, "the largest that a check has written has less than 10 MiB"
    ),
    "trace": FileLimit(
        512 * MIB, 4_000_000, "a log that preallocates 64 MiB writes them all, in base64"
    ),
    "certificate": FileLimit(
        512 * MIB, 64_000_000, "the one of spec/certificates.md for 5.6e32 images has 117 MB"
    ),
    "event": FileLimit(
        16 * MIB, 200_000, "one line: a violation with its images, cut to 64 KiB a file"
    ),
    "events": FileLimit(
        256 * MIB, 64_000_000, "a run of a night writes a line a second and some kilobytes each"
    ),
    "printed lines": FileLimit(
        64 * MIB, 1, "a workload prints a line for each promise; the file holds no JSON"
    ),
    "vectors": FileLimit(64 * MIB, 1_000_000, "the largest in spec/vectors has 4 MiB"),
    "settings": FileLimit(MIB, 100_000, "people write it, some lines"),
    "known failures": FileLimit(MIB, 100_000, "people write it, some lines for each requirement"),
    "state of a campaign": FileLimit(64 * MIB, 1_000_000, "one entry for each shard"),
    "saved head": FileLimit(64 * KIB, 1_000, "one line"),
}
"""By what a file is."""


@frozen
class Span:
    """The numbers that a field may hold, both ends included."""

    least: int
    most: int
    reason: str


LARGEST_IMAGE_NUMBER = 10**400 - 1

NUMBERS: Mapping[str, Span] = {
    "size": Span(0, 16 * MIB + 1, "the largest payload of the specification, and one more"),
    "sizes": Span(0, 16 * MIB + 1, "the largest payload of the specification, and one more"),
    "payload_bytes": Span(0, 64 * MIB, "all appends of a program: the judge holds their images"),
    "segment_bytes": Span(1, 1 << 62, "offsets are 64 bits"),
    "max_payload": Span(0, (1 << 32) - 1, "the length of a frame is 32 bits"),
    "sector_bytes": Span(1, 4096, "no disk tears a larger unit"),
    "nth": Span(1, 100_000, "no program makes so many operations on a disk"),
    "point": Span(0, 10_000_000, "no trace has so many events"),
    "image": Span(0, LARGEST_IMAGE_NUMBER, "2^1300: the pending versions of 600 KiB unsynced"),
    "answers": Span(0, 1_000_000, "no program appends so often"),
    "microseconds": Span(0, 60_000_000, "a minute: no kill needs longer"),
    "events": Span(1, 3, "the schedules of four events take hours (`check --queue-events`)"),
    "falls": Span(0, 3, "schedules grow with each panic as with each event"),
    "faults": Span(0, 3, "schedules grow with each fault as with each event"),
    "offset": Span(0, (1 << 64) - 1, "offsets are 64 bits"),
}
"""By the name of the field."""

STEPS = Span(
    0, 1024, "the length of a program: `append:5*1024` is the longest that can be asked for"
)

FILE_BYTES = Span(0, 1 << 30, "a file of an image: the judge holds all of it in memory")
NAME_BYTES = Span(1, 255, "a name of a file in Linux (NAME_MAX)")
DEPTH = Span(1, 64, "directories in each other in an image: no log that was met has above 8")
DIGITS = 4_000
"""Of a number; Python refuses to read more than 4,300."""
