"""
The system calls at which the tracer stops, and the seccomp filter for all others.

No call is of interest that only moves numbers of open files about: which file a number
stands for is asked of the kernel (`/proc/PID/fd`) when the number is used.  So `close`,
`dup`, `fcntl`, `lseek` and `fork` run at full speed, and so do an `open` that neither makes
nor empties a file, an `mmap` that is not shared, and a `read` of anything but standard input.

Numbers are those of x86_64.  A call of another architecture (32 bits, x32) is stopped at, and
named if it changes a file (`foreign_name`).  On other machines strace is used.
"""

import struct
from collections.abc import Mapping

from tornproof_models.disk.faults import Kind

MACHINE = "x86_64"
"""The machine whose numbers these are, as `uname -m` says."""

AUDIT_ARCH = 0xC000003E
"""What the kernel calls it (AUDIT_ARCH_X86_64)."""

READ, OPEN, MMAP, IOCTL, READV, OPENAT = 0, 2, 9, 16, 19, 257

CALLS: Mapping[int, str] = {
    0: "read",
    1: "write",
    2: "open",
    9: "mmap",
    16: "ioctl",
    18: "pwrite64",
    19: "readv",
    20: "writev",
    26: "msync",
    40: "sendfile",
    74: "fsync",
    75: "fdatasync",
    76: "truncate",
    77: "ftruncate",
    82: "rename",
    83: "mkdir",
    84: "rmdir",
    85: "creat",
    86: "link",
    87: "unlink",
    88: "symlink",
    90: "chmod",
    91: "fchmod",
    92: "chown",
    93: "fchown",
    94: "lchown",
    132: "utime",
    133: "mknod",
    162: "sync",
    188: "setxattr",
    189: "lsetxattr",
    190: "fsetxattr",
    197: "removexattr",
    198: "lremovexattr",
    199: "fremovexattr",
    207: "io_destroy",
    209: "io_submit",
    231: "exit_group",
    235: "utimes",
    257: "openat",
    258: "mkdirat",
    259: "mknodat",
    260: "fchownat",
    261: "futimesat",
    263: "unlinkat",
    264: "renameat",
    265: "linkat",
    266: "symlinkat",
    268: "fchmodat",
    275: "splice",
    277: "sync_file_range",
    280: "utimensat",
    285: "fallocate",
    296: "pwritev",
    306: "syncfs",
    316: "renameat2",
    326: "copy_file_range",
    328: "pwritev2",
    425: "io_uring_setup",
    426: "io_uring_enter",
    427: "io_uring_register",
    437: "openat2",
    452: "fchmodat2",
}
"""Calls that are stopped at."""

KINDS: Mapping[str, Kind] = {
    **dict.fromkeys(("write", "writev", "pwrite64", "pwritev", "pwritev2"), Kind.WRITE),
    **dict.fromkeys(("copy_file_range", "sendfile", "splice", "ioctl"), Kind.WRITE),
    **dict.fromkeys(("truncate", "ftruncate", "fallocate"), Kind.WRITE),
    **dict.fromkeys(("fsync", "fdatasync", "sync", "syncfs", "msync"), Kind.SYNC),
    **dict.fromkeys(("open", "openat", "openat2", "creat", "mknod", "mknodat"), Kind.NAME),
    **dict.fromkeys(("mkdir", "mkdirat", "rmdir", "unlink", "unlinkat"), Kind.NAME),
    **dict.fromkeys(("rename", "renameat", "renameat2", "link", "linkat"), Kind.NAME),
    **dict.fromkeys(("symlink", "symlinkat"), Kind.NAME),
}
"""What sort of operation a call is that changes or syncs a file."""

BY_DESCRIPTOR: Mapping[str, int] = {
    **dict.fromkeys(("write", "writev", "pwrite64", "pwritev", "pwritev2", "sendfile"), 0),
    **dict.fromkeys(("ftruncate", "fallocate", "fsync", "fdatasync", "sync_file_range"), 0),
    **dict.fromkeys(("copy_file_range", "splice"), 2),
    "mmap": 4,
}
"""Calls that change a file which is open, and the argument that says which."""

O_CREAT, O_TRUNC, TMPFILE_BIT = 0o100, 0o1000, 0o20000000
MAKES_FILES = O_CREAT | O_TRUNC | TMPFILE_BIT
"""Flags of an open that changes something; `O_TMPFILE` has another bit beside its own."""

MAP_SHARED = 1
"""Also a bit of MAP_SHARED_VALIDATE, and not of MAP_PRIVATE."""

FICLONE, FICLONERANGE = 0x40049409, 0x4020940D

_LOAD, _JUMP_EQUAL, _JUMP_GREATER, _JUMP_BITS, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _TRACE = 0x7FFF0000, 0x7FF00000
_NUMBER_AT, _ARCHITECTURE_AT, _ARGUMENTS_AT = 0, 4, 16
"""Places in struct seccomp_data."""

_X32 = 0x40000000

_ARCH_I386 = 0x40000003
_I386 = (
    "4 write, 5 open, 8 creat, 9 link, 10 unlink, 14 mknod, 36 sync, 38 rename, 39 mkdir, "
    "40 rmdir, 83 symlink, 92 truncate, 93 ftruncate, 118 fsync, 144 msync, 146 writev, "
    "148 fdatasync, 181 pwrite64, 187 sendfile, 192 mmap, 193 truncate, 194 ftruncate, "
    "239 sendfile, 248 io_submit, 295 openat, 296 mkdirat, 297 mknodat, 301 unlinkat, "
    "302 renameat, 303 linkat, 304 symlinkat, 313 splice, 314 sync_file_range, 324 fallocate, "
    "334 pwritev, 344 syncfs, 353 renameat2, 377 copy_file_range, 379 pwritev2, "
    "425 io_uring_setup, 437 openat2"
)
_NAMES_I386 = {int(number): name for number, name in (each.split() for each in _I386.split(", "))}
_ONLY_X32 = {516: "writev", 535: "pwritev", 544: "io_submit", 547: "pwritev2"}
"""Calls that change files, of 32 bits, and those of x32 that have other numbers than here."""


def foreign_name(architecture: int, number: int) -> str | None:
    """Name a call of another architecture; none if it changes no file."""
    if architecture == _ARCH_I386:
        return _NAMES_I386.get(number)
    if architecture == AUDIT_ARCH and number & _X32:
        number -= _X32
        name = CALLS.get(number, _ONLY_X32.get(number))
        return None if name in ("read", "readv") else name
    return f"call {number} of architecture {architecture:#x}"


def _step(code: int, value: int, yes: int = 0, no: int = 0) -> bytes:
    return struct.pack("=HBBI", code, yes, no, value)


def filter_code() -> bytes:
    """Assemble the filter: instructions of classic BPF, 8 bytes each."""
    code = [
        _step(_LOAD, _ARCHITECTURE_AT),
        _step(_JUMP_EQUAL, AUDIT_ARCH, 1, 0),
        _step(_RETURN, _TRACE),
        _step(_LOAD, _NUMBER_AT),
        _step(_JUMP_GREATER, _X32, 0, 1),
        _step(_RETURN, _TRACE),
    ]
    with_argument = (
        (READ, 0, ((_JUMP_EQUAL, 0),)),
        (READV, 0, ((_JUMP_EQUAL, 0),)),
        (OPEN, 1, ((_JUMP_BITS, MAKES_FILES),)),
        (OPENAT, 2, ((_JUMP_BITS, MAKES_FILES),)),
        (MMAP, 3, ((_JUMP_BITS, MAP_SHARED),)),
        (IOCTL, 1, ((_JUMP_EQUAL, FICLONE), (_JUMP_EQUAL, FICLONERANGE))),
    )
    for number, argument, tests in with_argument:
        code.append(_step(_JUMP_EQUAL, number, 0, len(tests) + 3))
        code.append(_step(_LOAD, _ARGUMENTS_AT + 8 * argument))
        for n, (kind, value) in enumerate(tests):
            code.append(_step(kind, value, len(tests) - n, 0))
        code.append(_step(_RETURN, _ALLOW))
        code.append(_step(_RETURN, _TRACE))
    rest = [number for number in CALLS if number not in {row[0] for row in with_argument}]
    for n, number in enumerate(rest):
        code.append(_step(_JUMP_EQUAL, number, len(rest) - n, 0))
    return b"".join([*code, _step(_RETURN, _ALLOW), _step(_RETURN, _TRACE)])
