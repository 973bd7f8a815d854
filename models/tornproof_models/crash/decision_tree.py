"""
What is known of a subject's recovery: a tree of its reads and their results.

Seen from the disk, a recovery asks one question after another: how long is this file,
what does that sector hold?  Which it asks next depends on the answers so far, and on
nothing else, and so does how it ends.  So all that has been seen of it is a tree:
questions at the branches, endings at the leaves.  An image leads along one path from the
root to an ending, and images that lead to the same one need one recovery between them,
however many they are and whatever they hold where nobody asked.

The first question is for the names, all at once.
"""

from collections.abc import Mapping
from typing import TypeAlias

from attrs import define, field, frozen
from tornproof.errors import Invalid

from tornproof_models.crash.access_log import Answer, Place, WatchedFilesystem
from tornproof_models.crash.findings import Finding
from tornproof_models.crash.recovery import Outcome, Recovered, recover
from tornproof_models.crash.subject import Options, Subject
from tornproof_models.disk.image_builder import Tree
from tornproof_models.disk.trace import Image, Trace

Names: TypeAlias = tuple[frozenset[str], tuple[str, ...]]
"""The paths of an image's directories, and of its files."""

Answers: TypeAlias = "dict[Answer | Names, Question | Ending]"
"""Where each answer leads."""


@define
class Question:
    """A place that is looked at, and where each answer leads."""

    place: Place
    answers: Answers = field(factory=dict)


@frozen
class Conversation:
    """A recovery that ran, and what it was told."""

    trace: Trace
    answers: Mapping[Place, Answer] | None
    """None if nobody took them down: all of the image is known then."""


@define(eq=False)
class Ending:
    """What recovery does with every image that gives these answers."""

    outcome: Outcome
    besides: Mapping[Place, Answer] = field(factory=dict)
    """What else was asked, to see what a second crash does."""

    conversation: Conversation | None = None
    """How it went, until that is no longer needed."""

    crashed: "dict[int, tuple[Finding, ...] | Question]" = field(factory=dict)
    """
    What crashing this recovery shows, so many times in a row.

    A question, if the images differ in something that matters then.
    """

    @property
    def unwatched(self) -> bool:
        """Whether it is known what recovery came to, and not how."""
        return self.conversation is not None and not self.conversation.trace.events

    def told(self, place: Place, answer: Answer) -> "Ending":
        """Return the same ending with one more thing known of the image."""
        return Ending(self.outcome, {**self.besides, place: answer})


@define
class Recoveries:
    """Everything that was seen of how a subject recovers."""

    subject: Subject
    options: Options
    sector_bytes: int
    ran: int = 0
    """Recoveries that really ran, each to another ending."""

    _first: Answers = field(factory=dict)
    """Where the names of an image lead."""

    _outcomes: dict[Outcome, Outcome] = field(factory=dict)

    def begin(self, tree: Tree) -> tuple[Answers, Answer | Names]:
        """Return where to look for the first question about images with these names."""
        return self._first, tree.names

    def learn(self, image: Image, *, remember: bool) -> None:
        """
        Recover an image that leads to no ending yet, and add it.

        `remember` keeps how it went, for a crash in it.  Raises `Invalid` if the
        recovery does not go as an earlier one did that was told the same.
        """
        recovered, answers = self._converse(image)
        outcome = self._outcomes.setdefault(recovered.outcome, recovered.outcome)
        ending = Ending(outcome)
        if remember:
            ending.conversation = Conversation(recovered.trace, answers)
        self.ran += 1
        known = self._first
        key: Answer | Names = (image.directories, tuple(sorted(image.files)))
        for place, answer in answers.items():
            question = known.setdefault(key, Question(place))
            if not isinstance(question, Question) or question.place != place:
                raise self._is_no_function()
            known, key = question.answers, answer
        if known.setdefault(key, ending) is not ending:
            raise self._is_no_function()

    def repeat(self, image: Image, ending: Ending) -> Conversation:
        """
        Recover an image once more that leads to an ending, for how it goes.

        Raises `Invalid` if it ends in another way this time.
        """
        recovered, answers = self._converse(image)
        if recovered.outcome != ending.outcome:
            raise self._is_no_function()
        return Conversation(recovered.trace, answers | dict(ending.besides))

    def _converse(self, image: Image) -> tuple[Recovered, dict[Place, Answer]]:
        disk = WatchedFilesystem(image, self.sector_bytes)
        return recover(self.subject, self.options, disk), disk.answers

    def _is_no_function(self) -> Invalid:
        return Invalid(
            f"recovery of {self.subject.name} does different things with the same disk: what it "
            "does with one image says nothing about the next, so there is nothing to explore"
        )
