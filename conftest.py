"""
The examples in the README and in the chapters are tests.

Each page runs from its top to its end in one fresh directory, so an example
may use what an earlier one made, as a reader does who types it all in.  Where
tests are spread over processes (`pytest -n 2 --dist loadgroup`), the examples of
a page stay together.
"""

import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from sybil import Sybil
from sybil.integration.pytest import SybilItem
from sybil.parsers.myst import PythonCodeBlockParser


def _enter_directory(namespace: dict[str, Any]) -> None:
    namespace["_directory"] = directory = TemporaryDirectory()
    namespace["_before"] = Path.cwd()
    os.chdir(directory.name)


def _leave_directory(namespace: dict[str, Any]) -> None:
    os.chdir(namespace["_before"])
    namespace["_directory"].cleanup()


pytest_collect_file = Sybil(
    parsers=[PythonCodeBlockParser()],
    patterns=["README.md", "spec/*.md"],
    setup=_enter_directory,
    teardown=_leave_directory,
).pytest()


def pytest_itemcollected(item: pytest.Item) -> None:
    """Keep the examples of a page in one process."""
    if isinstance(item, SybilItem):
        item.add_marker(pytest.mark.xdist_group(item.path.name))
