"""
One of a few names, on the command line.
"""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

import click


class OneOf(click.Choice[str]):
    """A choice that asks which name was meant, where one is near."""

    def __init__(self, names: Iterable[str]) -> None:
        super().__init__(list(names))

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the name.  Raises `click.BadParameter`."""
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter as unknown:
            near = get_close_matches(str(value).lower(), self.choices, n=1)
            hint = f" Did you mean {near[0]}?" if near else ""
            self.fail(f"{unknown.message}{hint}", param, ctx)
