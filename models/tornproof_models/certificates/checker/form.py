"""
The exact form of a certificate.

The checker compares what a certificate says with what it finds, and Python takes 3.0, true
and 3 for equal.  So a certificate is held to its form first: every field there and no other,
every type as it is written, counts that are counts, and each in the one way to write it.
"""

from collections.abc import Mapping
from typing import Any

from tornproof.errors import Invalid

from tornproof_models.certificates.checker.plain_disk import HEEDED, IN_ORDER
from tornproof_models.documents.limits import NUMBERS, Span
from tornproof_models.documents.values import Members, Value

FORMAT = "tornproof-certificate/4"
CRASH_MODELS = ("process-kill", *IN_ORDER, *HEEDED, "adversarial")
FIELDS = (
    "contents",
    "crash_points",
    "crashes",
    "endings",
    "format",
    "images",
    "options",
    "parts",
    "crash_model",
    "program",
    "rules",
    "sector_bytes",
    "subject",
    "trace",
    "trace_sha256",
    "versions",
)
EXACT = 1 << 53
COUNT = Span(0, EXACT, "a count; larger ones are strings of digits")
CRASHES = Span(1, 2, "crashes in a row")
HEXADECIMAL = frozenset("0123456789abcdef")


def require_form(document: Any, file: str) -> Members:
    """Return the fields of a certificate.  Raises `Invalid` for what is none."""
    whole = Value(document, file)
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        whole.refuse(f"a certificate of the format {FORMAT!r}")
    fields = whole.members(FIELDS)
    for name in ("subject", "program"):
        fields[name].text()
    fields["crash_model"].choice(CRASH_MODELS)
    fields["sector_bytes"].number("sector_bytes")
    fields["crashes"].whole(CRASHES)
    fields["parts"].whole(COUNT)
    _require_count(fields["images"])
    _require_digest(fields["trace_sha256"])
    options = fields["options"].members(("durability", "max_payload", "segment_bytes"))
    options["durability"].choice(("immediate", "eventual"))
    for name in ("max_payload", "segment_bytes"):
        options[name].number(name)
    for name in ("rules", "versions"):
        for _, value in fields[name].entries():
            value.text()
    for content in fields["contents"].items():
        content.content()
    for point in fields["crash_points"].items():
        _require_point(point)
    for ending in fields["endings"].items():
        again = isinstance(ending.data, dict) and "events" in ending.data
        members = ending.members(("outcome", *(("events", "crash_points") if again else ())))
        _require_outcome(members["outcome"])
        for point in members["crash_points"].items() if again else ():
            _require_point(point)
    return fields


def _require_point(point: Value) -> None:
    members = point.members(("event", "images", "parts"))
    members["event"].whole(COUNT)
    _require_count(members["images"])
    _require_tree(members["parts"])


def _require_tree(root: Value) -> None:
    """Go through a tree of parts, without recursion: some have a thousand levels."""
    pending = [root.data]
    while pending:
        node = pending.pop()
        if type(node) is int and node >= 0:
            continue
        if not isinstance(node, dict) or node.keys() != {"register", "branches"}:
            root.refuse("a tree of registers and branches, whose leaves are numbers of endings,")
        if not _is_register(node["register"]) or not _are_branches(node["branches"]):
            root.refuse("a tree, each register of which has branches with what it keeps and holds,")
        pending += [child for _, _, child in node["branches"]]


def _is_register(register: Any) -> bool:
    if register == []:
        return True  # of a crash point without parts, which is refuted
    if not isinstance(register, list):
        return False
    kinds = {"data": (int, int), "size": (int,), "name": (int, str)}
    kind, *rest = register
    return isinstance(kind, str) and tuple(map(type, rest)) == kinds.get(kind, ())


def _are_branches(branches: Any) -> bool:
    return isinstance(branches, list) and all(
        isinstance(branch, list)
        and len(branch) == 3
        and type(branch[0]) is int
        and (branch[1] is None or type(branch[1]) in (int, str))
        for branch in branches
    )


def _require_outcome(outcome: Value) -> None:
    members = outcome.members(("records", "error"))
    members["error"].text()
    if members["records"].data is None:
        return
    for record in members["records"].items():
        offset, digest = record.pair()
        offset.whole(NUMBERS["offset"])
        _require_digest(digest)


def _require_digest(value: Value) -> None:
    if len(value.text()) != 64 or not HEXADECIMAL.issuperset(value.text()):
        value.refuse("a SHA-256 in 64 hexadecimal digits")


def _require_count(value: Value) -> None:
    """Require a number of images: a number up to 2^53, above a string of digits."""
    if isinstance(value.data, str) and read_count(value.data) > EXACT:
        return
    value.whole(COUNT)


def read_count(count: int | str) -> int:
    """Read a number of images; -1 for a string that is no number in its one form."""
    if isinstance(count, int):
        return count
    plain = count.isascii() and count.isdigit() and not count.startswith("0")
    return int(count) if plain and len(count) <= 4_000 else -1


def require_same_rules(
    fields: Mapping[str, Value], versions: Mapping[str, str], rules: Mapping[str, str]
) -> str:
    """
    Say in what a certificate differs from this version and its rules; empty if in nothing.

    Raises `Invalid` if it is another version's: its rules are not known here.
    """
    written = fields["versions"].data
    if written != versions:
        made = ", ".join(f"{name} {version}" for name, version in sorted(written.items()))
        here = ", ".join(f"{name} {version}" for name, version in sorted(versions.items()))
        raise Invalid(
            f"{fields['versions'].file} was made by {made}; only that can check it, not {here}"
        )
    differing = sorted(set(fields["rules"].data.items()) ^ set(rules.items()))
    return differing[0][0] if differing else ""
