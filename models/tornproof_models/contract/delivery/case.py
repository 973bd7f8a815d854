"""
A history and a state, with what several questions need to know of them.
"""

from collections import Counter
from collections.abc import Iterable

from tornproof_models.contract.delivery.facts import (
    Appended,
    Died,
    Fact,
    Fault,
    Mode,
    Outcome,
    Replayed,
    State,
    Struck,
    Submitted,
)


class Case:
    """A history and a state, with what several questions need to know of them."""

    def __init__(self, history: Iterable[Fact], state: State, mode: Mode) -> None:
        self.history = tuple(history)
        self.state = state
        self.mode = mode
        self.submits: list[Submitted] = []
        self.admitted: dict[str, None] = {}
        """Ids of which some submit said "admitted", in the order of the submits."""
        self.others: set[str] = set()
        self.replayed: set[str] = set()
        self.began_with = Died((), ())
        """What was there when the process that lives now began."""
        began, fell = 0, 0
        for index, fact in enumerate(self.history):
            match fact:
                case Submitted(event_id, outcome=outcome):
                    self.submits.append(fact)
                    if outcome is Outcome.ADMITTED:
                        self.admitted[event_id] = None
                case Appended(event_id):
                    self.others.add(event_id)
                case Replayed(event_ids):
                    self.replayed.update(event_ids)
                case Died():
                    self.began_with = fact
                    began = fell = index + 1
                case Struck(Fault.PANIC):
                    fell = index
        self.older = {fact.event_id for fact in self.history[:began] if isinstance(fact, Submitted)}
        """What was submitted before the process that lives now began."""

        self.life = self.history[began:]
        """What happened since then."""

        self.panicked = any(
            isinstance(fact, Struck) and fact.fault is Fault.PANIC for fact in self.life
        )

        self.chain = Counter(row.event_id for row in state.chain)
        self.letters = Counter(letter.event_id for letter in state.dead_letters)
        self.places = self.chain | self.letters
        self.forgiven: set[str] = set()
        """What the volatile mode may have lost: all that was admitted before it fell."""
        if mode is Mode.VOLATILE:
            before = self.history[:fell]
            self.forgiven = {fact.event_id for fact in before if isinstance(fact, Submitted)}
