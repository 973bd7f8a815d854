"""
A process that appends until it is killed, and says what was acknowledged.

Run as `python writer_process.py DIRECTORY SEED`.  It prints one line for each
acknowledged record, offset and payload in hexadecimal, straight to its pipe: a
line that was read is an acknowledgement that was given.
"""

import os
import random
import sys

from tornproof.journal import Journal


def main(directory: str, seed: int) -> None:
    """Append records of random sizes, rotating now and then, for ever."""
    source = random.Random(seed)
    with Journal.open(directory, segment_bytes=4096) as journal:
        os.write(1, b"open\n")
        while True:
            payload = source.randbytes(source.choice([0, 5, 100, 700, 5000]))
            offset = journal.append(payload)
            os.write(1, f"{offset} {payload.hex()}\n".encode())
            if source.random() < 0.05:
                journal.rotate()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
