"""Do something in a forked child, and hear what came of it."""

import os
import select
import signal
import warnings
from collections.abc import Callable

PATIENCE = 30
"""Seconds after which a child counts as hanging."""


def in_child(action: Callable[[], object]) -> str:
    """
    Return what an action returns in a forked child, or the name of what it raises.

    Raises `TimeoutError` if the child says nothing.
    """
    heard, told = os.pipe()
    child = _fork()
    if child == 0:
        try:
            answer = repr(action())
        except BaseException as error:
            answer = type(error).__name__
        os.write(told, answer.encode())
        os._exit(0)
    os.close(told)
    try:
        if not select.select([heard], [], [], PATIENCE)[0]:
            os.kill(child, signal.SIGKILL)
            raise TimeoutError("the child hangs")
        return os.read(heard, 4096).decode()
    finally:
        os.close(heard)
        os.waitpid(child, 0)


class LivingChild:
    """A forked child that does nothing and lives while the context lasts."""

    def __enter__(self) -> None:
        heard, told = os.pipe()
        self.number = _fork()
        if self.number == 0:
            os.write(told, b"I run")
            signal.pause()
            os._exit(0)
        os.read(heard, 5)
        os.close(heard)
        os.close(told)

    def __exit__(self, *_: object) -> None:
        os.kill(self.number, signal.SIGKILL)
        os.waitpid(self.number, 0)


def _fork() -> int:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forking beside threads
        return os.fork()
