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


def refuses(error: BaseException | str) -> str:
    """
    Name the cause of all that is not done because it is refused with the same error.

    An error in words begins with its type, as in `Corrupt: …`.
    """
    words = error if isinstance(error, str) else f"{type(error).__name__}: {error}"
    return f"refuses: {words}"
