"""
Names for the completion of a shell: ids of requirements, checks, scenarios, miniatures, entries.
"""

from collections.abc import Iterable

import click


def _beginning(names: Iterable[str], incomplete: str) -> list[str]:
    """Choose names by how they begin, in either case; complete them as they are written."""
    return [name for name in names if name.upper().startswith(incomplete.upper())]


def complete_subjects(_: click.Context, __: click.Parameter, incomplete: str) -> list[str]:
    """Complete what `tornproof check` can be limited to."""
    from tornproof_conformance.checks.catalogue import ADAPTER_CHECKS, CHECKS
    from tornproof_conformance.scenarios import SCENARIOS
    from tornproof_conformance.specification.requirements import requirements

    checks = (check.name for check in CHECKS)
    return _beginning(
        dict.fromkeys((*requirements(), *ADAPTER_CHECKS, *checks, *SCENARIOS)), incomplete
    )


def complete_explained(_: click.Context, __: click.Parameter, incomplete: str) -> list[str]:
    """Complete what `tornproof explain` knows."""
    from tornproof_models.disk.crash_models import CRASH_MODELS

    from tornproof_conformance.specification.claims import CLAIMS

    miniatures = complete_miniatures(_, __, incomplete)
    others = _beginning((*CLAIMS, *CRASH_MODELS), incomplete)
    return [*complete_subjects(_, __, incomplete), *others, *miniatures]


def complete_miniatures(_: click.Context, __: click.Parameter, incomplete: str) -> list[str]:
    """Complete the name of a miniature."""
    from tornproof_conformance.subjects.gallery import exhibits

    return _beginning((each.name for each in exhibits()), incomplete)


def complete_requirements(_: click.Context, __: click.Parameter, incomplete: str) -> list[str]:
    """Complete the id of a requirement."""
    from tornproof_conformance.specification.requirements import requirements

    return _beginning(requirements(), incomplete)


def complete_entries(_: click.Context, __: click.Parameter, incomplete: str) -> list[str]:
    """Complete the name of an entry of the survey; none outside a checkout."""
    from tornproof.errors import Invalid

    from tornproof_conformance.survey.entries import entries

    try:
        return _beginning(entries(), incomplete)
    except Invalid:
        return []
