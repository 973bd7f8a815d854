"""
The fields of an audit, and their checks.

An audit is a value: checked when it is made, and never changed.  An audit that passes the
checks can be stored, and comes back equal (AUD-3).

Confidence and weight are 32-bit floats.  Python's floats have 64 bits, so they are rounded to
the nearest 32-bit float *when the audit is made*: a caller sees the same values before and
after it is stored.  Negative zero becomes zero, so that equal audits have equal bytes; NaN and
infinity are refused.
"""

import math
import struct
from collections.abc import Iterable, Mapping
from enum import StrEnum

from attrs import Attribute, field, frozen
from attrs.validators import optional

from tornproof.errors import Invalid
from tornproof.keys import require_identifier, require_unsigned


class Lifecycle(StrEnum):
    """
    The stage of an assertion.

    A name that is not listed here is kept as it is, so that audits of a newer writer
    stay readable.
    """

    PROPOSED = "proposed"
    UNDER_REVIEW = "under_review"
    APPROVED = "approved"
    DEPRECATED = "deprecated"
    REJECTED = "rejected"


_STAGES: Mapping[str, str] = {stage.value: stage for stage in Lifecycle}


# What a field may hold


def single_precision(value: object, name: str) -> float:
    """Round a number to the nearest 32-bit float, or raise `Invalid`."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise Invalid(f"{name} must be a number, not {type(value).__name__}")
    try:
        (rounded,) = struct.unpack("<f", struct.pack("<f", float(value)))
    except OverflowError:
        raise Invalid(f"{name} is beyond what a 32-bit float can hold") from None
    if not math.isfinite(rounded):
        raise Invalid(f"{name} must be finite, not {value}")
    return float(rounded) + 0.0  # negative zero becomes zero


def require_text(value: object, name: str) -> str:
    """Return text that UTF-8 can encode, or raise `Invalid`."""
    if not isinstance(value, str):
        raise Invalid(f"{name} must be text, not {type(value).__name__}")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise Invalid(f"{name} is not Unicode text: {error.reason}") from None
    return value


def lifecycle_named(value: str) -> str:
    """Return the stage of that name, or the name itself if it is none that we know."""
    if require_text(value, "lifecycle") == "":
        raise Invalid("lifecycle must not be empty: leave it out instead")
    return _STAGES.get(value, str(value))


def _identifier(_: object, attribute: "Attribute[bytes]", value: object) -> None:
    require_identifier(value, attribute.name)


def _unsigned(_: object, attribute: "Attribute[int]", value: object) -> None:
    require_unsigned(value, attribute.name)


def _text(_: object, attribute: "Attribute[str]", value: object) -> None:
    require_text(value, attribute.name)


def _weight(value: float) -> float:
    return single_precision(value, "weight")


def _confidence(value: float) -> float:
    return single_precision(value, "result_confidence")


def _lifecycle(value: str | None) -> str | None:
    return None if value is None else lifecycle_named(value)


# The values


@frozen(kw_only=True)
class QueryParameters:
    """What was asked, as far as it was said."""

    subject: str | None = field(default=None, validator=optional(_text))
    predicate: str | None = field(default=None, validator=optional(_text))
    lifecycle: str | None = field(default=None, converter=_lifecycle)
    epoch: int | None = field(default=None, validator=optional(_unsigned))
    lens: str | None = field(default=None, validator=optional(_text))


@frozen(kw_only=True)
class Contribution:
    """An assertion that the answer rests on, and how much."""

    assertion_hash: bytes = field(validator=_identifier)
    weight: float = field(converter=_weight)
    source_hash: bytes = field(validator=_identifier)
    lifecycle: str = field(converter=lifecycle_named)


def _parameters(_: object, attribute: "Attribute[QueryParameters]", value: object) -> None:
    if not isinstance(value, QueryParameters):
        raise Invalid(f"{attribute.name} must be QueryParameters, not {type(value).__name__}")


def _contributions(value: Iterable[Contribution]) -> tuple[Contribution, ...]:
    contributions = tuple(value) if isinstance(value, Iterable) else (value,)
    for each in contributions:
        if not isinstance(each, Contribution):
            raise Invalid(
                f"contributing_assertions must hold Contributions, not {type(each).__name__}"
            )
    return contributions


@frozen(kw_only=True)
class QueryAudit:
    """
    One query: who asked what, when, and what the answer rests on.

    Timestamps are unsigned 64-bit integers in the unit of whoever writes them;
    ids and hashes are 32 bytes.  Without an agent the audit is anonymous.
    Raises `Invalid` for a value that does not fit its field.
    """

    query_id: bytes = field(validator=_identifier)
    agent_id: bytes | None = field(default=None, validator=optional(_identifier))
    timestamp: int = field(validator=_unsigned)
    params: QueryParameters = field(factory=QueryParameters, validator=_parameters)
    result_hash: bytes | None = field(default=None, validator=optional(_identifier))
    result_confidence: float = field(converter=_confidence)
    contributing_assertions: tuple[Contribution, ...] = field(default=(), converter=_contributions)
