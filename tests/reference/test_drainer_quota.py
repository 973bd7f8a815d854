"""A quota of the spool, and whose spool it is."""

import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tornproof.drainer.quota import Quota, TurnedAway
from tornproof.errors import Corrupt, ForeignSpool, QueueFull
from tornproof.filesystem import OsFilesystem
from tornproof_conformance.pytest_support.plugin import requirement
from tornproof_models.disk.faults import Fault
from tornproof_models.disk.filesystem import ModelFilesystem

from tests.reference.drainer_world import contents, event, ids, leave_behind, open_queue

SECOND = 1_000_000_000


def quota_on(disk: ModelFilesystem, limit: int | None) -> Quota:
    disk.make_directory("/s")
    times = iter(range(1, 100))
    return Quota(disk, "/s", limit, lambda: next(times) * SECOND)


@requirement("DRN-20")
def test_the_limit_is_inclusive_and_counts_what_is_on_its_way() -> None:
    """A record fits that fills the quota; one byte more, or one on its way, and it does not."""
    quota = quota_on(ModelFilesystem(), 100)

    quota.enter(100, 0)
    with pytest.raises(QueueFull):
        quota.enter(1, 0)
    quota.leave(100)
    quota.enter(1, 99)
    quota.leave(1)
    with pytest.raises(QueueFull, match="holds 100 bytes, and its quota is 100"):
        quota.enter(1, 100)
    quota_on(ModelFilesystem(), None).enter(1 << 40, 1 << 40)


@requirement("DRN-20")
def test_the_evidence_names_count_and_times() -> None:
    """The file says how many, when the first, and when the last; another process goes on."""
    disk = ModelFilesystem()
    quota = quota_on(disk, 0)
    for _ in range(3):
        with pytest.raises(QueueFull):
            quota.enter(1, 0)

    first, last = "1970-01-01T00:00:01.000000000Z", "1970-01-01T00:00:03.000000000Z"
    assert json.loads(disk.image.files["/s/turned-away.json"]) == {
        "events": 3,
        "first": first,
        "last": last,
    }
    later = Quota(disk, "/s", 0, lambda: 9 * SECOND)
    assert later.turned_away == TurnedAway(3, first, last)
    with pytest.raises(QueueFull):
        later.enter(1, 0)
    assert later.turned_away == TurnedAway(4, first, "1970-01-01T00:00:09.000000000Z")


@requirement("DRN-20")
def test_an_event_is_turned_away_even_if_that_cannot_be_written_down() -> None:
    """The caller is told both; the next that is turned away writes both down."""
    disk = ModelFilesystem()
    quota = quota_on(disk, 0)
    disk.fail(disk.operations + 2, Fault.NO_SPACE)

    with pytest.raises(QueueFull, match="could not be written down"):
        quota.enter(1, 0)
    disk.disarm()
    with pytest.raises(QueueFull):
        quota.enter(1, 0)
    assert json.loads(disk.image.files["/s/turned-away.json"])["events"] == 2


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'{"events": "many"}', b'{"n": 1}'])
def test_evidence_that_was_edited_is_not_taken_for_none(tmp_path: Path, data: bytes) -> None:
    """What does not count is an error, and not nothing."""
    (tmp_path / "turned-away.json").write_bytes(data)

    with pytest.raises(Corrupt, match=r"turned-away\.json"):
        Quota(OsFilesystem(), str(tmp_path), 0, lambda: 0)


@requirement("DRN-20", "DRN-13")
def test_many_threads_stay_within_the_quota_and_are_all_counted(tmp_path: Path) -> None:
    """Admitted and turned away add up, in the receipts, the counters and the file."""
    leave_behind(tmp_path)
    with open_queue(tmp_path, spool_quota_bytes=2_000, paused=True) as queue:
        with ThreadPoolExecutor(8) as threads:
            receipts = list(threads.map(lambda n: queue.submit(event(n)), range(40)))
        admitted = [each for each in receipts if each]
        turned_away = len(receipts) - len(admitted)
        assert all(each.definite for each in receipts)
        assert 5 <= len(admitted) <= 9
        assert queue.metrics.refused == queue.turned_away.events == turned_away
        queue.drain_pending()
        assert queue.submit(event(99))

    found = json.loads((tmp_path / "spool" / "turned-away.json").read_text())
    assert found["events"] == turned_away
    assert len(ids(tmp_path)) == len(admitted) + 1


@requirement("DRN-20")
def test_what_an_earlier_process_left_counts(tmp_path: Path) -> None:
    """A spool that is full when it is opened is full."""
    leave_behind(tmp_path, *"abcde")

    with open_queue(tmp_path, spool_quota_bytes=600, paused=True) as queue:
        assert not queue.submit(event())
        assert queue.drain_pending()
        assert queue.submit(event())


# Whose spool


def a_link(spool: Path) -> None:
    spool.rename(spool.with_name("elsewhere"))
    spool.symlink_to(spool.with_name("elsewhere"))


def a_linked_segment(spool: Path) -> None:
    segment = next(spool.glob("*.wal"))
    segment.rename(spool.with_name("segment"))
    segment.symlink_to(spool.with_name("segment"))


def a_second_name(spool: Path) -> None:
    (spool.with_name("second")).hardlink_to(next(spool.glob("*.wal")))


def open_to_all(spool: Path) -> None:
    spool.chmod(0o777)


def a_file_open_to_all(spool: Path) -> None:
    (spool / "spool.json").chmod(0o666)


@requirement("DRN-21")
@pytest.mark.parametrize(
    "change", [a_link, a_linked_segment, a_second_name, open_to_all, a_file_open_to_all]
)
def test_a_spool_that_may_be_somebody_elses_is_refused(tmp_path: Path, change: object) -> None:
    """And is left as it is."""
    assert callable(change)
    leave_behind(tmp_path, "a")
    change(tmp_path / "spool")
    before = contents(tmp_path / "spool")

    with pytest.raises(ForeignSpool, match="nothing was drained"):
        open_queue(tmp_path)
    assert contents(tmp_path / "spool") == before


@requirement("DRN-21")
def test_a_spool_of_another_user_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both users are named."""
    leave_behind(tmp_path, "a")
    monkeypatch.setattr(os, "geteuid", lambda: 4321)

    with pytest.raises(ForeignSpool, match=r"belongs to user .* of user 4321"):
        open_queue(tmp_path)


@requirement("DRN-21")
def test_a_spool_of_ones_own_is_opened(tmp_path: Path) -> None:
    """Group members may write to it, as an ordinary umask has it."""
    leave_behind(tmp_path, "a")
    (tmp_path / "spool").chmod(0o775)

    open_queue(tmp_path).close_and_flush()
    assert ids(tmp_path) == ["a"]
