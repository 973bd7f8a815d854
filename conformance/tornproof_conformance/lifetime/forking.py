"""
Run a function in a forked child, and return its result.

A child has what its parent had in memory, and of its threads only the one that forked.
It says one word through a pipe and is gone; one that hangs is killed.
"""

import os
import select
import signal
import warnings
from collections.abc import Callable

PATIENCE = 10
"""Seconds after which a child counts as hanging: what is asked of it takes milliseconds."""

LONGEST = 4096
"""Bytes of an answer: what a pipe takes at once."""


def in_child(action: Callable[[], str]) -> str:
    """
    Return what an action returns in a forked child, or the name of what it raises.

    Raises `TimeoutError` if the child says nothing.
    """
    heard, told = os.pipe()
    child = fork()
    if child == 0:
        try:
            answer = action()
        except BaseException as error:
            answer = type(error).__name__
        os.write(told, answer.encode(errors="backslashreplace")[:LONGEST])
        os._exit(0)
    os.close(told)
    try:
        if not select.select([heard], [], [], PATIENCE)[0]:
            os.kill(child, signal.SIGKILL)
            raise TimeoutError("the child hangs")
        return os.read(heard, LONGEST).decode()
    finally:
        os.close(heard)
        os.waitpid(child, 0)


def fork() -> int:
    """Fork, with threads or without: the child does little, and takes no lock of theirs."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()
