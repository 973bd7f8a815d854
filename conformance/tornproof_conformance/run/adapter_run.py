"""
The checks of adapters, and the run that an adapter is given.

What an adapter does not claim is not run.  A check whose crash model is not claimed is
left out, and so are the scenarios and images of such crash models; the report lists
what was claimed.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path
from shlex import join

from tornproof.errors import Invalid

from tornproof_conformance.adapter.adapter_subject import AdapterSubject
from tornproof_conformance.adapter.speaking.diagnosis import Diagnosis
from tornproof_conformance.adapter.speaking.patience import Patience
from tornproof_conformance.adapter.speaking.session import TIMEOUT
from tornproof_conformance.checks import Budget, Check
from tornproof_conformance.checks.catalogue import ADAPTER_CHECKS, SHARES
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
from tornproof_conformance.checks.stopping import stoppable
from tornproof_conformance.run.runner import check_subject, diagnosed
from tornproof_conformance.scenarios import SCENARIOS
from tornproof_conformance.specification.claims import claims_with
from tornproof_conformance.stream.run_events import Implementation, RunEvent, RunStarted
from tornproof_conformance.stream.versions import current_versions
from tornproof_conformance.vectors.vector import image_vectors


def check_adapter(
    command: Sequence[str],
    *,
    budget: Budget,
    reproducers: Path,
    checks: Sequence[Check] | None = None,
    timeout: float = TIMEOUT,
) -> Iterator[RunEvent]:
    """
    Start an adapter, judge it by everything that it claims, and yield events.

    A broken adapter ends the stream with `Diagnosed`.
    """
    try:
        patience = Patience.within(budget.seconds)
        with AdapterSubject.running(command, timeout=timeout, patience=patience) as subject:
            chosen = [stoppable(check) for check in checks_of(subject, checks)]
            yield from check_subject(
                subject,
                budget=budget,
                reproducers=reproducers,
                checks=chosen,
                shares=SHARES,
                deadline=budget.seconds,
                selected=checks is not None,
            )
    except Diagnosis as found:
        now = datetime.now(UTC).isoformat(timespec="seconds")
        implementation = Implementation(join(command))
        yield RunStarted(join(command), implementation, current_versions(), (), {}, now)
        yield diagnosed(found)


def select(patterns: Sequence[str]) -> list[Check]:
    """
    Choose the checks that concern any of some requirements, vectors or scenarios.

    A pattern is the id of one, with `*` for whatever is between: `REC-3`, `JRN-*`,
    `rec/*`, `one-writer`.  Vectors, scenarios and situations are chosen one by one,
    other checks as a whole.  Raises `Invalid` for a pattern that nothing matches.
    """
    unmatched = set(patterns)

    def wanted(*names: str) -> bool:
        matching = {each for each in patterns if any(fnmatchcase(name, each) for name in names)}
        unmatched.difference_update(matching)
        return bool(matching)

    vectors = [each for each in image_vectors() if wanted(each.id, *each.requirements)]
    scenarios = [each for each in SCENARIOS.values() if wanted(each.name, *each.requirements)]
    situations = [each for each in SITUATIONS.values() if wanted(each.name, each.requirement)]
    narrowed = {
        VECTORS.name: vectors_check(vectors),
        SCENARIOS_CHECK.name: scenarios_check(scenarios),
        QUEUE_SITUATIONS.name: queue_situations_check(situations),
    }
    chosen = []
    for name, check in ADAPTER_CHECKS.items():
        if name in narrowed:
            chosen += [narrowed[name]] if narrowed[name].requirements else []
        elif wanted(name, *check.requirements):
            chosen.append(check)
    if unmatched:
        raise Invalid(
            f"nothing is called {', '.join(sorted(unmatched))}: give requirements, vectors, "
            "scenarios or checks; `tornproof list` shows them"
        )
    return chosen


def checks_of(subject: AdapterSubject, checks: Sequence[Check] | None = None) -> list[Check]:
    """Choose the checks that concern what an adapter claims."""
    chosen = ADAPTER_CHECKS.values() if checks is None else checks
    return [
        check
        for check in chosen
        if not (needed := claims_with(check.name)) or needed & subject.claims
    ]
