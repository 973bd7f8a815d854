"""
The actions of an agent, and the decisions about them.

Each action and each decision is a class with its own members.  In JSON it is an object; `kind`,
or `decision`, says which one it is, and an optional member without a value is left out.
"""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from attrs import Attribute, asdict, field, fields, frozen

from tornproof.errors import Invalid

_TYPE_NAMES: Mapping[type, str] = {str: "text", int: "an integer", tuple: "a list of texts"}


def checked(kind: type, *, optional: bool = False) -> Callable[[Any, "Attribute[Any]", Any], None]:
    """Make a validator that insists on a type, and raises `Invalid`; a bool is no integer here."""

    def check(owner: object, attribute: "Attribute[Any]", value: object) -> None:
        right = isinstance(value, kind) and not isinstance(value, bool)
        if isinstance(value, tuple):
            right = right and all(isinstance(item, str) for item in value)
        if not right and not (optional and value is None):
            raise Invalid(
                f"{attribute.name} of {type(owner).__name__} must be {_TYPE_NAMES[kind]}, "
                f"not {value!r}"
            )

    return check


def _frozen_list(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


TEXT = checked(str)
OPTIONAL_TEXT = checked(str, optional=True)


# Actions


@frozen
class Bash:
    """A shell command."""

    kind: ClassVar = "bash"
    command: str = field(validator=TEXT)
    cwd: str | None = field(default=None, validator=OPTIONAL_TEXT)


@frozen
class FilesystemWrite:
    """A write to a file, with the bytes it may come to."""

    kind: ClassVar = "filesystem_write"
    path: str = field(validator=TEXT)
    byte_estimate: int | None = field(default=None, validator=checked(int, optional=True))


@frozen
class NetworkRequest:
    """A request over the network."""

    kind: ClassVar = "network_request"
    host: str = field(validator=TEXT)
    scheme: str = field(validator=TEXT)


@frozen
class ProcessSpawn:
    """A process that is started without a shell."""

    kind: ClassVar = "process_spawn"
    binary: str = field(validator=TEXT)
    args: tuple[str, ...] = field(default=(), converter=_frozen_list, validator=checked(tuple))


@frozen
class Custom:
    """Anything else; `payload` is any JSON value."""

    kind: ClassVar = "custom"
    custom_kind: str = field(validator=TEXT)
    payload: Any


@frozen
class ReadAction:
    """A read through one of the system's surfaces."""

    kind: ClassVar = "read_action"
    surface: str = field(validator=TEXT)
    namespace: str | None = field(default=None, validator=OPTIONAL_TEXT)
    query: str | None = field(default=None, validator=OPTIONAL_TEXT)


Action = Bash | FilesystemWrite | NetworkRequest | ProcessSpawn | Custom | ReadAction
ACTIONS: Mapping[str, type[Action]] = {
    action.kind: action
    for action in (Bash, FilesystemWrite, NetworkRequest, ProcessSpawn, Custom, ReadAction)
}


# Decisions


@frozen
class Allow:
    """The action may go on."""

    kind: ClassVar = "allow"


@frozen
class Refuse:
    """The action must not go on."""

    kind: ClassVar = "refuse"
    rule_id: str = field(validator=TEXT)
    reason: str = field(validator=TEXT)


@frozen
class Warn:
    """The action may go on, and somebody should look at it."""

    kind: ClassVar = "warn"
    rule_id: str = field(validator=TEXT)
    reason: str = field(validator=TEXT)


@frozen
class Escalate:
    """Somebody else decides; until then the action must not go on."""

    kind: ClassVar = "escalate"
    rule_id: str = field(validator=TEXT)
    reason: str = field(validator=TEXT)


Decision = Allow | Refuse | Warn | Escalate
Blocking = Refuse | Escalate
"""The decisions that keep an action from going on: those that make an event (EVT-1)."""

DECISIONS: Mapping[str, type[Decision]] = {
    decision.kind: decision for decision in (Allow, Refuse, Warn, Escalate)
}


# JSON


def tagged(tag: str, value: Action | Decision) -> dict[str, Any]:
    """Write a variant as an object whose `tag` says which one it is."""
    members = asdict(value, recurse=False)
    for attribute in fields(type(value)):
        if attribute.default is None and members[attribute.name] is None:
            del members[attribute.name]
    return {tag: value.kind, **members}


def untagged(tag: str, variants: Mapping[str, type[Any]], value: Any) -> Any:
    """Read such an object back; raises `Invalid` for a member that the variant does not have."""
    if not isinstance(value, Mapping) or value.get(tag) not in variants:
        raise Invalid(f"{tag} must be one of {', '.join(variants)}, in {value!r}")
    try:
        return variants[value[tag]](**{name: value[name] for name in value if name != tag})
    except TypeError as error:
        raise Invalid(f"{value[tag]}: {error}") from None
