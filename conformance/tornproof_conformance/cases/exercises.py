"""
Exercises: named procedures that are run on an adapter.

An exercise is a function of an adapter and a few words.  The words are all it takes to do
it again, so a reproducer holds them.  Each exercise stands beside the check that runs it
and enters itself here, so that a case needs to know no check.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

from tornproof.errors import Invalid
from tornproof_models.contract.journal import Violation
from tornproof_models.crash.subject import Subject

from tornproof_conformance.adapter.adapter_subject import AdapterSubject

Exercise: TypeAlias = Callable[[AdapterSubject, Sequence[str]], Iterator[Violation]]

EXERCISES: dict[str, Exercise] = {}
"""Every exercise by name; `checks.catalogue` imports all checks, and so fills it."""

RECORDED: set[str] = set()
"""Exercises that need an adapter that is recorded."""


STEPPED: set[str] = set()
"""Exercises whose words are steps: any of them can be left out, so a case can be shortened."""


def exercise(
    name: str, *, recorded: bool = False, stepped: bool = False
) -> Callable[[Exercise], Exercise]:
    """Enter an exercise under a name, among those that are `RECORDED` or `STEPPED` if it is."""

    def enter(function: Exercise) -> Exercise:
        EXERCISES[name] = function
        if recorded:
            RECORDED.add(name)
        if stepped:
            STEPPED.add(name)
        return function

    return enter


def try_exercise(name: str, subject: Subject, arguments: Sequence[str]) -> list[Violation]:
    """
    Put an adapter through an exercise and return what it violates.

    Raises `Invalid` for an exercise that does not exist, and for a subject that is no adapter.
    """
    if name not in EXERCISES:
        raise Invalid(f"no exercise {name!r}: there are {', '.join(sorted(EXERCISES))}")
    if not isinstance(subject, AdapterSubject):
        raise Invalid(f"{subject.name} is no adapter: {name} is an exercise for adapters")
    return list(EXERCISES[name](subject, arguments))
