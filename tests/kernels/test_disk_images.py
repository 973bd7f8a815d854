"""Which images a crash may leave follows from when writes were answered."""

from tornproof_kernels.disk_images import Atom, Cutter, Moment, arrivals, overlay, torn
from tornproof_kernels.disk_server import Answered, FlushArrived, LogEvent, Marked, Wrote, put

PLACES = {"t:plain": (1 << 20, 1 << 20)}
A, B = b"A" * 4096, b"B" * 4096


def moments(*events: LogEvent) -> list[Moment]:
    """Cut a log in which one test runs."""
    begun = (Marked("test t:plain"), Marked("start"))
    (played,) = Cutter(PLACES, {}).runs([*begun, *events, Marked("end")])
    return played.moments


def durable(moment: Moment) -> list[bytes]:
    """Return the first byte of each block that is durable."""
    return [atom.data[:1] for atom in moment.durable]


def test_a_flush_covers_what_had_been_answered() -> None:
    """A write that is answered after the flush arrived is still in flight."""
    last = moments(
        Wrote(1, 1 << 20, A),
        Answered(1),
        Wrote(2, (1 << 20) + 4096, B),
        FlushArrived(),
        Answered(2),
        Marked("done 0"),
    )[-1]
    assert durable(last) == [b"A"]
    assert [atom.data[:1] for atom in last.flying] == [b"B"]


def test_a_crash_is_tried_just_before_a_flush() -> None:
    """Then all that the flush covers may still be lost."""
    first = moments(Wrote(1, 1 << 20, A), Answered(1), FlushArrived(), Marked("done 0"))[0]
    assert (durable(first), first.done) == ([], 0)


def test_an_operation_has_returned_from_its_mark_on() -> None:
    """What is in flight at a mark may be lost before and after it."""
    found = moments(Wrote(1, 1 << 20, A), Answered(1), Marked("done 0"), Marked("done 1"))
    assert [moment.done for moment in found] == [0, 1, 2]


def test_other_partitions_do_not_matter() -> None:
    """A write beyond the test's partition is of another test."""
    assert moments(Wrote(1, 2 << 20, A), Answered(1), FlushArrived()) == []


def test_any_subset_of_what_is_in_flight_may_have_arrived() -> None:
    """Two blocks in flight leave four images."""
    flying = (Atom(1, 0, A), Atom(2, 4096, B))
    images = [overlay({}, some) for some in arrivals(Moment(0, (), flying))]
    assert sorted(map(len, images)) == [0, 1, 1, 2]


def test_many_blocks_are_sampled_with_none_and_all() -> None:
    """Beyond the bound there are as many images as the bound, among them the extremes."""
    flying = tuple(Atom(n, n * 4096, A) for n in range(20))
    found = [len(some) for some in arrivals(Moment(0, (), flying), bound=300)]
    assert len(found) >= 300
    assert {0, 1, 2, 18, 19, 20} <= set(found)


def test_the_journal_means_nothing_without_a_commit() -> None:
    """Its blocks are left out unless one that commits is among them."""
    block, commit = Atom(1, 0, A, journal=True), Atom(2, 4096, B, journal=True, commit=True)
    assert list(arrivals(Moment(0, (), (block,)))) == [()]
    assert len(list(arrivals(Moment(0, (), (block, commit))))) == 4


def test_a_block_of_data_may_arrive_in_part() -> None:
    """Torn at a sector: the first of eight alone, or all but the first."""
    found = [
        [(atom.offset, len(atom.data)) for atom in some]
        for some in torn(Moment(0, (), (Atom(1, 0, A),)))
    ]
    assert [(0, 512)] in found
    assert [(at, 512) for at in range(512, 4096, 512)] in found


def test_bytes_go_into_blocks() -> None:
    """A write across a block's end changes both blocks and nothing else."""
    blocks: dict[int, bytes] = {0: A}
    put(blocks, 4000, b"B" * 200)
    assert blocks == {0: A[:4000] + b"B" * 96, 1: b"B" * 104 + bytes(3992)}
