"""
Limits on a case that comes from a file.

A case is run again, so its numbers are work: the payloads of its appends are held in memory,
and the schedules of its events are all walked.  What no check of this suite asks for is
refused before anything runs.
"""

from tornproof_models.documents.limits import NUMBERS, STEPS
from tornproof_models.documents.values import Value

TOGETHER = "payload_bytes"
"""The limit of what all steps of a program append together."""


def require_bounds(case: Value) -> None:
    """Raise `Invalid` for a number of a case that is beyond its limit, with its place."""
    appended, pending = 0, [case]
    while pending:
        value = pending.pop()
        if isinstance(value.data, list):
            pending += value.items()
        elif isinstance(value.data, dict):
            for name, member in value.entries():
                is_fault_point = name == "point" and isinstance(member.data, str | None)
                if name in NUMBERS and not isinstance(member.data, dict) and not is_fault_point:
                    sizes = member.items() if isinstance(member.data, list) else [member]
                    numbers = [each.number(name) for each in sizes]
                    appended += sum(numbers) if name in ("size", "sizes") else 0
                else:
                    pending.append(member)
    if case.member("kind").data in ("program", "delivery"):
        program = case.member("program")
        if len(program.items()) > STEPS.most:
            program.refuse(f"a program of at most {STEPS.most:,} steps ({STEPS.reason})")
        if appended > NUMBERS[TOGETHER].most:
            limit = NUMBERS[TOGETHER]
            program.refuse(f"at most {limit.most:,} bytes appended together ({limit.reason})")
