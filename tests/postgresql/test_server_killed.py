"""What lands if the server is killed; `killed.py` does it ten times with 10,000 events."""

from pathlib import Path

from tornproof_conformance.pytest_support.plugin import requirement

from tests.postgresql.cluster import Cluster
from tests.postgresql.killed import run


@requirement("DRN-1")
@requirement("DRN-17")
@requirement("DRN-30")
def test_each_event_lands_once_if_the_server_is_killed(cluster: Cluster, tmp_path: Path) -> None:
    """What was in the chain is there after the server has read its log, and the rest follows."""
    landed = run(cluster, tmp_path / "spool", events=600, submitters=4, kills=2)

    assert landed.breaches == ()
    assert landed.chained == landed.admitted == 600
    assert landed.failures > 0
