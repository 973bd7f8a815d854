"""
Scenarios about the durable watermark.

They are played for subjects that keep one: a file named `watermark` beside the
segments, in whatever form.  How it looks inside is the subject's own business;
what it is good for shows in what recovery refuses and what it cuts.
"""

from collections.abc import Iterator

from tornproof_models.contract.journal import Record, Violation
from tornproof_models.crash.program import grow_payload
from tornproof_models.crash.subject import DIRECTORY, Subject
from tornproof_models.disk.crash_models import CRASH_MODELS
from tornproof_models.disk.images import ImageSpace
from tornproof_models.disk.trace import Image

from tornproof_conformance.scenarios.scenario import (
    WATERMARK,
    Situation,
    error_code,
    judge_code,
    scenario,
)
from tornproof_conformance.vectors.frames import make_frame

FILE = "watermark"


def keeps_a_watermark(subject: Subject) -> bool:
    """Tell whether a subject has made a watermark by the time it has closed a journal."""
    situation = Situation(subject)
    try:
        _write_and_close(situation)
    except Exception:
        return False  # other scenarios say so
    return bool(situation.files.get(FILE))


def _write_and_close(situation: Situation) -> list[Record]:
    """Append three records that fit one segment, and close: all of it is durable."""
    journal = situation.open()
    records = []
    for number, size in enumerate((20, 0, 33)):
        payload = grow_payload(size, number)
        records.append((journal.append(payload), payload))
    journal.close()
    situation.filesystem.release_locks()
    return records


def _damaged(situation: Situation, name: str, content: bytes | None) -> Situation:
    """Return the same subject before the same files, but for one."""
    files = situation.files | ({name: content} if content is not None else {})
    if content is None:
        del files[name]
    return Situation.with_files(situation.subject, files)


def _flips(data: bytes) -> Iterator[tuple[int, bytes]]:
    for position in range(len(data)):
        damaged = bytearray(data)
        damaged[position] ^= 0x10
        yield position, bytes(damaged)


@scenario("REC-12", "REC-5", claim=WATERMARK, where=keeps_a_watermark)
def damage_below_the_watermark_is_an_error(subject: Subject) -> Iterator[Violation]:
    """A flipped bit below the watermark is an error in the last segment too; nothing changes."""
    situation = Situation(subject)
    _write_and_close(situation)
    (name,) = situation.segments
    for position, data in _flips(situation.segments[name]):
        damaged = _damaged(situation, name, data)
        before = damaged.files
        code = error_code(damaged.open)
        if code != "corrupt":
            what = f"byte {position} of {name} is damaged; opening the journal"
            yield from judge_code("REC-12", code, "corrupt", what)
            return
        if damaged.files != before:
            yield Violation("REC-5", f"byte {position} of {name} is damaged: files changed")
            return


@scenario("REC-12", claim=WATERMARK, where=keeps_a_watermark)
def what_the_watermark_covers_must_be_there(subject: Subject) -> Iterator[Violation]:
    """If the last segment was shortened or removed, opening is an error and changes nothing."""
    situation = Situation(subject)
    records = _write_and_close(situation)
    (name,) = situation.segments
    data = situation.segments[name]
    for what, content in (
        ("cut within a record", data[:-1]),
        ("cut between records", data[: records[-1][0]]),
        ("emptied", b""),
        ("removed", None),
    ):
        damaged = _damaged(situation, name, content)
        before = damaged.files
        code = error_code(damaged.open)
        opening = f"{name} is {what}; opening the journal"
        yield from judge_code("REC-12", code, "corrupt", opening)
        if damaged.files != before:
            yield Violation("REC-5", f"{name} is {what}: files changed")


@scenario("REC-12", claim=WATERMARK, where=keeps_a_watermark)
def above_the_watermark_a_torn_tail_is_cut(subject: Subject) -> Iterator[Violation]:
    """Part of a record after the last durable one is cut, and opening is no error."""
    situation = Situation(subject)
    records = _write_and_close(situation)
    (name,) = situation.segments
    frame = make_frame(grow_payload(20, 9))
    for cut in range(1, len(frame)):
        torn = _damaged(situation, name, situation.segments[name] + frame[:cut])
        try:
            journal = torn.open()
        except Exception as error:
            message = f"{cut} bytes of a frame at the end: {type(error).__name__}: {error}"
            yield Violation("REC-12", message)
            return
        if list(journal.scan()) != records or journal.discarded_bytes != cut:
            yield Violation("REC-12", f"{cut} bytes of a frame at the end are not what was cut")
            return


@scenario("REC-12", claim=WATERMARK, simulated=True, where=keeps_a_watermark)
def an_orderly_end_makes_the_watermark_exact(subject: Subject) -> Iterator[Violation]:
    """After a close, the watermark is at the end of the journal, also after a crash."""
    written = Situation(subject)
    _write_and_close(written)
    opened = _damaged(written, FILE, None)
    opened.open().close()
    ended = {"closed": written, "opened without a watermark and closed": opened}
    for how, situation in ended.items():
        if FILE not in situation.files:
            continue  # none is made for a journal without one
        disk = situation.filesystem
        space = ImageSpace.after(disk.initial, disk.events, CRASH_MODELS["adversarial"])
        for choice in (next(space.choices()), space.all_kept):
            image = space.builder.build(choice)
            path = max(path for path in image.files if path.endswith(".wal"))
            files = dict(image.files) | {path: bytes(len(image.files[path]))}
            crashed = Situation.with_image(subject, Image(files, image.directories))
            code = error_code(crashed.open)
            if code != "corrupt":
                what = f"{how}, power lost, then zeros for the last segment; opening the journal"
                yield from judge_code("REC-12", code, "corrupt", what)
                return


@scenario("REC-12", claim=WATERMARK, where=keeps_a_watermark)
def a_lost_watermark_is_no_obstacle(subject: Subject) -> Iterator[Violation]:
    """If the watermark is missing, empty or garbage, the journal opens all the same."""
    situation = Situation(subject)
    records = _write_and_close(situation)
    for what, content in (("missing", None), ("empty", b""), ("garbage", bytes(range(256)) * 5)):
        lost = _damaged(situation, FILE, content)
        try:
            found = list(lost.open().scan())
        except Exception as error:
            message = f"{DIRECTORY}/{FILE} is {what}: {type(error).__name__}: {error}"
            yield Violation("REC-12", message)
            continue
        if found != records:
            yield Violation("REC-12", f"the watermark is {what}, and records are missing")
