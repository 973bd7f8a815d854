"""
The adapters in other languages, built before they are tested.

These tests need toolchains, so they are run by `make test-adapters` and not by
`make test`.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.adapters.driver import LANGUAGES, Adapter, Language


@pytest.fixture(scope="session", params=LANGUAGES, ids=lambda language: language.name)
def executable(request: pytest.FixtureRequest) -> Path:
    """Build each adapter in turn."""
    language: Language = request.param
    return language.build()


@pytest.fixture
def adapter(executable: Path) -> Iterator[Adapter]:
    """Run each adapter in turn."""
    with Adapter(executable) as running:
        yield running
