"""
Which pending versions make a difference to an image: zeros over zeros make none.

A file that is preallocated by writing zeros has a pending version for each of its sectors.
"""

from collections.abc import Iterator, Sequence

from tornproof_models.disk.crash_models import CrashModel
from tornproof_models.disk.registers import Registers
from tornproof_models.disk.versions import Data, Register, Version


def not_only_zeros(registers: Registers, crash_model: CrashModel) -> Sequence[Version]:
    """Leave out the sectors that were zeros, have been given nothing else, and can hold none."""
    zeros = bytes(registers.sector_bytes)
    changed = {version.register for version in registers.pending if version.value != zeros}
    return [
        version
        for version in registers.pending
        if version.register in changed or not _is_zeros(version.register, registers, crash_model)
    ]


def telling(
    considered: Sequence[Version], registers: Registers, crash_model: CrashModel
) -> Iterator[Version]:
    """Leave out zeros where there are zeros already, and can be nothing else."""
    zeros, seen = bytes(registers.sector_bytes), set[Register]()
    for version in considered:
        register = version.register
        is_silent = version.value == zeros and register not in seen
        if is_silent and _is_zeros(register, registers, crash_model):
            continue
        seen.add(register)
        yield version


def _is_zeros(register: Register, registers: Registers, crash_model: CrashModel) -> bool:
    """Tell whether a sector of which no pending version was kept can hold nothing but zeros."""
    if not isinstance(register, Data):
        return False
    exposed = crash_model.unwritten_sectors and registers.is_new(register)
    return not exposed and registers.floor(register) == bytes(registers.sector_bytes)
