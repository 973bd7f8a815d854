"""
The parts of `tornproof check` that a mutant is put through, one at a time.

A part is one scenario, or one other check with small bounds.  Which lines of the
reference each of them runs is measured once and kept, so that a mutant is judged
only by the parts that run the line that was changed, the quickest first.  That is
what `tornproof check` would say as well: a part that does not run a line says of
every fault in it what it says of the reference.

This module imports nothing of ours before `parts` is called.
"""

import json
import os
import time
import traceback
from collections.abc import Callable, Collection, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

from attrs import frozen

from tests.mutants.mutation import REFERENCE, ROOT

REACH = ROOT / "build" / "mutants-reach.json"

SLOW = ("faults",)
"""Checks that are tried with the usual bounds alone, when all others have found nothing."""


@frozen
class Part:
    """Something that `tornproof check` does, and that can be done alone."""

    name: str
    first: Callable[[], tuple[str, str] | None]
    """Run it up to the first violation: return the check and the requirement, or none."""


@frozen
class Reached:
    """What a part ran: lines by path below the root; and the CPU seconds that it took."""

    lines: dict[str, frozenset[int]]
    seconds: float


def small_parts() -> list[Part]:
    """Make every part with small bounds: each scenario, and each check that is not slow."""
    from tornproof_conformance.checks import Budget
    from tornproof_conformance.checks.situations import SCENARIOS_CHECK, scenarios_check
    from tornproof_conformance.scenarios import SCENARIOS

    small = Budget(operations=2, fault_operations=1, examples=20)
    made = [
        Part(f"scenario {name}", _first_of(scenarios_check((scenario,)), small))
        for name, scenario in SCENARIOS.items()
    ]
    left_out = (SCENARIOS_CHECK.name, *SLOW)
    return made + [
        Part(check.name, _first_of(check, small))
        for check in _checks()
        if check.name not in left_out
    ]


def usual_parts(names: Collection[str]) -> list[Part]:
    """
    Make checks with the bounds of `tornproof check`, in the order of their names.

    The slow ones belong to exploration, which runs the same modules.
    """
    from tornproof_conformance.checks import Budget

    wanted = {*names, *(SLOW if "exploration" in names else ())}
    return [
        Part(f"{check.name}, usual bounds", _first_of(check, Budget()))
        for check in _checks()
        if check.name in wanted
    ]


def _checks() -> tuple[Any, ...]:
    from tornproof_conformance.run.runner import checks_of
    from tornproof_conformance.subjects.reference import ReferenceSubject

    return tuple(checks_of(ReferenceSubject()))


def _first_of(check: Any, budget: Any) -> Callable[[], tuple[str, str] | None]:
    def first() -> tuple[str, str] | None:
        from tornproof_conformance.stream.run_events import Progress
        from tornproof_conformance.subjects.reference import ReferenceSubject

        for found in check.run(ReferenceSubject(), budget):
            if not isinstance(found, Progress):
                return check.name, found.violation.requirement
        return None

    return first


def measure() -> None:
    """
    Measure what each part runs, unless that is known of the same sources.

    It takes a process of its own, so that this one has still imported nothing.
    """
    child = os.fork()
    if child == 0:
        status = 1
        try:
            parts = small_parts()
            known = read_reach()
            for part in parts:
                if part.name not in known:
                    known[part.name] = _measure(part)
                    _write_reach(known)
            _write_reach({part.name: known[part.name] for part in parts})
            status = 0
        except BaseException:
            traceback.print_exc()
        os._exit(status)
    _, ended = os.waitpid(child, 0)
    if ended != 0:
        raise SystemExit("what the parts of the check run could not be measured")


def _measure(part: Part) -> Reached:
    import coverage

    watching = coverage.Coverage(
        data_file=None, config_file=False, include=[f"{REFERENCE}/*"], messages=False
    )
    began = time.process_time()
    watching.start()
    try:
        found = part.first()
    finally:
        watching.stop()
    seconds = time.process_time() - began
    assert found is None, f"{part.name} finds {found} in the reference itself"
    data = watching.get_data()
    lines = {
        Path(name).relative_to(ROOT).as_posix(): frozenset(data.lines(name) or ())
        for name in data.measured_files()
    }
    return Reached(lines, round(seconds, 2))


def _sources() -> str:
    """Name the state of the reference: lines move when it changes."""
    texts = (path.read_bytes() for path in sorted(REFERENCE.rglob("*.py")))
    return sha256(b"\0".join(texts)).hexdigest()


def read_reach() -> dict[str, Reached]:
    """Read what each part runs; nothing, if that was measured of other sources."""
    if not REACH.exists():
        return {}
    kept = json.loads(REACH.read_text(encoding="utf-8"))
    if kept["sources"] != _sources():
        return {}
    return {
        name: Reached(
            {path: frozenset(lines) for path, lines in each["lines"].items()}, each["seconds"]
        )
        for name, each in kept["parts"].items()
    }


def _write_reach(known: dict[str, Reached]) -> None:
    REACH.parent.mkdir(exist_ok=True)
    parts = {
        name: {
            "seconds": each.seconds,
            "lines": {path: sorted(lines) for path, lines in each.lines.items()},
        }
        for name, each in known.items()
    }
    REACH.write_text(json.dumps({"sources": _sources(), "parts": parts}), encoding="utf-8")


def that_run(
    lines: range | None, path: str, reach: dict[str, Reached], within: float
) -> Iterator[str]:
    """
    Name the parts that run one of some lines of a module, the quick first.

    Without lines, those that run any of it.  Parts that took longer than `within` seconds
    are left out.
    """
    for name, each in sorted(reach.items(), key=lambda entry: entry[1].seconds):
        ran = each.lines.get(path, frozenset())
        touches = bool(ran) if lines is None else not ran.isdisjoint(lines)
        if touches and each.seconds <= within:
            yield name
