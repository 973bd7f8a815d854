"""A search that meets nothing but what is known already."""

from hypothesis.stateful import RuleBasedStateMachine, rule
from tornproof_conformance.cases.hypothesis_search import Order, search_machine
from tornproof_models.contract.violations import Violation
from tornproof_models.machines.violated import Violated


class AlwaysWrong(RuleBasedStateMachine):
    """Breaks the same requirement whatever is done."""

    @rule()
    def step(self) -> None:
        """Break it."""
        raise Violated([Violation("REC-1", "it never opens")])


def test_nothing_is_caught_where_every_program_shows_what_is_overlooked() -> None:
    """That is no fault of the suite: there is nothing new."""
    order = Order(0, 1, frozenset({"REC-1"}), steps=1)

    assert search_machine("always/", AlwaysWrong, order, lambda: None) is None
