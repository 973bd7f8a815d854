"""What counts as a trial that could have shown a requirement violated."""

import pytest
from tornproof_conformance.subjects.reference import find_subject
from tornproof_models.contract.journal import History
from tornproof_models.crash.program import Append
from tornproof_models.crash.recovery import recover
from tornproof_models.crash.run import run
from tornproof_models.crash.stakes import at_stake_in_recovery
from tornproof_models.crash.subject import Options
from tornproof_models.disk.filesystem import ModelFilesystem
from tornproof_models.disk.trace import Image

REFERENCE, OPTIONS = find_subject("reference"), Options()


@pytest.mark.parametrize(("torn", "is_cut"), [(b"", False), (b"\x0c\x00\x00\x00 three wat", True)])
def test_a_cut_is_at_stake_although_recovery_does_not_speak_of_it(
    torn: bytes, is_cut: bool
) -> None:
    """Bytes that a recovery found, and that are gone when it shows its records, are cut (REC-2)."""
    image = run((Append(5),), REFERENCE, OPTIONS).filesystem.image
    files = {path: data + torn * path.endswith(".wal") for path, data in image.files.items()}
    disk = ModelFilesystem(Image(files, image.directories))

    trace = recover(REFERENCE, OPTIONS, disk).trace

    assert ("REC-2" in at_stake_in_recovery(trace, cut=False)) == is_cut


@pytest.mark.parametrize("durable", [True, False])
def test_an_append_is_at_stake_by_its_level(durable: bool) -> None:
    """One that waited for the disk returned too early if its record is lost (JRN-10)."""
    history = History().invoke(0, b"x").acknowledge(0, 0, durable=durable)

    assert ({"JRN-3", "JRN-10"} <= history.at_stake) == durable
