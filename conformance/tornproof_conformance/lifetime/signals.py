"""
Handle HUP, INT and TERM alike: stop now, and clean up.

Python makes an exception of INT alone.  The others end a process where it stands, and what it
has in memory, on disk or running stays behind.  So all three raise the exception of Ctrl-C,
from the first line of a command on; whoever has something to say of what was done so far says
it then.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

ENDING = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)


@contextmanager
def interruptible() -> Iterator[None]:
    """
    Let each of the three signals raise `KeyboardInterrupt`, until the end of the block.

    One that is ignored stays so, as `nohup` wants it.  Only the main thread can be told; in
    another, nothing is changed.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {each: signal.getsignal(each) for each in ENDING}
    for each, handler in before.items():
        if handler is not signal.SIG_IGN:
            signal.signal(each, _interrupt)
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:  # noqa: ARG001
    raise KeyboardInterrupt
