"""
Programs as a line of text on the command line.

    append:5 sync rotate append:600:zeros kill fail:2:error append:5 reopen

Steps are separated by blanks, and what a step takes by colons.
"""

from collections.abc import Callable, Mapping
from functools import partial

from tornproof.errors import Invalid
from tornproof_models.crash import program
from tornproof_models.crash.program import Program, Step
from tornproof_models.disk.faults import Fault

SYNTAX = (
    "append:BYTES[:random|zeros|ones|repeated], batch:BYTES,BYTES…, drop-tail:RECORDS, "
    "drop-head:RECORDS, sync, rotate, reopen, kill, settle, "
    "fail:NTH:FAULT, kill-at:NTH:before|after; STEP*N repeats one"
)

LARGEST_PAYLOAD_BYTES = 1 << 20
"""What a step may append, 1 MiB: more sectors than anybody waits for."""

MOST_REPETITIONS = 1 << 10
"""How often a step may be repeated by `*`."""


def parse_program(text: str) -> Program:
    """Read a program.  Raises `Invalid`, naming the step that is none."""
    return tuple(step for word in text.split() for step in _steps(word))


def _steps(word: str) -> list[Step]:
    single, star, times = word.partition("*")
    name, *arguments = single.split(":")
    try:
        if star and not 1 <= int(times) <= MOST_REPETITIONS:
            raise ValueError
        return [_STEPS[name](*arguments)] * (int(times) if star else 1)
    except (KeyError, TypeError, ValueError):
        faults = ", ".join(_FAULTS)
        raise Invalid(
            f"no step {word!r}: there are {SYNTAX}; the faults are {faults}, and BYTES end at "
            f"{LARGEST_PAYLOAD_BYTES:,}"
        ) from None


def _append(size: str, content: str = program.Content.RANDOM.value) -> program.Append:
    if not 0 <= int(size) <= LARGEST_PAYLOAD_BYTES:
        raise ValueError
    return program.Append(int(size), program.Content(content))


def _batch(sizes: str) -> Step:
    return program.Batch(tuple(_append(size).size for size in sizes.split(",")))


def _drop(kind: type[program.DropTail | program.DropHead], count: str) -> Step:
    if int(count) < 1:
        raise ValueError
    return kind(int(count))


def _fail(nth: str, fault: str) -> Step:
    if int(nth) < 1:
        raise ValueError
    return program.Fail(int(nth), _FAULTS[fault])


def _kill_at(nth: str, side: str) -> Step:
    if int(nth) < 1:
        raise ValueError
    return program.KillAt(int(nth), {"before": False, "after": True}[side])


_FAULTS: Mapping[str, Fault] = {
    fault.value.replace(",", "").replace(" ", "-"): fault for fault in Fault
}

_STEPS: Mapping[str, Callable[..., Step]] = {
    "append": _append,
    "batch": _batch,
    "drop-tail": partial(_drop, program.DropTail),
    "drop-head": partial(_drop, program.DropHead),
    "sync": program.Sync,
    "rotate": program.Rotate,
    "reopen": program.Reopen,
    "kill": program.Kill,
    "settle": program.Settle,
    "fail": _fail,
    "kill-at": _kill_at,
}
