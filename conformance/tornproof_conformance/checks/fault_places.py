"""
The places at which a call of an implementation can fail, and in which order they are tried.

A program makes hundreds of calls, most of them alike: the fifth write to a segment meets the same
error path as the fourth.  A *place* is a call by its name, the role of its file, and the step of
the program in which it is made; and whether it is the first such call of the step, or comes when
one has succeeded and the step is half done.  One call of each place fails in every way before a
second one of any does.
"""

import re
from itertools import product

from attrs import define, evolve, field, frozen
from tornproof_models.crash.program import (
    Append,
    Batch,
    DropHead,
    DropTail,
    Fail,
    Program,
    Reopen,
    Rotate,
    Settle,
    Step,
    Sync,
)
from tornproof_models.crash.subject import Options
from tornproof_models.disk.faults import Fault

from tornproof_conformance.checks.exploration import DURABILITIES
from tornproof_conformance.checks.small_programs import can_take
from tornproof_conformance.power.injection import faults_of
from tornproof_conformance.power.recorded_subject import RecordedSubject
from tornproof_conformance.recorder.ptrace.injection import CallMade

LARGE = Append(20_000)
"""A record that exceeds the buffers of most writers: fjall-rs/fjall#308 takes one that fails."""

OWN: tuple[Step, ...] = (Batch((5, 600)), DropTail(1), DropHead(1))
"""Steps of those who claim batches or truncations."""

STRUCK: tuple[Step, ...] = (LARGE, Append(5), Append(600), Sync(), Rotate(), Reopen(), *OWN)
"""The steps in which a call fails."""

BEGUN: Program = (Settle(), Append(5), Append(24), Fail(1, Fault.ERROR))
"""What every program begins with: a store that is there, with two records."""

_NUMBER = re.compile(r"[0-9a-f]{8,}|\d+")
"""What differs between the names of two files of one role."""


@frozen
class Place:
    """Where a call can fail."""

    call: str
    role: str
    """The path of its file below the recorded directory, with `#` for numbers."""

    step: str
    is_further: bool = False
    """Whether such a call of the step has succeeded, so that the step is half done."""

    @classmethod
    def of(cls, call: CallMade, step: Step) -> "Place":
        """Return the place of the first such call that a step makes."""
        return cls(call.name, _NUMBER.sub("#", call.path), str(step))


@frozen
class Injection:
    """A program in which one call fails."""

    place: Place
    options: Options
    step: Step
    nth: int
    fault: Fault

    def program(self, after: Program) -> Program:
        """Return the program, with what follows the error."""
        return (*BEGUN[:-1], Fail(self.nth, self.fault), self.step, *after)


@define
class FaultPlaces:
    """All places of some steps, and all that can be made to fail there."""

    first: list[Injection] = field(factory=list)
    """Every fault at the first call of every place, one fault after the other."""

    others: list[Injection] = field(factory=list)
    """The same at all other calls."""

    places: dict[Place, None] = field(factory=dict)

    @classmethod
    def of(cls, subject: RecordedSubject) -> "FaultPlaces":
        """Run each step once, at each durability, and list the calls that it makes."""
        found, first, others = cls(), list[Injection](), list[Injection]()
        closing: dict[Options, int] = {}  # calls that are made when all is over
        for durability, step in product(DURABILITIES, STRUCK):
            if can_take(subject, step):
                options = Options(1 << 16 if step is LARGE else 4096, durability)
                if options not in closing:
                    closing[options] = len(subject.calls_of(BEGUN, options))
                made = subject.calls_of((*BEGUN, step), options)
                calls = made[: len(made) - closing[options]]
                made_before = set[Place]()
                for nth, call in enumerate(calls, start=1):
                    place = Place.of(call, step)
                    if place in made_before:
                        place = evolve(place, is_further=True)
                    made_before.add(place)
                    chosen = others if place in found.places else first
                    found.places[place] = None
                    chosen += [
                        Injection(place, options, step, nth, fault) for fault in faults_of(call)
                    ]
        ways = list(Fault)
        found.first = sorted(first, key=lambda each: ways.index(each.fault))
        found.others = others
        return found
