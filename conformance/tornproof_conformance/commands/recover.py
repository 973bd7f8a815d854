"""
`tornproof recover`: the reference's recovery as a tool, on a real journal.
"""

import click
from tornproof.journal import RecoveryReport, SalvageReport, salvage
from tornproof.journal import recover as recover_journal
from tornproof.journal.segments import segment_name


@click.command("recover")
@click.argument("directory", type=click.Path())
@click.option("--dry-run", is_flag=True, help="Say what would be done and change nothing.")
@click.option(
    "--salvage-to",
    metavar="NEW",
    type=click.Path(),
    help="Leave DIRECTORY as it is and copy what can be read to a new journal.",
)
def command(directory: str, dry_run: bool, salvage_to: str | None) -> None:
    """
    Recover the journal in DIRECTORY: cut a torn tail, make the rest durable.

    Damage to acknowledged records is an error (exit code 1) that changes nothing.
    """
    if salvage_to is None:
        report = recover_journal(directory, dry_run=dry_run)
        lines = describe_report(report, dry_run=dry_run)
    elif dry_run:
        raise click.UsageError("--dry-run and --salvage-to exclude each other")
    else:
        lines = describe_salvage(salvage(directory, salvage_to))
    for line in lines:
        click.echo(line)


def describe_report(report: RecoveryReport, *, dry_run: bool) -> list[str]:
    """Say in a few lines what was, or would be, kept, cut and removed."""
    kept = "would keep" if dry_run else "kept"
    lines = [
        f"{kept} {count(report.records, 'record')} in {count(len(report.segments), 'segment')}: "
        f"offsets {report.first} to {report.end}"
    ]
    if report.cut:
        cut = "would cut" if dry_run else "cut"
        last = segment_name(report.segments[-1].base)
        lines.append(
            f"{cut} {report.cut.bytes} bytes at offset {report.cut.offset} ({last}): "
            f"{report.cut.damage.value}"
        )
    for name in report.temporary:
        lines.append(f"{'would remove' if dry_run else 'removed'} {name}, an unfinished file")
    if not report.cut and not report.temporary:
        lines.append("nothing to cut")
    return lines


def describe_salvage(report: SalvageReport) -> list[str]:
    """Say what was saved, and list the holes."""
    lines = [f"copied {count(report.records, 'record')} to {report.target}"]
    for hole in report.holes:
        lines.append(
            f"hole: offsets {hole.start} to {hole.end} ({hole.end - hole.start} bytes): "
            f"{hole.reason}"
        )
    for old, new in report.moved:
        lines.append(f"from old offset {old} on, records begin at new offset {new}")
    if not report.holes:
        lines.append("no holes: nothing was damaged")
    return lines


def count(number: int, noun: str) -> str:
    """Say a number of things in the singular or plural."""
    return f"{number} {noun}{'' if number == 1 else 's'}"
