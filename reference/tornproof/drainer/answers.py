"""
The answers of a queue: to a submit, and to a wait.
"""

from attrs import frozen

NAMED = 100
"""Events that an unfinished drain names; more would be a list nobody reads."""


@frozen
class Receipt:
    """
    What `submit` answers; true if the event was admitted.

    After an answer that is not `definite` the event may have been admitted nevertheless,
    once.  If it is submitted again under its `event_id`, it is still one event.
    """

    admitted: bool
    event_id: str | None = None
    reason: str = ""
    definite: bool = True

    def __bool__(self) -> bool:
        """Say whether the event was admitted."""
        return self.admitted


@frozen
class Drained:
    """
    What a wait for the queue to empty answers; true if it is empty.

    `pending` names what is left, oldest first, up to `NAMED` events.  `reason`
    says why there was no use in waiting longer, where that is so.
    """

    drained: bool
    pending: tuple[str, ...] = ()
    reason: str = ""

    def __bool__(self) -> bool:
        """Say whether everything admitted before the call has landed."""
        return self.drained
