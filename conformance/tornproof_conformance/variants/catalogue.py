"""
Every variant by name.
"""

import inspect
import re
from collections.abc import Mapping

from tornproof_conformance.variants import manners, operations, record_forms, recoveries, syncs
from tornproof_conformance.variants.log import Log


def _name(variant: type[Log]) -> str:
    """Write a class's name with hyphens: `CountsRecords` is `counts-records`."""
    return re.sub(r"(?<=.)(?=[A-Z])", "-", variant.__name__).lower()


def _defined_in(module: object) -> list[type[Log]]:
    name = getattr(module, "__name__", "")
    return [
        each
        for each in vars(module).values()
        if inspect.isclass(each) and issubclass(each, Log) and each.__module__ == name
    ]


VARIANTS: Mapping[str, type[Log]] = {
    _name(variant): variant
    for module in (record_forms, recoveries, syncs, manners, operations)
    for variant in _defined_in(module)
}
"""Each variant, by the name under which `python -m tornproof_conformance.variants` serves it."""


def variants_of(identifier: str) -> list[str]:
    """Name the variants that use the room that a requirement leaves."""
    return [name for name, variant in VARIANTS.items() if identifier in variant.permitted_by]


def summary(name: str) -> str:
    """Say in what a variant differs."""
    return inspect.getdoc(VARIANTS[name]) or ""
