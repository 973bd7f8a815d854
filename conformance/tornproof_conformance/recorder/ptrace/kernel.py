"""
The kernel's interface for tracers: ptrace, memory and registers of a process.

All of it goes through ctypes.  The calls return at once, so they keep Python's lock
(`PyDLL`): a thread that gave it up twice a call would wait for it twice.
"""

import ctypes
import os
import signal

from tornproof.errors import TornproofError

libc = ctypes.PyDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
libc.ptrace.restype = ctypes.c_long
libc.memcmp.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t]
for _move in (libc.process_vm_readv, libc.process_vm_writev):
    _move.argtypes = [
        ctypes.c_int,
        ctypes.c_void_p,
        ctypes.c_ulong,
        ctypes.c_void_p,
        ctypes.c_ulong,
        ctypes.c_ulong,
    ]
    _move.restype = ctypes.c_ssize_t

CONT, SINGLESTEP, GETREGS, SETREGS, SYSCALL = 7, 9, 12, 13, 24
SEIZE, LISTEN, GETEVENTMSG, GETSIGINFO, GET_SYSCALL_INFO = 0x4206, 0x4208, 0x4201, 0x4202, 0x420E

EVENT_FORK, EVENT_VFORK, EVENT_CLONE, EVENT_EXEC, EVENT_SECCOMP, EVENT_STOP = 1, 2, 3, 4, 7, 128
OPTIONS = 1 | 1 << 1 | 1 << 2 | 1 << 3 | 1 << 4 | 1 << 7 | 1 << 20
"""SYSGOOD, the events FORK, VFORK, CLONE, EXEC and SECCOMP, and EXITKILL."""

WAITING = 0x40000000 | 0x20000000
"""__WALL: threads too.  __WNOTHREAD: nobody else's, of whatever thread of this process."""

AT_CALL = signal.SIGTRAP | 0x80
"""The signal of a stop at the beginning or end of a call (SYSGOOD)."""

PAGE = 4096


class Gone(Exception):
    """The traced thread has been killed meanwhile; its end will be told."""


class CannotTrace(TornproofError):
    """Nothing can be traced here."""

    code = "untraceable"


class _Info(ctypes.Structure):
    """struct ptrace_syscall_info, as far as it is needed."""

    _fields_ = (
        ("op", ctypes.c_uint8),
        ("pad", ctypes.c_uint8 * 3),
        ("arch", ctypes.c_uint32),
        ("ip", ctypes.c_uint64),
        ("sp", ctypes.c_uint64),
        ("nr", ctypes.c_int64),  # the result, in a stop at the end of a call
        ("args", ctypes.c_uint64 * 6),
        ("data", ctypes.c_uint32),
    )


_REGISTERS = (
    "r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi orig_rax rip cs eflags rsp ss "
    "fs_base gs_base ds es fs gs"
)


class _Registers(ctypes.Structure):
    """struct user_regs_struct of x86_64."""

    _fields_ = tuple((name, ctypes.c_uint64) for name in _REGISTERS.split())


class _Iovec(ctypes.Structure):
    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


_INFO_BYTES = 88


def ptrace(request: int, task: int, address: int = 0, data: int = 0) -> int:
    """Ask for something.  Raises `Gone` if there is no such thread any more, or it runs."""
    result = int(libc.ptrace(request, task, address, data))
    if result == -1 and (number := ctypes.get_errno()):
        raise Gone(f"ptrace {request:#x} of {task}: {os.strerror(number)}")
    return result


def call_entered(task: int) -> tuple[int, int, tuple[int, ...]]:
    """Return the architecture, the number and the arguments of the call that begins."""
    info = _Info()
    ptrace(GET_SYSCALL_INFO, task, _INFO_BYTES, ctypes.addressof(info))
    return info.arch, info.nr, tuple(info.args)


def call_result(task: int) -> int:
    """Return the result of the call that ends; an error is a negative number."""
    info = _Info()
    ptrace(GET_SYSCALL_INFO, task, _INFO_BYTES, ctypes.addressof(info))
    return int(info.nr)


def event_message(task: int) -> int:
    """Return what an event tells: the number of a new child, or a former one."""
    message = ctypes.c_ulong()
    ptrace(GETEVENTMSG, task, 0, ctypes.addressof(message))
    return message.value


def fault_address(task: int) -> tuple[int, int]:
    """Return the code of the signal for which a thread has stopped, and the address at fault."""
    information = (ctypes.c_uint64 * 16)()
    ptrace(GETSIGINFO, task, 0, ctypes.addressof(information))
    return information[1] & 0xFFFFFFFF, information[2]


# Registers


def _read_registers(task: int) -> _Registers:
    found = _Registers()
    ptrace(GETREGS, task, 0, ctypes.addressof(found))
    return found


def change_registers(task: int, **values: int) -> dict[str, int]:
    """Set some registers; return what they held."""
    registers = _read_registers(task)
    before = {name: int(getattr(registers, name)) for name in values}
    for name, value in values.items():
        setattr(registers, name, value & (1 << 64) - 1)
    ptrace(SETREGS, task, 0, ctypes.addressof(registers))
    return before


def next_instruction(task: int) -> int:
    """Return the address of the instruction that comes next."""
    return int(_read_registers(task).rip)


def string_target(task: int) -> int:
    """Return where a string instruction stores next."""
    return int(_read_registers(task).rdi)


def stack_pointer(task: int) -> int:
    """Return where the stack ends."""
    return int(_read_registers(task).rsp)


def skip_call(task: int, error: int) -> None:
    """Let the call that begins do nothing and fail with an error number."""
    change_registers(task, orig_rax=-1, rax=-error)


def inject_call(task: int, number: int, *args: int, at: int | None = None) -> int:
    """
    Let a thread that is held make a call; return its result.

    At the end of a call, the instruction before its own is `syscall`, so the thread is sent
    back there; elsewhere, `at` is the address of one.  A signal that comes in between is
    sent again afterwards.  Raises `Gone`.
    """
    saved, pending, stops = _read_registers(task), [], 0
    names = ("rdi", "rsi", "rdx", "r10", "r8", "r9")
    values = dict(zip(names, (*args, *[0] * (6 - len(args))), strict=True))
    start = saved.rip - 2 if at is None else at
    # there is no call to be started again after a signal (orig_rax), but this one
    change_registers(task, rax=number, orig_rax=-1, rip=start, **values)
    while stops < 2:  # where it begins, and where it ends
        ptrace(SYSCALL, task)
        _, status = os.waitpid(task, WAITING)
        if not os.WIFSTOPPED(status):
            raise Gone(f"{task} has ended")
        if os.WSTOPSIG(status) == AT_CALL:
            stops += 1
        elif not status >> 16:
            pending.append(os.WSTOPSIG(status))
    answer = call_result(task)
    ptrace(SETREGS, task, 0, ctypes.addressof(saved))
    for each in pending:
        libc.syscall(_TGKILL, leader(task), task, each)
    return answer


_TGKILL = 234

# Memory


def read_memory(task: int, address: int, length: int) -> bytes:
    """Read the memory of a process; less if it ends before."""
    if length <= 0:
        return b""
    buffer = ctypes.create_string_buffer(length)
    here, there = _Iovec(ctypes.addressof(buffer), length), _Iovec(address, length)
    got = libc.process_vm_readv(task, ctypes.addressof(here), 1, ctypes.addressof(there), 1, 0)
    return buffer.raw[: max(got, 0)]


def write_memory(task: int, address: int, data: bytes) -> None:
    """Write into the memory of a process.  Raises `Gone` if that is not possible."""
    buffer = ctypes.create_string_buffer(data, len(data))
    here, there = _Iovec(ctypes.addressof(buffer), len(data)), _Iovec(address, len(data))
    put = libc.process_vm_writev(task, ctypes.addressof(here), 1, ctypes.addressof(there), 1, 0)
    if put != len(data):
        raise Gone(f"the memory of {task} cannot be written at {address:#x}")


def read_string(task: int, address: int) -> str:
    """Read a path."""
    data = b""
    while b"\0" not in data:  # never across a page that may not be there
        piece = read_memory(task, address + len(data), PAGE - (address + len(data)) % PAGE)
        if not piece:
            break
        data += piece
    return os.fsdecode(data.partition(b"\0")[0])


def read_words(task: int, address: int, count: int) -> list[int]:
    """Read so many words of 64 bits."""
    data = read_memory(task, address, 8 * count)
    return [int.from_bytes(data[n : n + 8], "little") for n in range(0, len(data), 8)]


def read_vector(task: int, address: int, count: int, length: int) -> bytes:
    """Read the first bytes, so many, that a vector of buffers makes."""
    words, found = read_words(task, address, 2 * count), b""
    for n in range(0, len(words) - 1, 2):
        found += read_memory(task, words[n], min(words[n + 1], length - len(found)))
        if len(found) >= length:
            break
    return found


# Processes


def leader(task: int) -> int:
    """Return the number of the process that a thread belongs to.  Raises `Gone`."""
    try:
        with open(f"/proc/{task}/status", "rb", 0) as file:  # noqa: PTH123
            return int(file.read(PAGE).partition(b"Tgid:")[2].split(None, 1)[0])
    except OSError as error:
        raise Gone(f"{task} has ended: {error.strerror}") from None
