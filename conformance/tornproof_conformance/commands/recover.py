"""
`tornproof recover`: the reference's recovery as a tool, on a real journal.
"""

import click
from tornproof.journal import RecoveryReport
from tornproof.journal import recover as recover_journal
from tornproof.journal.segments import segment_name


@click.command("recover")
@click.argument("directory", type=click.Path())
@click.option("--dry-run", is_flag=True, help="Say what would be done and change nothing.")
def command(directory: str, dry_run: bool) -> None:
    """
    Recover the journal in DIRECTORY: cut a torn tail, make the rest durable.

    Damage to acknowledged records is an error (exit code 1) that changes nothing.
    """
    report = recover_journal(directory, dry_run=dry_run)
    for line in describe_report(report, dry_run=dry_run):
        click.echo(line)


def describe_report(report: RecoveryReport, *, dry_run: bool) -> list[str]:
    """Say in a few lines what was, or would be, kept, cut and removed."""
    kept = "would keep" if dry_run else "kept"
    segments = f"{len(report.segments)} segment{'s' * (len(report.segments) != 1)}"
    lines = [
        f"{kept} {report.records} records in {segments}: offsets {report.first} to {report.end}"
    ]
    if report.cut:
        cut = "would cut" if dry_run else "cut"
        last = segment_name(report.segments[-1].base)
        lines.append(
            f"{cut} {report.cut.bytes} bytes at offset {report.cut.offset} ({last}): "
            f"{report.cut.damage.value}"
        )
    for name in report.temporary:
        lines.append(f"{'would remove' if dry_run else 'removed'} {name}, an unfinished segment")
    if not report.cut and not report.temporary:
        lines.append("nothing to cut")
    return lines
