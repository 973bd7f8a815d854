"""
The definition of a scenario, and what scenarios share.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from attrs import Factory, field, frozen
from tornproof.errors import Corrupt, TornproofError
from tornproof_models.contract.journal import History, Record
from tornproof_models.contract.violations import Violation, refuses
from tornproof_models.crash.subject import DIRECTORY, JournalUnderTest, Options, Subject, new_disk
from tornproof_models.disk.filesystem import ModelFilesystem
from tornproof_models.disk.trace import Image

from tornproof_conformance.adapter.speaking.diagnosis import ProcessFailed
from tornproof_conformance.vectors.judging import OTHER_FRAMES, other_layout
from tornproof_conformance.vectors.shown import LEFT_OUT, misshown

CORE, FORMAT, SEGMENTS, READER, GROUP_COMMIT, EMPTY, WATERMARK = (
    f"journal/{name}"
    for name in (
        "core",
        "format-v2",
        "segments",
        "reader",
        "group-commit",
        "empty-records",
        "watermark",
    )
)
"""Claims of the adapter protocol."""


class NotOpenedAgain(Exception):
    """What was closed in order is refused, or opens without its records (REC-1)."""

    def __init__(self, message: str, refusal: Corrupt | None = None) -> None:
        super().__init__(message)
        self.refusal = refusal


@frozen
class Situation:
    """A subject, and the disk on which it is put to the test."""

    subject: Subject
    filesystem: ModelFilesystem = field(
        default=Factory(lambda self: new_disk(self.subject), takes_self=True)
    )

    @classmethod
    def with_files(cls, subject: Subject, files: Mapping[str, bytes]) -> "Situation":
        """Begin with a journal directory that holds these files."""
        paths = {f"{DIRECTORY}/{name}": content for name, content in files.items()}
        return cls.with_image(subject, Image(paths, frozenset({DIRECTORY})))

    @classmethod
    def with_image(cls, subject: Subject, image: Image) -> "Situation":
        """Begin with what a crash left."""
        return cls(subject, new_disk(subject, image))

    def open(self, options: Options | None = None) -> JournalUnderTest:
        """Open the journal."""
        return self.subject.open(self.filesystem, options or Options())

    @property
    def files(self) -> dict[str, bytes]:
        """The files of the journal directory as they are now, by name, ascending."""
        return _named(self.filesystem.image)

    @property
    def laid(self) -> dict[str, bytes]:
        """The files of the journal directory as they were in the beginning."""
        return _named(self.filesystem.initial)

    def open_again(self, records: Sequence[Record]) -> JournalUnderTest:
        """Open what was closed in order; raise `NotOpenedAgain` if a record is not there."""
        try:
            journal = self.open()
            shown = list(journal.scan())
        except Corrupt as error:
            message = f"what was closed in order is refused when it is opened again: {error}"
            raise NotOpenedAgain(message, error) from error
        if lost := [record for record in records if record not in shown]:
            missing = f"{len(lost)} of {len(records)} records"
            raise NotOpenedAgain(f"what was closed in order opens again without {missing}")
        return journal

    def charge(self, requirement: str, message: str, shown: Sequence[Record] = ()) -> Violation:
        """
        Blame a requirement for what was shown of the frames that were laid here.

        Who shows a record that is none, or reads no frame at all, does so in every situation.
        """
        if other_layout(self.subject):
            return Violation(requirement, message, OTHER_FRAMES)
        wrong = misshown(self.laid, shown)
        return Violation(requirement, message, wrong.cause if wrong else "")

    @property
    def segments(self) -> dict[str, bytes]:
        """Those of the files that hold records."""
        return {name: content for name, content in self.files.items() if name.endswith(".wal")}


def _named(image: Image) -> dict[str, bytes]:
    return {path.removeprefix(f"{DIRECTORY}/"): image.files[path] for path in sorted(image.files)}


def claims(subject: Subject, claim: str) -> bool:
    """Tell whether a subject claims a claim; what runs in this process claims them all."""
    claimed = getattr(subject, "claims", None)
    return claimed is None or claim in claimed


def is_simulated(subject: Subject) -> bool:
    """Tell whether a subject works on a simulated disk, and not on one of its own."""
    return not hasattr(subject, "new_disk")


@frozen
class Scenario:
    """
    A named situation, the requirements it concerns, and the rule in one sentence.

    `claim` is what a subject must claim to be put into it; what runs in this
    process claims everything.  A situation on a `simulated` disk needs faults, or a
    trace of what was done, which an adapter's directory does not have.
    """

    name: str
    requirements: tuple[str, ...]
    rule: str
    _play: Callable[[Subject], Iterator[Violation]]
    claim: str = CORE
    simulated: bool = False
    _where: Callable[[Subject], bool] | None = None

    def applies(self, subject: Subject) -> bool:
        """Tell whether the subject has what the scenario is about."""
        if not claims(subject, self.claim) or (self.simulated and not is_simulated(subject)):
            return False
        return self._where is None or self._where(subject)

    def judge(self, subject: Subject) -> list[Violation]:
        """Play the scenario; a subject that raises where it must not is in the wrong, too."""
        found: list[Violation] = []
        try:
            found += self._play(subject)
        except Exception as error:
            found.append(self._blame(error, self._cause(error, subject)))
        return found

    def _blame(self, error: Exception, cause: str) -> Violation:
        """Say what was raised in the place of what the rule says."""
        if isinstance(error, NotOpenedAgain):
            return Violation("REC-1", str(error), cause)
        message = f"{self.rule} Instead: {type(error).__name__}: {error}"
        return Violation(self.requirements[0], message, cause)

    def _cause(self, error: Exception, subject: Subject) -> str:
        """Name what an error was raised for; who reads no frames finds those laid corrupt."""
        if isinstance(error, NotOpenedAgain):
            return LEFT_OUT if error.refusal is None else refuses(error.refusal)
        if isinstance(error, ProcessFailed):
            return ""
        if isinstance(error, Corrupt) and self.claim in (FORMAT, SEGMENTS):
            return OTHER_FRAMES if other_layout(subject) else refuses(error)
        return refuses(error)


def scenario(
    *requirements: str,
    claim: str = CORE,
    simulated: bool = False,
    where: Callable[[Subject], bool] | None = None,
) -> Callable[[Callable[[Subject], Iterator[Violation]]], Scenario]:
    """
    Make a scenario out of a generator function; its docstring is the rule.

    `where` says for which subjects it means anything, if not for all.
    """

    def make(play: Callable[[Subject], Iterator[Violation]]) -> Scenario:
        assert play.__doc__ is not None
        rule = " ".join(play.__doc__.split())
        name = play.__name__.replace("_", "-")
        return Scenario(name, requirements, rule, play, claim, simulated, where)

    return make


def acknowledged(records: Sequence[Record]) -> History:
    """Return the history of records that were appended in this order, each durably."""
    history = History()
    for call, (offset, payload) in enumerate(records):
        history = history.invoke(call, payload).acknowledge(call, offset, durable=True)
    return history


def judge_code(requirement: str, code: str, expected: str, what: str) -> Iterator[Violation]:
    """
    Judge what `error_code` met where a typed error is owed.

    Success, an end and a silence break the requirement; an error under another code breaks
    ADP-7 alone.
    """
    if not is_typed(code):
        yield Violation(requirement, f"{what} must give a typed error, and gives {code}")
    elif code != expected:
        yield Violation("ADP-7", f"{what} is refused as {code}, not as {expected}")


def is_typed(code: str) -> bool:
    """Tell whether `error_code` met an error of the contract: no success, end or silence."""
    return code.islower() and not code.startswith("success")


def misread(
    read: Callable[[int], bytes], records: Iterable[tuple[int, bytes]], end: int
) -> tuple[int, str, str] | None:
    """
    Read at every offset up to a little beyond the end; return the first wrong answer, or none.

    That is the offset, the code that was given and the code that was expected; both are empty
    where a record begins, and another was given.
    """
    known = dict(records)
    for offset in range(end + 3):
        if offset in known:
            if read(offset) != known[offset]:
                return offset, "", ""
            continue
        expected = "beyond_end" if offset >= end else "not_a_boundary"
        code = error_code(read, offset)
        if code != expected:
            return offset, code, expected
    return None


def error_code(action: Callable[..., object], *arguments: object) -> str:
    """Call something that must fail and return the code of its error, or what it did instead."""
    try:
        result = action(*arguments)
    except ProcessFailed as failed:
        return f"{type(failed).__name__}: {failed}"
    except TornproofError as error:
        return error.code
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return f"success ({result!r:.40})"
