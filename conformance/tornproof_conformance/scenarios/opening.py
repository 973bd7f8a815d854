"""
Scenarios about opening: what recovery reads, reports, refuses and keeps.
"""

from collections.abc import Iterator

from attrs import evolve
from tornproof.errors import TornproofError
from tornproof_models.contract.journal import Record, Violation
from tornproof_models.contract.violations import refuses
from tornproof_models.crash.program import Append, Rotate, grow_payload
from tornproof_models.crash.run import run
from tornproof_models.crash.subject import Options, Subject
from tornproof_models.disk.faults import Fault, Kind
from tornproof_models.disk.filesystem import ModelFilesystem

from tornproof_conformance.adapter.speaking.diagnosis import NoReply
from tornproof_conformance.scenarios.scenario import (
    FORMAT,
    SEGMENTS,
    Situation,
    error_code,
    judge_code,
    scenario,
)
from tornproof_conformance.vectors.frames import make_frame

FIRST = "0" * 16 + ".wal"


def _why(situation: Situation) -> str:
    """Name the cause why damage is not told as such: the error given, or what is shown."""
    try:
        shown = tuple(situation.open().scan())
    except Exception as error:
        return refuses(error)
    return situation.charge("REC-5", "", shown).cause


def _three_segments() -> dict[str, bytes]:
    files, base = {}, 0
    for number in range(3):
        content = b"".join(make_frame(grow_payload(20 + n, 10 * number + n)) for n in range(3))
        files[f"{base:016x}.wal"] = content
        base += len(content)
    return files


@scenario("REC-1", "REC-7", claim=FORMAT)
def every_cut_keeps_the_longest_prefix(subject: Subject) -> Iterator[Violation]:
    """If the last segment is cut at any byte, recovery keeps all whole frames before the cut."""
    frames = [make_frame(grow_payload(size, size)) for size in (10, 0, 33)]
    data = b"".join(frames)
    for cut in range(len(data) + 1):
        situation = Situation.with_files(subject, {FIRST: data[:cut]})
        journal = situation.open()
        whole, kept = 0, 0
        for frame in frames:
            if whole + len(frame) > cut:
                break
            whole, kept = whole + len(frame), kept + 1
        shown = tuple(journal.scan())
        if len(shown) != kept:
            message = f"cut at byte {cut}: {len(shown)} records kept instead of {kept}"
            yield situation.charge("REC-1", message, shown)
            return
        if journal.discarded_bytes != cut - whole:
            reported = journal.discarded_bytes
            message = f"cut at byte {cut}: {reported} bytes reported as cut, not {cut - whole}"
            yield Violation("REC-7", message)
            return


@scenario("ADP-3")
def the_same_files_give_the_same_records(subject: Subject) -> Iterator[Violation]:
    """Three recoveries from the same files of a killed process give the same records."""
    situation = Situation(subject)
    journal = situation.open()
    for number in range(5):
        journal.append(grow_payload(100, number))
    situation.filesystem.release_locks()
    image = situation.filesystem.image
    found = [_recovered(Situation.with_image(subject, image)) for _ in range(3)]
    if len(set(found)) > 1:
        told = ", then ".join(
            each if isinstance(each, str) else f"{len(each)} records" for each in found
        )
        yield Violation("ADP-3", f"the same files gave {told}, and not the same ones")


def _recovered(situation: Situation) -> tuple[Record, ...] | str:
    """
    Open what is there; return its records, or the code of the error.

    Who refuses every copy of its files has ties to their place, and recovers alike all the same.
    """
    try:
        return tuple(situation.open().scan())
    except NoReply:
        raise
    except TornproofError as error:
        return error.code


@scenario("REC-5", claim=SEGMENTS)
def damage_in_a_sealed_segment_is_an_error(subject: Subject) -> Iterator[Violation]:
    """A flipped bit anywhere in a sealed segment is an error, and nothing is changed."""
    files = _three_segments()
    for name in list(files)[:2]:
        for position in range(0, len(files[name]), 7):
            damaged = bytearray(files[name])
            damaged[position] ^= 0x10
            situation = Situation.with_files(subject, files | {name: bytes(damaged)})
            code = error_code(situation.open)
            if code != "corrupt":
                what = f"byte {position} of {name} is damaged; opening the journal"
                cause = _why(Situation.with_files(subject, situation.laid))
                yield from (
                    evolve(each, cause=cause) for each in judge_code("REC-5", code, "corrupt", what)
                )
                return
            if situation.files != dict(files | {name: bytes(damaged)}):
                yield Violation("REC-5", f"byte {position} of {name} is damaged: files changed")
                return


@scenario("REC-6", claim=SEGMENTS)
def a_missing_segment_is_an_error(subject: Subject) -> Iterator[Violation]:
    """A segment missing between two others is an error, and nothing is changed."""
    files = _three_segments()
    gap = {name: content for name, content in files.items() if name != list(files)[1]}
    situation = Situation.with_files(subject, gap)
    code = error_code(situation.open)
    what = "the middle one of three segments is gone; opening the journal"
    yield from judge_code("REC-6", code, "corrupt", what)
    if situation.files != gap:
        yield Violation("REC-6", "the middle one of three segments is gone: files changed")


@scenario("REC-9", claim=FORMAT, simulated=True)
def memory_is_bounded_by_a_record(subject: Subject) -> Iterator[Violation]:
    """Opening four megabytes of small records reads them in small pieces."""
    frame = make_frame(grow_payload(1000, 1))
    situation = Situation.with_files(subject, {FIRST: frame * (4 << 10)})
    situation.open(Options(segment_bytes=64 << 20))
    largest = situation.filesystem.largest_read
    if largest > 1 << 20:
        yield Violation("REC-9", f"records of 1,040 bytes were read {largest} bytes at a time")


@scenario("REC-10", claim=SEGMENTS)
def foreign_files_stay(subject: Subject) -> Iterator[Violation]:
    """Files that are not the journal's are not changed or removed, whatever their names."""
    foreign = {
        "notes.txt": b"mine",
        "0.wal": b"too short a name",
        "000000000000000G.wal": b"not hexadecimal",
        "0000000000000000.WAL": b"capitals",
        "0000000000000000.wal.bak": b"a copy",
        "backup.tmp": b"somebody's",
    }
    situation = Situation.with_files(subject, foreign | {FIRST: make_frame(b"kept")})
    journal = situation.open()
    journal.append(b"next")
    journal.rotate()
    journal.close()
    after = situation.files
    for name, content in foreign.items():
        if after.get(name) != content:
            yield Violation("REC-10", f"{name}, which is not the journal's, was changed or removed")


@scenario("REC-10", simulated=True)
def no_unfinished_file_stays(subject: Subject) -> Iterator[Violation]:
    """After any crash and a recovery, only files are there that an orderly life leaves, too."""
    running = run((Append(20), Rotate(), Append(600)), subject, Options())
    orderly = Situation(subject)
    journal = orderly.open()
    journal.append(b"kept")
    journal.close()
    events = running.filesystem.events
    for point in range(len(events)):
        space = running.images("process-kill", point)
        image = space.builder.build(space.all_kept)
        situation = Situation(subject, ModelFilesystem(image))
        situation.open().close()
        left = sorted(situation.files.keys() - situation.segments - orderly.files.keys())
        if left:
            yield Violation("REC-10", f"killed after {point} events, recovery leaves {left}")
            return


@scenario("REC-11", claim=SEGMENTS, simulated=True)
def a_read_error_is_an_error(subject: Subject) -> Iterator[Violation]:
    """If a read of the disk fails, opening fails; the journal does not get shorter."""
    files = _three_segments()
    complete = Situation.with_files(subject, files)
    expected = tuple(complete.open().scan())
    for nth in range(1, complete.filesystem.operations + 1):
        situation = Situation.with_files(subject, files)
        situation.filesystem.fail(nth, Fault.ERROR)
        try:
            found = tuple(situation.open().scan())
        except Exception:
            continue
        if found != expected and situation.filesystem.kinds[nth - 1] is Kind.READ:
            message = f"read {nth} fails, and {len(found)} of {len(expected)} records are shown"
            yield Violation("REC-11", message)
            return
