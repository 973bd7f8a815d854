"""
The catalogue of checks: those of what runs in this process, and those of adapters.

Importing it imports every check, and so enters every exercise.
"""

from collections.abc import Mapping

from tornproof_conformance.checks import (
    Check,
    audit_index,
    deliveries,
    io_errors,
    job_queue_io_errors,
    job_queue_power_loss,
    job_queues,
    kills,
    power_loss,
    queue_power_loss,
)
from tornproof_conformance.checks.audit_index import ADAPTER_AUDITS, AUDITS
from tornproof_conformance.checks.audit_power_loss import AUDIT_POWER
from tornproof_conformance.checks.cleanup_power_loss import CLEANUP_POWER
from tornproof_conformance.checks.consumer_machines import CONSUMER_MACHINES
from tornproof_conformance.checks.conversation import CONVERSATION
from tornproof_conformance.checks.deferred_queues import QUEUE_CHECKS
from tornproof_conformance.checks.deliveries import DELIVERIES
from tornproof_conformance.checks.exploration import EXPLORATION
from tornproof_conformance.checks.faults import FAULTS
from tornproof_conformance.checks.group_commits import ADAPTER_GROUP_COMMIT, GROUP_COMMIT
from tornproof_conformance.checks.io_errors import IO_ERRORS
from tornproof_conformance.checks.job_queue_io_errors import JOB_QUEUE_IO_ERRORS
from tornproof_conformance.checks.job_queue_power_loss import JOB_QUEUE_POWER_LOSS
from tornproof_conformance.checks.job_queues import JOB_QUEUES
from tornproof_conformance.checks.kills import KILLS
from tornproof_conformance.checks.machine import MACHINE
from tornproof_conformance.checks.power_loss import POWER_LOSS
from tornproof_conformance.checks.queue_power_loss import QUEUE_POWER_LOSS
from tornproof_conformance.checks.queue_situations import QUEUE_SITUATIONS
from tornproof_conformance.checks.reader_power_loss import READING
from tornproof_conformance.checks.recovery_memory import MEMORY
from tornproof_conformance.checks.situations import SCENARIOS_CHECK, VECTORS

JOURNAL_CHECKS: tuple[Check, ...] = (VECTORS, SCENARIOS_CHECK, EXPLORATION, FAULTS, MACHINE)
"""What a journal is put through, the quick and telling first."""

CHECKS: tuple[Check, ...] = (
    *JOURNAL_CHECKS,
    *CONSUMER_MACHINES,
    GROUP_COMMIT,
    AUDITS,
    *QUEUE_CHECKS,
)
"""Every check of what runs in this process."""

ADAPTER_CHECKS: Mapping[str, Check] = {
    check.name: check
    for check in (
        CONVERSATION,
        VECTORS,
        SCENARIOS_CHECK,
        ADAPTER_GROUP_COMMIT,
        READING,
        CLEANUP_POWER,
        ADAPTER_AUDITS,
        AUDIT_POWER,
        QUEUE_SITUATIONS,
        DELIVERIES,
        JOB_QUEUES,
        JOB_QUEUE_POWER_LOSS,
        JOB_QUEUE_IO_ERRORS,
        KILLS,
        POWER_LOSS,
        QUEUE_POWER_LOSS,
        IO_ERRORS,
        MEMORY,
    )
}
"""
Each check of an adapter by name, the quick ones first.

`specification.claims` says which claims bring each of them.  A new check is an entry here
and there; it takes an `AdapterSubject`, whose `command` it may start in any way, and its
share of the budget's seconds.
"""

SHARES: Mapping[str, float] = {
    ADAPTER_AUDITS.name: audit_index.SHARE,
    DELIVERIES.name: deliveries.DELIVERY_SHARE,
    JOB_QUEUES.name: job_queues.SHARE,
    JOB_QUEUE_POWER_LOSS.name: job_queue_power_loss.SHARE,
    JOB_QUEUE_IO_ERRORS.name: job_queue_io_errors.SHARE,
    KILLS.name: kills.SHARE,
    POWER_LOSS.name: power_loss.SHARE,
    QUEUE_POWER_LOSS.name: queue_power_loss.SHARE,
    IO_ERRORS.name: io_errors.SHARE,
}
"""The part of the budget's time that each check takes which could go on for ever."""
