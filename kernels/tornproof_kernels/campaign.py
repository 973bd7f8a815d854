"""
Play programs under schedules on one kernel, and recover what a crash may leave of them.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from attrs import define, field, frozen
from tornproof_models.disk.trace import Image

from tornproof_kernels import disk_images, e2fsprogs, ext4_reader
from tornproof_kernels.disk_images import Cutter, Moment, Played, overlay
from tornproof_kernels.disk_log import DiskLog, save_log
from tornproof_kernels.disk_server import BLOCK, Blocks, FileDisk
from tornproof_kernels.guest_image import Kernel
from tornproof_kernels.litmus import Litmus, is_meanwhile, show
from tornproof_kernels.machine import Filesystem, copy_sparse, make_filesystem, run
from tornproof_kernels.mounting import mount_images
from tornproof_kernels.partitions import MOST, lay_out
from tornproof_kernels.vectors import Observed, Vector

BOOT_SECONDS, RUN_SECONDS = 300, 30
"""How long a guest may take, on a machine that has other things to do as well."""


@frozen
class Job:
    """One program under one schedule."""

    litmus: Litmus
    schedule: str
    lines: tuple[str, ...]

    @property
    def name(self) -> str:
        """What the guest calls it."""
        return f"{self.litmus.name}:{self.schedule}"

    def returned(self, lines: int) -> int:
        """Count the lines of the program among the first lines of the schedule."""
        return sum(not is_meanwhile(line) for line in self.lines[:lines])


@frozen
class Setting:
    """Where programs are played."""

    kernel: Kernel
    filesystem: Filesystem
    options: str
    mkfs: tuple[str, ...]
    work: Path
    """Where scratch files may lie."""

    log: Path | None = None
    """Where the log of the last guest's disk goes, to be looked at again."""

    @property
    def is_read_in_process(self) -> bool:
        """Whether we replay the journal ourselves; else a kernel mounts every image."""
        return self.filesystem.name == "ext4" and "fast_commit" not in " ".join(self.mkfs)


@define(eq=False)
class CrashImage:
    """One distinct image, and when it may be there."""

    job: Job
    blocks: Blocks
    after: set[int] = field(factory=set)
    """How many lines of the program had returned."""


@define
class Recorded:
    """What a campaign has seen, and what went wrong in it."""

    setting: Setting
    observed: dict[str, Observed] = field(factory=dict)
    runs: int = 0
    images: int = 0
    compared: int = 0
    """Images that e2fsprogs or a kernel recovered as well as we did."""

    waited: int = 0
    problems: list[str] = field(factory=list)

    @property
    def vector(self) -> Vector:
        """The result, as a file holds it."""
        where, kernel = self.setting, self.setting.kernel.release
        programs = tuple(self.observed.values())
        return Vector(
            *(kernel, where.filesystem.name, where.options, where.mkfs),
            *(self.runs, self.images, programs, self.compared),
        )

    def add(self, crash: CrashImage, image: Image) -> None:
        """Note what an image recovers to."""
        litmus = crash.job.litmus
        observed = self.observed.setdefault(litmus.name, Observed(litmus))
        for done in crash.after:
            observed.add(image, done, crash.job.schedule)


def record(
    setting: Setting,
    jobs: Sequence[Job],
    *,
    most_images: int = 2000,
    compare: int = 60,
    progress: Callable[[str], None] = print,
) -> Recorded:
    """
    Play all jobs, in guests of at most 120 runs each, and recover the images.

    `most_images` is how many images of each guest are mounted where only a kernel can read
    them; `compare` how many a kernel mounts as well where we read them ourselves.
    """
    found = Recorded(setting)
    for start in range(0, len(jobs), MOST):
        batch = jobs[start : start + MOST]
        played, seconds = _play(setting, batch, found)
        by_name = {job.name: job for job in batch}
        progress(f"{len(played)} runs in {seconds:.0f} s")
        few = not setting.is_read_in_process
        crashes = [
            crash for each in played for crash in crash_images(each, by_name[each.name], few=few)
        ]
        found.runs += len(played)
        if setting.is_read_in_process:
            _read(crashes, found, compare)
        else:
            _mount(crashes, found, most_images)
        progress(f"{found.images} images, {len(found.problems)} problems so far")
    return found


def _play(setting: Setting, batch: Sequence[Job], found: Recorded) -> tuple[list[Played], float]:
    """Boot one guest, and cut its log by run."""
    filesystem, work = setting.filesystem, setting.work
    empty = make_filesystem(filesystem, setting.mkfs, work)
    layout = lay_out([filesystem.size] * len(batch))
    path = work / "disk"
    layout.write(path)
    script: list[str] = []
    for number, (job, offset) in enumerate(zip(batch, layout.offsets, strict=True), start=1):
        copy_sparse(empty, path, offset)
        script.append(f"test {job.name} {number} {filesystem.name} {setting.options}")
        script += [*job.litmus.before, "start", *job.lines, "end"]
    text, limit = "\n".join(script) + "\n", BOOT_SECONDS + RUN_SECONDS * len(batch)
    done = run(setting.kernel, filesystem, text, FileDisk(path), work, timeout=limit)
    path.unlink()
    found.problems += done.problems
    found.waited += done.waited
    blocks = disk_images.split(empty.read_bytes())
    places = {
        job.name: (offset, filesystem.size)
        for job, offset in zip(batch, layout.offsets, strict=True)
    }
    log = DiskLog(blocks, places, done.log)
    if setting.log is not None:
        save_log(log, setting.log)
    return runs_of(log, has_ext4_journal=filesystem.name == "ext4"), done.seconds


def runs_of(log: DiskLog, *, has_ext4_journal: bool) -> list[Played]:
    """Cut the log of a guest by run."""
    journal = set(ext4_reader.Ext4(log.empty).journal_blocks()) if has_ext4_journal else set[int]()

    def in_journal(offset: int) -> bool:
        return offset // BLOCK in journal

    return list(Cutter(log.places, log.empty, in_journal).runs(log.events))


def crash_images(played: Played, job: Job, *, few: bool = False) -> Iterator[CrashImage]:
    """Make the distinct images that crashes of one run may leave; `few` where they are costly."""
    found: dict[frozenset[tuple[int, int]], CrashImage] = {}
    source = random.Random(0)
    for moment in played.moments:
        done = job.returned(moment.done)
        for arrived in _arrivals(moment, source, few=few):
            changed = overlay(played.base, moment.durable, arrived)
            key = frozenset((number, hash(block)) for number, block in changed.items())
            if key not in found:
                found[key] = CrashImage(job, {**played.base, **changed})
            found[key].after.add(done)
    yield from found.values()


def _arrivals(
    moment: Moment, source: random.Random, *, few: bool
) -> Iterator[tuple[disk_images.Atom, ...]]:
    if few:
        yield from disk_images.few_arrivals(moment, source)
    else:
        yield from disk_images.arrivals(moment)
        yield from disk_images.torn(moment)


def _read(crashes: Sequence[CrashImage], found: Recorded, compare: int) -> None:
    """Recover images in process, and let a kernel and e2fsprogs recover some of them."""
    setting, good = found.setting, list[tuple[CrashImage, Image]]()
    for crash in crashes:
        try:
            image = ext4_reader.recover(crash.blocks)
        except (ext4_reader.Unreadable, ValueError, KeyError) as error:
            found.problems.append(f"{crash.job.name}: the image cannot be read: {error!r}")
            continue
        found.images += 1
        found.add(crash, image)
        good.append((crash, image))
    some = random.Random(len(good)).sample(good, min(compare, len(good)))
    for crash, image in some[: len(some) // 10]:
        other, complaint = e2fsprogs.recover(crash.blocks, setting.filesystem.size)
        _compare(crash, image, other, complaint, "e2fsprogs", found)
    mounted = mount_images(
        setting.kernel, setting.filesystem, [crash.blocks for crash, _ in some], setting.work
    )
    for (crash, image), seen in zip(some, mounted, strict=True):
        if seen is None:
            found.problems.append(f"{crash.job.name}: the guest that mounts images has ended")
        else:
            _compare(crash, image, seen.image, seen.trouble, "the kernel", found)


def _compare(
    crash: CrashImage, image: Image, other: Image, trouble: str, who: str, found: Recorded
) -> None:
    found.compared += 1
    if trouble:
        found.problems.append(f"{crash.job.name}: {who}: {trouble}")
    if other.digest != image.digest:
        said = f"{who} recovers {show(other)}, and the reader {show(image)}"
        found.problems.append(f"{crash.job.name}: {said}")


def _mount(crashes: Sequence[CrashImage], found: Recorded, most: int) -> None:
    """Let a kernel recover images: all, or as many as one guest mounts in reasonable time."""
    some = list(crashes)
    if len(some) > most:
        some = random.Random(len(some)).sample(some, most)
    for start in range(0, len(some), 500):
        part = some[start : start + 500]
        setting = found.setting
        images = [crash.blocks for crash in part]
        mounted = mount_images(setting.kernel, setting.filesystem, images, setting.work)
        for crash, seen in zip(part, mounted, strict=True):
            if seen is None or seen.trouble:
                trouble = seen.trouble if seen else "the guest that mounts images has ended"
                found.problems.append(f"{crash.job.name}: {trouble}")
            else:
                found.images += 1
                found.add(crash, seen.image)
