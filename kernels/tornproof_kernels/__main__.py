"""
The laboratory's commands: `python -m tornproof_kernels COMMAND`.
"""

from pathlib import Path
from typing import Any

import click
from attrs import evolve, frozen
from tornproof_models.disk.crash_models import CRASH_MODELS

from tornproof_kernels import litmus, schedules, vectors
from tornproof_kernels.campaign import Job, Setting, record
from tornproof_kernels.guest_image import NotPrepared, find_kernel
from tornproof_kernels.machine import FILESYSTEMS
from tornproof_kernels.measured import (
    add_campaign,
    crash_model_of,
    load_campaigns,
    load_vectors,
    save_campaigns,
    total,
)
from tornproof_kernels.predictions import compare, tightness
from tornproof_kernels.preparing import fetch_kernel, missing_programs
from tornproof_kernels.random_programs import random_programs

PROGRAMS = Path(__file__).parents[1] / "litmus"

work_option = click.option(
    "--work",
    type=click.Path(path_type=Path),
    default=Path("build/kernels"),
    show_default=True,
    help="Folder for unpacked kernels and scratch files.",
)


def setting_options(command: click.decorators.FC) -> click.decorators.FC:
    """Add the options that say where programs are played."""
    for option in (
        click.option("--kernel", required=True, help="Release of an unpacked kernel."),
        click.option("--filesystem", type=click.Choice(list(FILESYSTEMS)), default="ext4"),
        click.option("--options", default="-", help="Mount options; - for none."),
        click.option("--mkfs", multiple=True, help="One more argument of mkfs."),
        click.option("--out", type=click.Path(path_type=Path), required=True),
        click.option("--images", default=2000, help="Images that a kernel mounts, per guest."),
        click.option("--compare", default=60, help="Images that are recovered twice, per guest."),
        click.option("--log", type=click.Path(path_type=Path), help="Keep the disk's log here."),
        work_option,
    ):
        command = option(command)
    return command


@frozen
class Where:
    """Where programs are played, and where the result goes."""

    kernel: str
    filesystem: str
    options: str
    mkfs: tuple[str, ...]
    out: Path
    images: int
    compare: int
    work: Path
    log: Path | None

    def setting(self) -> Setting:
        """Look for the kernel.  Raises `NotPrepared`."""
        self.work.mkdir(parents=True, exist_ok=True)
        kernel = find_kernel(self.kernel, self.work)
        filesystem = FILESYSTEMS[self.filesystem]
        return Setting(kernel, filesystem, self.options, self.mkfs, self.work, self.log)


@click.group(help=__doc__)
def main() -> None:
    """Run a command."""


@main.command()
@click.option("--kernel", multiple=True, help="Release of a Debian kernel package to unpack.")
@work_option
def prepare(kernel: tuple[str, ...], work: Path) -> None:
    """Say which programs are missing, and unpack kernels."""
    for release in kernel:
        click.echo(f"unpacked {fetch_kernel(release, work).directory}")
    missing = missing_programs()
    if missing:
        raise click.ClickException(
            f"missing: {', '.join(missing)}; run: apt-get install --no-install-recommends "
            f"{' '.join(dict.fromkeys(missing.values()))}"
        )
    click.echo("everything that the laboratory runs is there")


@main.command("litmus")
@setting_options
@click.option("--timed", is_flag=True, help="Inject nothing: let the kernel's timers decide.")
@click.option("--only", multiple=True, help="Name of a program; else all.")
@click.argument("files", nargs=-1, type=click.Path(path_type=Path, exists=True))
def play_litmus(files: tuple[Path, ...], timed: bool, only: tuple[str, ...], **where: Any) -> None:
    """Play the litmus programs of FILES (default: all) under every schedule."""
    texts = [path.read_text() for path in files or sorted(PROGRAMS.glob("*.litmus"))]
    programs = [each for text in texts for each in litmus.parse(text)]
    programs = [each for each in programs if not only or each.name in only]
    choose = schedules.timed if timed else schedules.systematic
    jobs = [Job(each, name, tuple(lines)) for each in programs for name, lines in choose(each)]
    play(jobs, Where(**where))


@main.command("random")
@setting_options
@click.option("--seed", type=int, required=True)
@click.option("--programs", type=int, default=120, show_default=True)
def play_random(seed: int, programs: int, **where: Any) -> None:
    """Play random programs under random schedules; the same for the same seed."""
    jobs = [Job(each, "random", tuple(lines)) for each, lines in random_programs(seed, programs)]
    play(jobs, Where(**where))


@main.command()
@click.option("--crash-model", help="Which; else that of the filesystem with its options.")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True))
def judge(files: tuple[Path, ...], crash_model: str | None) -> None:
    """Hold a crash model to what FILES say was seen; exit with 1 if it forbids a state."""
    forbidden = 0
    for path in files:
        vector = vectors.load(path)
        own = crash_model_of(vector.filesystem, vector.options, vector.mkfs)
        found = compare(crash_model or own, vector.programs)
        seen, allowed = tightness(crash_model or own, vector.programs)
        click.echo(
            f"{path.name}: {found.crash_model}: {found.programs} programs, {found.states} states, "
            f"{len(found.outside)} outside; {seen} of {allowed} allowed states seen"
        )
        for name, state in found.outside:
            click.echo(f"  {name}, after {state.after}: {litmus.show(state.image)}")
        forbidden += len(found.outside)
    raise SystemExit(bool(forbidden))


folder_option = click.option(
    "--folder",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    default=Path("spec/litmus"),
    show_default=True,
    help="Folder of the frozen vectors.",
)


@main.command("vector")
@click.option("--only", multiple=True, help="Keep this program; else those with a new state.")
@folder_option
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True))
def keep_vector(files: tuple[Path, ...], only: tuple[str, ...], folder: Path) -> None:
    """
    Keep programs of FILES, with all that was seen of them, in a frozen vector.

    A program is kept if a state of it is outside the crash model of its filesystem, or if it is
    named.  The vector is that of the same kernel, filesystem and options, or a new one.
    """
    for path in files:
        found = vectors.load(path)
        names = only or [
            name
            for name, _ in compare(
                crash_model_of(found.filesystem, found.options, found.mkfs), found.programs
            ).outside
        ]
        kept = evolve(found.only(names), runs=0, images=0, compared=0)
        if not kept.programs:
            click.echo(f"{path.name}: nothing to keep")
            continue
        target = folder / f"{kept.name}.json"
        if target.exists():
            kept = vectors.merge(vectors.load(target), kept)
        vectors.save(kept, target)
        click.echo(f"{target}: {', '.join(dict.fromkeys(names))}")


@main.command()
@folder_option
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True))
def count(files: tuple[Path, ...], folder: Path) -> None:
    """
    Add the random programs of FILES to the counts of campaigns, each seed once.

    Prints what `tornproof_models/disk/measurements.py` has to say from now on.
    """
    campaigns = load_campaigns(folder)
    for path in files:
        try:
            campaigns = add_campaign(campaigns, vectors.load(path))
        except ValueError as error:
            raise click.ClickException(f"{path}: {error}") from None
    save_campaigns(campaigns, folder)
    frozen_vectors = load_vectors(folder).values()
    for name in CRASH_MODELS:
        found = total(name, frozen_vectors, campaigns)
        if found.programs:
            figures = f"{found.kernels}, {found.programs}, {found.states}, {found.outside}"
            click.echo(f'    "{name}": Measurement({figures}),')


def play(jobs: list[Job], where: Where) -> None:
    """Play jobs, and write what was seen, together with what the file says already."""
    try:
        found = record(
            where.setting(),
            jobs,
            most_images=where.images,
            compare=where.compare,
            progress=lambda text: click.echo(text, err=True),
        )
    except NotPrepared as error:
        raise click.ClickException(str(error)) from None
    vector = found.vector
    if where.out.exists():
        vector = vectors.merge(vectors.load(where.out), vector)
    vectors.save(vector, where.out)
    click.echo(
        f"{found.runs} runs of {len(found.observed)} programs, {found.images} images, "
        f"{found.vector.states} states, {found.compared} recovered twice, "
        f"{found.waited} times the kernel waited for held data"
    )
    for problem in dict.fromkeys(found.problems):
        click.echo(f"problem: {problem}")
    raise SystemExit(bool(found.problems))


if __name__ == "__main__":
    main()
