"""
Select checks by requirement, check, scenario, vector or situation.

`tornproof check REC-3 'AUD-*' kills` runs every check that looks at one of these
requirements, and the check named `kills`.
"""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from fnmatch import fnmatchcase

from tornproof.errors import Invalid

from tornproof_conformance.checks import Check
from tornproof_conformance.checks.catalogue import ADAPTER_CHECKS, CHECKS
from tornproof_conformance.checks.queue_situations import (
    QUEUE_SITUATIONS,
    SITUATIONS,
    queue_situations_check,
)
from tornproof_conformance.checks.situations import (
    SCENARIOS_CHECK,
    VECTORS,
    scenarios_check,
    vectors_check,
)
from tornproof_conformance.scenarios import SCENARIOS
from tornproof_conformance.specification.requirements import requirements
from tornproof_conformance.subjects.gallery import exhibits
from tornproof_conformance.vectors.vector import image_vectors


def select(
    patterns: Sequence[str], checks: Iterable[Check] = tuple(ADAPTER_CHECKS.values())
) -> list[Check]:
    """
    Choose those of `checks`, by default those of adapters, that any of some names concern.

    A name is the id of a requirement, or the name of a check, a scenario, a vector or a
    situation of a queue; `*` stands for any text, as in `JRN-*` and `rec/*`.  The checks that
    consist of scenarios, vectors or situations are reduced to the chosen ones; other checks
    are chosen as a whole.  Raises `Invalid` for a pattern that chooses nothing, with what may
    have been meant.
    """
    unmatched = set(patterns)

    def wanted(*names: str) -> bool:
        matching = {each for each in patterns if any(_matches(name, each) for name in names)}
        unmatched.difference_update(matching)
        return bool(matching)

    offered = list(checks)
    chosen = []
    for check in offered:
        if wanted(check.name):
            chosen.append(check)
        elif check.name in _PARTED:
            parts = _PARTED[check.name](wanted)
            chosen += [parts] if parts.requirements else []
        elif wanted(*check.requirements):
            chosen.append(check)
    for pattern in patterns:
        if pattern in unmatched:
            raise Invalid(_nothing(pattern, offered))
    return chosen


def leave_out(patterns: Sequence[str], checks: Iterable[Check]) -> list[Check]:
    """
    Leave out the checks of these names, and the scenarios, vectors and situations of others.

    Raises `Invalid` for a pattern that names none of them: a requirement cannot be left out,
    as what tries it tries others too.
    """
    unmatched = set(patterns)

    def kept(name: str, *_: str) -> bool:
        matching = {pattern for pattern in patterns if _matches(name, pattern)}
        unmatched.difference_update(matching)
        return not matching

    offered, left = list(checks), []
    for check in offered:
        if not kept(check.name):
            continue
        part = _PARTED[check.name](kept) if check.name in _PARTED else check
        left += [part] if part.requirements else []
    for pattern in patterns:
        if pattern in unmatched and any(_matches(name, pattern) for name in requirements()):
            raise Invalid(
                f"{pattern} is a requirement, and what tries it tries others too: list it in a "
                "file of known failures (--known) instead"
            )
        if pattern in unmatched:
            raise Invalid(_nothing(pattern, offered))
    return left


def _matches(name: str, pattern: str) -> bool:
    return fnmatchcase(name.upper(), pattern.upper())


_PARTED = {
    VECTORS.name: lambda wanted: vectors_check(
        [each for each in image_vectors() if wanted(each.id, *each.requirements)]
    ),
    SCENARIOS_CHECK.name: lambda wanted: scenarios_check(
        [each for each in SCENARIOS.values() if wanted(each.name, *each.requirements)]
    ),
    QUEUE_SITUATIONS.name: lambda wanted: queue_situations_check(
        [each for each in SITUATIONS.values() if wanted(each.name, each.requirement)]
    ),
}
"""The checks that are run in part, and what makes one of the parts that are wanted."""


def _nothing(pattern: str, offered: Sequence[Check]) -> str:
    """Say why a pattern chooses nothing, and what may have been meant."""
    names = [check.name for check in offered]
    if pattern in {*ADAPTER_CHECKS} - {*names}:
        return (
            f"{pattern} is a check of adapters: put the adapter's command after `--`, as in "
            f"`tornproof check {pattern} -- ./adapter`"
        )
    if pattern in {check.name for check in CHECKS} - {*names}:
        return f"{pattern} does not apply here; the checks that do are {', '.join(names)}"
    if pattern.upper() in requirements():
        return f"no check here looks at {pattern}: `tornproof explain {pattern}` says which do"
    if pattern.rpartition("/")[2] in {each.name for each in exhibits()}:
        return f"{pattern} is a miniature: `tornproof check --miniature {pattern}`"
    if "/" in pattern or "." in pattern:
        return (
            f"nothing is called {pattern!r}: if it is a command, put it after `--`, as in "
            f"`tornproof check -- {pattern}`"
        )
    everywhere = (check.name for check in CHECKS)
    known = {*names, *everywhere, *ADAPTER_CHECKS, *requirements(), *SCENARIOS, *SITUATIONS}
    near = get_close_matches(pattern, known, n=3) or get_close_matches(pattern.upper(), known, n=3)
    hint = f"did you mean {' or '.join(near)}?" if near else "`tornproof list checks` shows checks"
    return f"nothing is called {pattern!r}: {hint}"
