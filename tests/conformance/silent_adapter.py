"""
A journal that is right, and keeps silent the first times that it is to open.

    silent_adapter.py TIMES FILE

In the file it notes how often it has done so.
"""

import importlib
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

TIMES, NOTES = int(sys.argv[1]), Path(sys.argv[2])


def requests(lines: TextIO) -> Iterator[str]:
    """Yield requests; fall silent over an opening if that has not happened often enough."""
    for line in lines:
        silences = NOTES.stat().st_size if NOTES.exists() else 0
        if '"journal.open"' in line and silences < TIMES:
            NOTES.write_bytes(bytes(silences + 1))
            time.sleep(600)
        yield line


sys.stdin = requests(sys.stdin)
sys.argv[1:] = []
importlib.import_module("plain_adapter")
