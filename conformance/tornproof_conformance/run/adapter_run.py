"""
Start an adapter and run the checks that its claims bring.

A check runs if the adapter makes one of the claims that bring it; so do single scenarios and
images.  The report lists the claims.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from math import inf
from pathlib import Path
from shlex import join

from tornproof_conformance.adapter.adapter_subject import AdapterSubject
from tornproof_conformance.adapter.speaking.diagnosis import Diagnosis
from tornproof_conformance.adapter.speaking.patience import Patience
from tornproof_conformance.adapter.speaking.session import TIMEOUT
from tornproof_conformance.checks import Budget, Check
from tornproof_conformance.checks.catalogue import ADAPTER_CHECKS, SHARES
from tornproof_conformance.checks.stopping import stoppable
from tornproof_conformance.run.runner import check_subject, diagnosed
from tornproof_conformance.specification.claims import claims_with
from tornproof_conformance.stream.beyond_promises import excuse_beyond
from tornproof_conformance.stream.run_events import Implementation, RunEvent, RunStarted
from tornproof_conformance.stream.versions import current_versions


def check_adapter(
    command: Sequence[str],
    *,
    budget: Budget,
    reproducers: Path,
    checks: Sequence[Check] | None = None,
    timeout: float = TIMEOUT,
    jobs: int = 1,
    most_findings: float = inf,
) -> Iterator[RunEvent]:
    """
    Start an adapter, judge it by everything that it claims, and yield events.

    `jobs` of its processes recover images side by side.  A broken adapter ends the stream with
    `Diagnosed`.
    """
    try:
        patience = Patience.within(budget.seconds)
        with AdapterSubject.running(
            command, timeout=timeout, patience=patience, jobs=jobs
        ) as subject:
            chosen = [stoppable(check) for check in checks_of(subject, checks)]
            stream = check_subject(
                subject,
                budget=budget,
                reproducers=reproducers,
                checks=chosen,
                shares=SHARES,
                deadline=budget.seconds,
                most_findings=most_findings,
                selected=checks is not None,
            )
            yield from excuse_beyond(stream, subject.survives) if subject.survives else stream
    except Diagnosis as found:
        now = datetime.now(UTC).isoformat(timespec="seconds")
        implementation = Implementation(join(command))
        yield RunStarted(join(command), implementation, current_versions(), (), {}, now)
        yield diagnosed(found)


def checks_of(subject: AdapterSubject, checks: Sequence[Check] | None = None) -> list[Check]:
    """Choose the checks that concern what an adapter claims."""
    chosen = ADAPTER_CHECKS.values() if checks is None else checks
    return [
        check
        for check in chosen
        if not (needed := claims_with(check.name)) or needed & subject.claims
    ]
