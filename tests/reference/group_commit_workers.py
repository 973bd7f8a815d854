"""
The two processes of `test_group_commit_processes`: one that will be killed, and one that follows.
"""

import os
import struct
import threading
from itertools import count, islice
from multiprocessing.connection import Connection

from tornproof.journal import Cursor, GroupCommitBuffer, Journal, JournalReader
from tornproof.record import frame_size

WRITERS = 64
SEGMENT_BYTES = 8 << 10

ACKNOWLEDGEMENT = struct.Struct("<QHHI")
"""Offset, life, writer, and number of the record."""

OFFSET = struct.Struct("<Q")


def payload_of(life: int, writer: int, number: int) -> bytes:
    """Return the one payload that a writer hands over as its nth in a life of the process."""
    return f"{life} {writer} {number} ".encode() + bytes(number * 37 % 300)


def write(directory: str, life: int, acknowledged: Connection) -> None:
    """
    Append with 64 threads and clean up with one more, until killed.

    A thread hands two records over before it waits, so that their order matters.
    Each acknowledgement goes to the pipe in one write, which the kernel does not
    tear.
    """
    journal = Journal.open(directory, durability="batched", segment_bytes=SEGMENT_BYTES)
    buffer = GroupCommitBuffer(journal, queue_records=128)
    pipe = acknowledged.fileno()

    def append_for_ever(writer: int) -> None:
        for number in count(step=2):
            pair = (number, number + 1)
            futures = [buffer.append(payload_of(life, writer, each)) for each in pair]
            for each, future in zip(pair, futures, strict=True):
                os.write(pipe, ACKNOWLEDGEMENT.pack(future.result(), life, writer, each))

    def clean_up_for_ever() -> None:
        while True:
            buffer.cleanup().result()

    threads = [threading.Thread(target=clean_up_for_ever)]  # first: its life may be short
    threads += [threading.Thread(target=append_for_ever, args=(n,)) for n in range(WRITERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def follow(directory: str, seen: Connection) -> None:
    """
    Report every record from the cursor on, moving it along, until told to stop.

    It falls behind, so that cleanup would overtake it if it did not look at the
    cursor.  In the end it reads to the tail.
    """
    cursor = Cursor.open(directory, "follower")
    reader = JournalReader(directory)
    at = cursor.position
    stopping = False
    while not stopping:
        stopping = seen.poll(0.002)
        for offset, payload in islice(reader.scan(at), None if stopping else 40):
            seen.send_bytes(OFFSET.pack(offset) + payload)
            at = offset + frame_size(len(payload))
        cursor.advance(at)
    seen.recv()  # a connection that is closed with something unread loses what was written
