"""
Build the adapter of a project before it is judged.
"""

import subprocess

from tornproof.errors import Invalid

from tornproof_conformance.project.settings import Settings

STDERR = 2
"""The descriptor to which a build prints: standard output is for the verdict."""


def build_adapter(settings: Settings) -> None:
    """
    Run the line that builds the adapter of a project, if its settings have one.

    What it prints goes to standard error.  Raises `Invalid` if it fails.
    """
    if not settings.build:
        return
    code = subprocess.run(settings.build, shell=True, check=False, stdout=STDERR).returncode
    if code:
        raise Invalid(f"{settings.source}: the build ended with exit code {code}: {settings.build}")
