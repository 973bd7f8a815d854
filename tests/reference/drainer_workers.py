"""The process of `test_drainer_processes`: eight threads that submit until they are killed."""

import os
import struct
import threading
import time
from itertools import count
from multiprocessing.connection import Connection

from tornproof.drainer import DeferredAuditQueue
from tornproof.drainer.event import from_json
from tornproof_models.queues.delivery_program import event_of

PRODUCERS = 8
SEGMENT_BYTES = 4096

WORD = struct.Struct("<IQB")
"""Number of an event, a moment on the clock that all processes share, and what happened then."""

INVOKED, ADMITTED, REFUSED = range(3)


def open_queue(directory: str) -> DeferredAuditQueue:
    """Open the queue that all lives of the process share."""
    return DeferredAuditQueue.open(
        f"{directory}/audit.db", spool=f"{directory}/spool", spool_segment_bytes=SEGMENT_BYTES
    )


def serve(directory: str, life: int, words: Connection) -> None:
    """
    Submit for ever, and say so before and after each submit.

    Each word goes to the pipe in one write, which the kernel does not tear: one
    that was read after the death was said before it.
    """
    queue = open_queue(directory)
    pipe = words.fileno()

    def say(number: int, what: int) -> None:
        os.write(pipe, WORD.pack(number, time.monotonic_ns(), what))

    numbers = count(life * 10_000)

    def submit_for_ever() -> None:
        for number in numbers:
            event = from_json(event_of(number))
            say(number, INVOKED)
            receipt = queue.submit(event)
            say(number, ADMITTED if receipt else REFUSED)

    threads = [threading.Thread(target=submit_for_ever) for _ in range(PRODUCERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
