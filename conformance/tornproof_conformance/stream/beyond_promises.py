"""
Findings beyond what a documentation promises: told, and no failure.

An adapter may name in `hello` the crash models that the documentation of its library promises to
survive (`survives`).  A requirement that is violated in harsher ones alone is told like any
other, with every figure; it is *excused*, so that the run passes.
"""

from collections.abc import Collection, Iterable, Iterator

from attrs import evolve
from tornproof_models.disk.crash_models import CRASH_MODELS

from tornproof_conformance.stream.run_events import (
    Excuse,
    RequirementJudged,
    RunEvent,
    RunFinished,
    ViolationFound,
)

BEYOND = "beyond"
"""The state of such an excuse."""


def is_promised(crash_model: str | None, survives: Collection[str]) -> bool:
    """Tell whether a promise covers a crash model: it names that or a harsher one, or no crash."""
    if crash_model is None:
        return True
    harshness = CRASH_MODELS[crash_model].harshness
    return any(harshness <= CRASH_MODELS[name].harshness for name in survives)


def excuse_beyond(stream: Iterable[RunEvent], survives: Collection[str]) -> Iterator[RunEvent]:
    """Pass a stream on, and excuse what is violated only where nothing is promised."""
    promised: dict[str, bool] = {}
    excused, passes = False, True
    for event in stream:
        match event:
            case ViolationFound(requirement=identifier, crash_model=crash_model, also=also):
                for each in (identifier, *also):
                    promised[each] = promised.get(each, False) or is_promised(crash_model, survives)
                yield event
            case RequirementJudged(verdict="violated") if not promised.get(event.requirement, True):
                excused = True
                reason = f"it happens only in crash models harsher than {', '.join(survives)}"
                yield evolve(event, excuse=Excuse(BEYOND, reason))
            case RequirementJudged(verdict="violated" | "starved", level="MUST"):
                passes = False
                yield event
            case RunFinished() if excused:
                yield evolve(event, passes=passes)
            case _:
                yield event
