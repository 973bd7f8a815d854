"""
Where the specification is: its chapters, schemas and vectors.
"""

from pathlib import Path

from tornproof.errors import TornproofError


class NoSpecification(TornproofError):
    """The chapters of the specification are not where they belong."""


def specification_directory() -> Path:
    """
    Find the chapters: beside this package in a wheel, at the top of a checkout.

    Raises `NoSpecification` if neither is there.
    """
    here = Path(__file__).resolve()
    for directory in (here.parents[1] / "spec", here.parents[3] / "spec"):
        if (directory / "index.md").is_file():
            return directory
    raise NoSpecification(
        f"the chapters of the specification are neither beside {here.parents[1]} nor in a checkout "
        "around it: install the package again"
    )
