"""
Search with Hypothesis: from a seed, without known failures, repeatably.

Hypothesis makes programs up by making choices, and shrinks a failure by making
simpler ones.  So a failure is kept as its *choices*, a few bytes from which the
same program comes again, whatever kind of program it is.  Hypothesis's databases
hold choices too, and nothing else; that is how examples are shared.

Two things are asked of it here that a test suite does not ask.  A search must
give the same programs for the same seed whatever a database holds, so what is in
the database is tried by itself, before.  And a search goes on after it has found
something, so a program that violates only what is known already is passed over.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from typing import Any, TypeAlias
from unittest import SkipTest

from attrs import frozen
from hypothesis import HealthCheck, Phase, given, reject, seed, settings
from hypothesis.database import ExampleDatabase
from hypothesis.errors import Unsatisfiable
from hypothesis.stateful import RuleBasedStateMachine, get_state_machine_test
from hypothesis.strategies import SearchStrategy
from tornproof_models.contract.journal import Violation
from tornproof_models.machines.violated import Violated

Test: TypeAlias = Any
"""A test as Hypothesis's `given` makes it: a function with attributes."""

STEPS = 50
"""Steps of one program of a machine, at most."""


class Found(Violated):
    """A case violates something."""

    def __init__(self, case: Any, violations: Sequence[Violation]) -> None:
        super().__init__(violations)
        self.case = case


@frozen
class Order:
    """What to search."""

    seed: int | None
    """Which programs to make up; none to try those of the database again."""

    examples: int
    """How many programs to make up, besides those for shrinking what is found."""

    overlooked: frozenset[str] = frozenset()
    """Requirements of which a violation is known already."""

    database: ExampleDatabase | None = None
    steps: int = STEPS
    """Steps of one program of a machine, at most."""

    shrinks: bool = True
    """Whether to make what is found smaller."""


@frozen
class Caught:
    """A program that violates something, as small as it came to be."""

    failure: Violated
    violations: tuple[Violation, ...]
    choices: bytes
    steps: tuple[str, ...]
    """The program in words, if it is that of a machine."""


class Shelf(ExampleDatabase):
    """
    One test's part of a database.

    Puts a name before Hypothesis's keys, which are hashes of source code and would
    be those of every subject alike; and remembers the choices saved last, which are
    those of the smallest failure.
    """

    def __init__(self, name: str, database: ExampleDatabase | None) -> None:
        super().__init__()
        self._name = name.encode()
        self._database = database
        self.latest = b""

    def save(self, key: bytes, value: bytes) -> None:
        """Put choices on the shelf."""
        if _is_primary(key):
            self.latest = value
        if self._database is not None:
            self._database.save(self._name + key, value)

    def fetch(self, key: bytes) -> Iterable[bytes]:
        """Yield the choices that are there."""
        return () if self._database is None else self._database.fetch(self._name + key)

    def delete(self, key: bytes, value: bytes) -> None:
        """Take choices away."""
        if self._database is not None:
            self._database.delete(self._name + key, value)


class OneExample(ExampleDatabase):
    """A database that holds one example, of any test."""

    def __init__(self, choices: bytes) -> None:
        super().__init__()
        self._choices = choices

    def save(self, key: bytes, value: bytes) -> None:
        """Hold nothing else."""

    def fetch(self, key: bytes) -> Iterable[bytes]:
        """Yield the example."""
        return (self._choices,) if _is_primary(key) else ()

    def delete(self, key: bytes, value: bytes) -> None:
        """Keep it."""


def _is_primary(key: bytes) -> bool:
    """Tell the key of smallest failures from those of what Hypothesis keeps beside them."""
    return not key.endswith((b".secondary", b".pareto"))


# Searching


def search_machine(
    name: str,
    machine: type[RuleBasedStateMachine],
    order: Order,
    count: Callable[[], None],
) -> Caught | None:
    """Search with a state machine; `count` is called for each program."""
    if order.examples == 0:
        return None  # Hypothesis makes one at least
    shelf = Shelf(name, order.database)
    if order.seed is not None:
        # a seed stays on the class it is given to, so it is given to one of its own
        machine = seed(order.seed)(type(machine.__name__, (machine,), {}))
    test = get_state_machine_test(machine, settings=_settings(order, shelf))
    return _run(test, shelf, order.overlooked, count)


def search_cases(
    name: str,
    cases: SearchStrategy[Any],
    check: Callable[[Any], None],
    order: Order,
    count: Callable[[], None],
) -> Caught | None:
    """Search among cases; `check` raises `Found` for a violation."""

    @given(cases)
    def test(case: Any) -> None:
        check(case)

    shelf = Shelf(name, order.database)
    # settings last: a seed alone would take the database away
    seeded = test if order.seed is None else seed(order.seed)(test)
    return _run(_settings(order, shelf)(seeded), shelf, order.overlooked, count)


def repeat_machine(
    machine: type[RuleBasedStateMachine],
    choices: bytes,
) -> Caught | None:
    """Make the same choices again; return what they violate, if they still do."""
    shelf = Shelf("", OneExample(choices))
    again = Order(None, 1)
    test = get_state_machine_test(machine, settings=_settings(again, shelf, Phase.reuse))
    return _run(test, shelf, frozenset(), lambda: None)


def _settings(order: Order, database: ExampleDatabase, *phases: Phase) -> settings:
    source = Phase.generate if order.seed is not None else Phase.reuse
    return settings(
        max_examples=order.examples,
        stateful_step_count=order.steps,
        derandomize=False,
        database=database,
        deadline=None,
        phases=phases or ((source, Phase.shrink) if order.shrinks else (source,)),
        print_blob=False,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )


def _run(
    test: Test,
    shelf: Shelf,
    overlooked: frozenset[str],
    count: Callable[[], None],
) -> Caught | None:
    run_one = test.hypothesis.inner_test

    @wraps(run_one)
    def pass_over(*arguments: Any, **named: Any) -> None:
        count()
        try:
            run_one(*arguments, **named)
        except Violated as failure:
            if {each.requirement for each in failure.violations} <= overlooked:
                reject()
            raise

    test.hypothesis.inner_test = pass_over
    try:
        test()
    except Violated as failure:
        notes = getattr(failure, "__notes__", [])
        steps = tuple(note for note in notes if note.startswith("state"))
        violations = tuple(
            Violation(each.requirement, each.message)
            for each in failure.violations
            if each.requirement not in overlooked
        )
        return Caught(failure, violations, shelf.latest, steps)
    except SkipTest:
        return None  # the database holds nothing to be tried
    except Unsatisfiable:
        return None  # every case violates what is overlooked, and nothing else
    return None
