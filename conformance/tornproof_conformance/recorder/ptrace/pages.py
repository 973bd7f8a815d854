"""
Find the pages that were written, where the kernel can tell (Linux 6.7 and newer).

A userfaultfd with asynchronous write protection works on any mapping and costs the traced
process one short fault for the first store into a page; `PAGEMAP_SCAN` then tells the pages
and protects them again, in one step.  The descriptor must be made by the traced process
itself, so one call is put into its mouth where its `mmap` ends; the rest is done from here.

Nothing rests on it.  As soon as the range is no longer wholly there (munmap, mremap, exec),
or the process forks, its file is compared as a whole again.
"""

import ctypes
import os
from fcntl import ioctl

from attrs import define

from tornproof_conformance.recorder.ptrace import kernel
from tornproof_conformance.recorder.ptrace.kernel import PAGE

USERFAULTFD, CLOSE, PIDFD_GETFD = 323, 3, 438
"""System calls of x86_64."""

USER_MODE_ONLY = 1
UFFDIO_API, UFFDIO_REGISTER, PAGEMAP_SCAN = 0xC018AA3F, 0xC020AA00, 0xC0606610
API, REGISTER_MODE_WP, WP_ASYNC = 0xAA, 2, 1 << 15
SCAN_PROTECTS, SCAN_CHECKS = 1, 2
WPALLOWED, WRITTEN = 1, 2
REGIONS = 1 << 14
"""Runs of pages that one scan tells of."""

_Words = ctypes.c_uint64 * 12
_regions = (ctypes.c_uint64 * (3 * REGIONS))()


class CannotWatch(Exception):
    """The kernel cannot say which pages were stored into, or may not be asked."""


@define(eq=False)
class WatchedRange:
    """A mapped part of a file in one process."""

    start: int
    end: int
    offset: int
    """Where in the file it begins."""

    pagemap: int
    faults: int
    """Descriptors of the tracer."""

    def written(self) -> list[tuple[int, int]] | None:
        """Take the parts of the file stored into since the last time; none if it is not known."""
        found, place = [], self.start
        while place < self.end:
            words = _Words(
                ctypes.sizeof(_Words),
                SCAN_PROTECTS | SCAN_CHECKS,
                place,
                self.end,
                0,
                ctypes.addressof(_regions),
                REGIONS,
                0,
                0,
                WPALLOWED,
                0,
                WPALLOWED | WRITTEN,
            )
            try:
                count = ioctl(self.pagemap, PAGEMAP_SCAN, words)
            except OSError:
                return None
            covered = place
            for n in range(count):
                first, last, kinds = _regions[3 * n : 3 * n + 3]
                if first != covered:
                    return None  # part of it is not mapped any more, or not as it was
                covered = last
                if kinds & WRITTEN:
                    found.append((first - self.start + self.offset, last - first))
            if covered == place or covered != min(words[4], self.end):
                return None
            place = covered
        return found

    def close(self) -> None:
        """Let go of it."""
        os.close(self.pagemap)
        os.close(self.faults)


def watch(task: int, start: int, length: int, offset: int) -> WatchedRange:
    """Watch a mapping whose `mmap` has just ended.  Raises `CannotWatch`."""
    end = start + -(-length // PAGE) * PAGE
    theirs = kernel.inject_call(task, USERFAULTFD, os.O_CLOEXEC | USER_MODE_ONLY)
    if theirs < 0:
        raise CannotWatch(f"userfaultfd: {os.strerror(-theirs)}")
    leader = kernel.leader(task)
    process = os.pidfd_open(leader)
    faults = kernel.libc.syscall(PIDFD_GETFD, process, theirs, 0)
    os.close(process)
    kernel.inject_call(task, CLOSE, theirs)
    if faults < 0:
        raise CannotWatch("pidfd_getfd is not allowed")
    try:
        ioctl(faults, UFFDIO_API, (ctypes.c_uint64 * 3)(API, WP_ASYNC, 0))
        range_words = (ctypes.c_uint64 * 4)(start, end - start, REGISTER_MODE_WP, 0)
        ioctl(faults, UFFDIO_REGISTER, range_words)
        pagemap = os.open(f"/proc/{leader}/pagemap", os.O_RDONLY)
    except OSError as error:
        os.close(faults)
        raise CannotWatch(f"write protection: {error.strerror}") from None
    found = WatchedRange(start, end, offset, pagemap, faults)
    if found.written() is None:  # protects it for the first time
        found.close()
        raise CannotWatch("PAGEMAP_SCAN is not known")
    return found
