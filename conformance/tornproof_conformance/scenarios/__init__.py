"""
Scenarios: rules that are checked in a fixed situation instead of by a search.

Each is one function that puts a subject into a situation and yields what it does
wrong there.  Its docstring states the rule; its decorator names the
requirements.  Whatever can be found by trying everything is left to the
explorer.
"""

from collections.abc import Mapping

from tornproof_conformance.scenarios import (
    addresses,
    audit_answers,
    audit_indexes,
    audit_journals,
    audit_refusals,
    chain_forgeries,
    chain_verification,
    concurrent_appends,
    concurrent_writers,
    consumer_answers,
    consumer_refusals,
    cursors_and_cleanup,
    drainer_rules,
    drainer_trouble,
    event_forms,
    forks,
    framing,
    opening,
    pairwise,
    pairwise_heads,
    queue_delivery,
    reader_processes,
    replays,
    shared_batches,
    spool,
    spool_owner,
    strange_files,
    waiting,
    watermark,
    writing,
)
from tornproof_conformance.scenarios.scenario import Scenario

SCENARIOS: Mapping[str, Scenario] = {
    found.name: found
    for module in (
        framing,
        addresses,
        writing,
        opening,
        watermark,
        concurrent_writers,
        shared_batches,
        reader_processes,
        consumer_answers,
        consumer_refusals,
        cursors_and_cleanup,
        audit_indexes,
        audit_refusals,
        audit_answers,
        audit_journals,
        chain_verification,
        chain_forgeries,
        concurrent_appends,
        pairwise,
        pairwise_heads,
        queue_delivery,
        event_forms,
        drainer_rules,
        drainer_trouble,
        replays,
        spool,
        spool_owner,
        forks,
        strange_files,
        waiting,
    )
    for found in vars(module).values()
    if isinstance(found, Scenario)
}
"""Every scenario by name, in the order in which they stand."""

__all__ = ["SCENARIOS", "Scenario"]
