"""
Programs that reach the boundaries of a format, and payloads that formats mistake for none.

A torn last record of prometheus/tsdb went unnoticed only where it crossed a page of 32 KiB
(tsdb#451).  So a first record, the filler, brings the next one to a boundary: of a sector, a
page, a block or a segment.  Where the boundaries are, an adapter may say in `hello`, and what
two small appends do to its files shows the rest; neither needs any knowledge of the library.
"""

from collections.abc import Iterable, Iterator, Mapping

from attrs import frozen
from tornproof_models.crash.program import Append, Content, Program, Settle
from tornproof_models.crash.run import run
from tornproof_models.crash.subject import Options
from tornproof_models.disk.trace import Invoked, Trace, Truncate, Write

from tornproof_conformance.power.recorded_subject import RecordedSubject

USUAL = (4096, 32_768)
"""Units that are tried of every format: pages, and the blocks of LevelDB's logs and its heirs."""

SMALLEST, LARGEST = 16, 1 << 20
"""Units in bytes that are tried, both inclusive; beyond them each image has megabytes of filler."""

SECTOR = 512
"""Bytes below which what is written shows no unit; one that is declared may be smaller."""

PIECE = 1 << 16
"""Bytes of the records of a long filler: not every store takes one of a megabyte."""

MOST_UNITS = 6
"""How many units are tried: each costs three programs."""

PROBE = Append(88)
"""What is appended to see how much a format adds to it: enough to be found in what is written."""

SHORT = 100
"""Bytes that a filler leaves of a unit where the next record is to cross its end."""

NEXT = Append(256)
"""The record that meets a boundary."""

LARGE: tuple[Program, ...] = ((Append(20_000), NEXT), (Append(5), Append(40_000)))
"""
Records that exceed the buffers of most writers, and cannot be compressed into them.

fjall-rs/fjall#308 takes one of 20,000 random bytes.
"""

CONTENTS: tuple[Program, ...] = (
    (Append(600, Content.ZEROS), Append(24)),
    (Append(5), Append(600, Content.ZEROS)),
    (Append(600, Content.ONES), Append(24)),
    (Append(5_000, Content.REPEATED), Append(24)),
    (Append(1), Append(5)),
)
"""Payloads that a format may take for free space, or that it compresses."""

EMPTY: tuple[Program, ...] = (
    (Append(0), Append(5)),
    (Append(5), Append(0)),
    (Append(5), Append(0), Append(600)),
)
"""Records without a payload, for those who claim to take them."""


@frozen
class Geometry:
    """Where the records of a format lie."""

    units: tuple[int, ...] = USUAL
    """Sizes in bytes of whatever a record may cross, the usual ones first."""

    first: int = 0
    """Where in its file the first payload begins."""

    added: int = 0
    """Bytes from the end of a payload to the beginning of the next."""

    @classmethod
    def of(cls, subject: RecordedSubject, declared: Mapping[str, int]) -> "Geometry":
        """Take what an adapter says of its format, and what two of its appends show."""
        trace = run((PROBE, PROBE), subject, Options(1 << 16)).filesystem.trace
        places = list(_payload_places(trace))
        said = declared.get("header")
        added = places[1] - places[0] - PROBE.size if len(places) == 2 else (said or 0)
        sizes = [size for name, size in declared.items() if name != "header"]
        own = _worth_trying((*sizes, *_written_units(trace))) - set(USUAL)
        return cls(
            (*USUAL, *sorted(own))[:MOST_UNITS],
            places[0] if places else 0,
            said if said is not None else max(added, 0),
        )

    def filler(self, unit: int, left: int) -> Program:
        """
        Return records after which the next payload begins `left` bytes before a boundary.

        A long way is gone in pieces, which are durable before the last of them: a crash is to
        strike at the boundary, and not far from it.
        """
        size = unit - (self.first + self.added + left) % unit
        size += max(0, -(-(PROBE.size - size) // unit)) * unit
        if size <= PIECE + PROBE.size:
            return (Append(size),)
        pieces, rest = divmod(size - PROBE.size, PIECE + self.added)
        return (*[Append(PIECE)] * pieces, Settle(), Append(PROBE.size + rest))

    def crossing(self) -> Iterator[Program]:
        """Yield for each unit a program whose second record crosses its end."""
        for unit in self.units:
            yield *self.filler(unit, SHORT), NEXT

    def touching(self) -> Iterator[Program]:
        """Yield programs whose second record, or its payload, begins where a unit ends."""
        for unit in self.units:
            for left in (0, -self.added) if self.added else (0,):
                yield *self.filler(unit, left), NEXT


def special_programs(geometry: Geometry, *, takes_empty: bool) -> list[Program]:
    """List the programs that depend on a format, those that found the most bugs first."""
    empty = EMPTY if takes_empty else ()
    return [LARGE[0], *geometry.crossing(), *empty, *CONTENTS, LARGE[1], *geometry.touching()]


def _payload_places(trace: Trace) -> Iterator[int]:
    """Yield where in its file each payload begins, of those that are written as they are."""
    payloads = [event.payload for event in trace.events if isinstance(event, Invoked)]
    for payload in payloads:
        for event in trace.events:
            if isinstance(event, Write) and payload in event.data:
                yield event.offset + event.data.index(payload)
                break


def _written_units(trace: Trace) -> Iterator[int]:
    """Yield sizes that writes have at multiples of themselves, and by which files grow."""
    sizes: dict[int, int] = {}
    for event in trace.events:
        match event:
            case Write(inode, offset, data):
                if offset % len(data or b".") == 0 and len(data) % SECTOR == 0:
                    yield len(data)
                sizes[inode] = max(sizes.get(inode, 0), offset + len(data))
            case Truncate(inode, size):
                if size >= sizes.get(inode, 0) + SECTOR:
                    yield size - sizes.get(inode, 0)
                sizes[inode] = size


def _worth_trying(units: Iterable[int]) -> set[int]:
    return {unit for unit in units if SMALLEST <= unit <= LARGEST}
