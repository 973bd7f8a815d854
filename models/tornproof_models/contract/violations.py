"""
Violations, and the one that an implementation commits that does not answer.
"""

from attrs import frozen

UNANSWERED = "ADP-11"
"""The requirement that is violated where no answer came that could be judged."""

JUDGES_SILENCE = frozenset({UNANSWERED})

SILENCE = "NoReply: no reply"
"""How an error begins that is no answer, but the lack of one."""


@frozen(init=False)
class Violation:
    """
    A requirement that does not hold, and how it shows.

    Whatever was asked for, a message that tells of no reply makes it a violation of ADP-11: it
    says nothing of the requirement that was to be judged.  This is decided here and nowhere else,
    so a search, a shrinker and a replay give a silence the same name.  Who demands that a call
    returns says so in words of its own.
    """

    requirement: str
    message: str
    cause: str
    """What was done wrong, in the same words wherever it breaks one more requirement."""

    def __init__(self, requirement: str, message: str, cause: str = "") -> None:
        is_silence = SILENCE in message
        self.__attrs_init__(UNANSWERED if is_silence else requirement, message, cause)
