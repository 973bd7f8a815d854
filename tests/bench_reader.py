"""
How a reader grows with its journal: `python -m tests.bench_reader`.

Journals of 10, 100 and 1,000 segments, and of 1,000 segments with ten times the
bytes.  Finding the segment of an offset should grow with the logarithm of their
number, opening a reader with the number, and neither with the bytes.  The
journals take turns, round after round, and the best time of each counts; compare
the ratios, not the times.
"""

import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from attrs import define, field
from rich.console import Console
from rich.table import Table
from tornproof.journal import JournalReader
from tornproof.journal.segments import resolve, segment_name
from tornproof.journal.watermark import encode_slot
from tornproof.record import encode

ROUNDS = 15
LOOKS = 64
"""Random offsets that are looked up in each round."""


@define
class Grown:
    """A journal of a certain size, and the best times measured with it."""

    segments: int
    records: int
    """Records of 1,000 bytes in each segment."""

    directory: Path
    bases: list[int] = field(factory=list)
    end: int = 0
    best: dict[str, float] = field(factory=dict)

    def build(self) -> None:
        """Write the files, as a writer would have left them."""
        self.directory.mkdir()
        content = encode(bytes(960)) * self.records
        for number in range(self.segments):
            self.bases.append(number * len(content))
            (self.directory / segment_name(self.bases[-1])).write_bytes(content)
        self.end = self.segments * len(content)
        (self.directory / "watermark").write_bytes(encode_slot(self.end))

    def measure(self, name: str, act: Callable[[], object], calls: int) -> None:
        """Time one act that makes so many calls; keep the best time of one call."""
        began = time.perf_counter()
        act()
        taken = (time.perf_counter() - began) / calls
        self.best[name] = min(taken, self.best.get(name, taken))

    def turn(self, offsets: list[int]) -> None:
        """Measure everything once."""
        directory = str(self.directory)
        self.measure(
            "resolve an offset",
            lambda: [resolve(self.bases, self.end, offset) for offset in offsets],
            len(offsets),
        )
        self.measure("open a reader", lambda: JournalReader(directory), 1)
        reader = JournalReader(directory)
        firsts = [self.bases[resolve(self.bases, self.end, offset)] for offset in offsets]
        self.measure(
            "read the first record of a segment",
            lambda: [reader.read(first) for first in firsts],
            len(firsts),
        )
        self.measure("look for more at the tail", lambda: list(reader.scan(self.end)), 1)


def main() -> None:
    """Measure and print one table."""
    with tempfile.TemporaryDirectory() as name:
        sizes = ((10, 4), (100, 4), (1_000, 4), (1_000, 40))
        grown = [
            Grown(segments, records, Path(name) / f"{segments}x{records}")
            for segments, records in sizes
        ]
        for journal in grown:
            journal.build()
        source = random.Random(0)
        for _ in range(ROUNDS):
            for journal in grown:
                journal.turn([source.randrange(journal.end) for _ in range(LOOKS)])
    table = Table("", *(f"{each.segments:,} segments\n{_size(each.end)}" for each in grown))
    for act in grown[0].best:
        first = grown[0].best[act]
        times = [journal.best[act] for journal in grown]
        table.add_row(act, *(f"{1e6 * taken:,.1f} µs  × {taken / first:.1f}" for taken in times))
    Console().print(table)


def _size(count: int) -> str:
    return f"{count / 1e6:,.2f} MB"


if __name__ == "__main__":
    main()
