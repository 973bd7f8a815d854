"""Which rows of a state table are taken while something runs."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import pytest
from attrs import frozen


class _Recorded(dict[Any, Any]):
    """A table that notes which of its rows are looked at."""

    def __init__(self, rows: Mapping[Any, Any]) -> None:
        super().__init__(rows)
        self.used: set[Any] = set()

    def __getitem__(self, key: Any) -> Any:
        """Look a row up."""
        self.used.add(key)
        return super().__getitem__(key)


@frozen
class Rows:
    """The table of a module."""

    table: _Recorded

    @property
    def left(self) -> list[str]:
        """Name the rows that nothing has taken, as state and signal."""
        return [f"{a.value}, {b.value}" for a, b in self.table if (a, b) not in self.table.used]


@contextmanager
def watched(module: ModuleType) -> Iterator[Rows]:
    """Watch the rows of `module.TRANSITIONS`."""
    with pytest.MonkeyPatch.context() as patch:
        table = _Recorded(vars(module)["TRANSITIONS"])
        patch.setattr(module, "TRANSITIONS", table)
        yield Rows(table)
