"""
Make mutants of a module: each differs from it in one place.

The operators are mutmut's, and three of our own: a statement is left out, a
condition is turned round, a keyword argument is left out.  What is said to people
and nothing else is not mutated: docstrings, annotations, logs, the texts of errors.
"""

import ast
import sys
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import libcst
from attrs import field, frozen
from libcst import matchers
from libcst.metadata import MetadataWrapper, PositionProvider
from mutmut.mutation import mutators

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = ROOT / "reference" / "tornproof"

KINDS = {
    mutators.operator_number: "number",
    mutators.operator_name: "constant",
    mutators.operator_keywords: "keyword",
    mutators.operator_swap_op: "operator",
    mutators.operator_remove_unary_ops: "operator",
    mutators.operator_augmented_assignment: "operator",
    mutators.operator_match: "case",
    mutators.operator_if_exp: "condition",
    mutators.operator_symmetric_string_methods_swap: "operator",
}
"""The operators of mutmut's that are used, and what kind of fault each makes."""

SILENT = ("log", "warnings")
"""Names whose methods say something to people."""


@frozen
class Mutant:
    """One small fault: where, of what kind, and the module with it."""

    id: str
    """Of the file and of what was changed into what; the same as long as those are."""

    area: str
    kind: str
    path: str
    """Below the root of the project."""

    line: int
    before: str
    after: str
    _tree: libcst.Module = field(repr=False, eq=False)
    _change: tuple[libcst.CSTNode, libcst.CSTNode] = field(repr=False, eq=False)

    @property
    def source(self) -> str:
        """The module with the fault in it."""
        changed = self._tree.deep_replace(*self._change)
        assert isinstance(changed, libcst.Module)
        return changed.code

    @property
    def module(self) -> str:
        """Name of the module."""
        parts = Path(self.path).relative_to("reference").with_suffix("").parts
        return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def areas() -> dict[str, list[Path]]:
    """Sort the modules of the reference by what they are about."""
    found: dict[str, list[Path]] = {}
    for path in sorted(REFERENCE.rglob("*.py")):
        if path.name != "__init__.py":
            found.setdefault(area_of(path), []).append(path)
    return found


AREAS = {
    "record": "frame",
    "keys": "audit",
    "reader": "reader",
    "cursor": "cursor",
    "segments": "segments",
    "active": "segments",
    "access": "segments",
    "recovery": "recovery",
    "scanning": "recovery",
    "tail": "recovery",
    "watermark": "recovery",
    "salvage": "salvage",
    "batching": "group commit",
    "committer": "group commit",
    "group_commit": "group commit",
    "writer": "writer",
    "states": "writer",
    "locking": "writer",
}
"""What the modules beside the packages `audit`, `chain`, `drainer` and `kv` are about."""


def area_of(path: Path) -> str:
    """Name what a module is about."""
    parts = path.relative_to(REFERENCE).parts
    if len(parts) > 1 and parts[0] != "journal":
        return parts[0]
    return AREAS.get(path.stem, "files")


def lines_of(mutant: Mutant) -> range:
    """
    Return the lines of the statement that a mutant changes.

    Of a statement with a body those of its head, if the change is there.
    """
    tree = ast.parse((ROOT / mutant.path).read_text(encoding="utf-8"))
    spans = [range(sys.maxsize)]
    for node in ast.walk(tree):
        if isinstance(node, ast.stmt):
            spans.append(range(node.lineno, (node.end_lineno or node.lineno) + 1))
            if body := getattr(node, "body", None):
                spans.append(range(node.lineno, max(body[0].lineno, node.lineno + 1)))
    return min((span for span in spans if mutant.line in span), key=len)


def mutants_of(path: Path) -> Iterator[Mutant]:
    """Make every mutant of a module, in the order of its lines."""
    source = path.read_text(encoding="utf-8")
    wrapper = MetadataWrapper(libcst.parse_module(source))
    visitor = _Visitor()
    wrapper.visit(visitor)
    positions = wrapper.resolve(PositionProvider)
    seen: dict[str, int] = {}
    for kind, node, other in visitor.found:
        before, after = (_text(wrapper.module, each) for each in (node, other))
        name = path.relative_to(ROOT).as_posix()
        line = positions[node].start.line
        words = f"{name}\n{kind}\n{before}\n{after}"
        nth = seen[words] = seen.get(words, 0) + 1
        digest = sha256(f"{words}\n{nth}".encode()).hexdigest()[:12]
        if before != after:
            change = node, other
            yield Mutant(
                digest, area_of(path), kind, name, line, before, after, wrapper.module, change
            )


def _text(module: libcst.Module, node: libcst.CSTNode) -> str:
    if isinstance(node, libcst.RemovalSentinel):
        return ""
    return " ".join(module.code_for_node(node).split())


class _Visitor(libcst.CSTVisitor):
    """Walks a module and collects what could be put in the place of what."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, libcst.CSTNode, libcst.CSTNode]] = []

    def on_visit(self, node: libcst.CSTNode) -> bool:
        if _is_for_people(node):
            return False
        for kind, other in _alternatives(node):
            self.found.append((kind, node, other))
        return True


def _is_for_people(node: libcst.CSTNode) -> bool:
    """Say whether a node is an annotation, a docstring, an error's text, a log, or a protocol."""
    if isinstance(node, libcst.Annotation | libcst.Import | libcst.ImportFrom | libcst.Decorator):
        return True
    if isinstance(node, libcst.Raise):
        return True
    if isinstance(node, libcst.SimpleStatementLine):
        return any(_is_for_people_alone(part) for part in node.body)
    if isinstance(node, libcst.ClassDef):
        return any(matchers.matches(base.value, matchers.Name("Protocol")) for base in node.bases)
    return isinstance(node, libcst.FunctionDef) and node.name.value in ("__str__", "describe")


def _is_for_people_alone(statement: libcst.BaseSmallStatement) -> bool:
    if not isinstance(statement, libcst.Expr):
        return False
    value = statement.value
    if isinstance(value, libcst.BaseString):
        return True
    return matchers.matches(
        value,
        matchers.Call(
            func=matchers.Attribute(value=matchers.OneOf(*[matchers.Name(each) for each in SILENT]))
        ),
    )


def _alternatives(node: libcst.CSTNode) -> Iterator[tuple[str, libcst.CSTNode]]:
    """Yield what could stand in the place of a node, with the kind of fault that it is."""
    for kind, operator in mutators.mutation_operators:
        if operator in KINDS and isinstance(node, kind):
            yield from ((KINDS[operator], other) for other in operator(node))
    if isinstance(node, libcst.SimpleStatementLine) and len(node.body) == 1:
        if _may_be_left_out(node.body[0]):
            nothing = node.with_changes(body=[libcst.Pass()])
            yield "statement left out", nothing
    elif isinstance(node, libcst.If | libcst.While):
        test = node.test.with_changes(lpar=[libcst.LeftParen()], rpar=[libcst.RightParen()])
        yield "condition", node.with_changes(test=libcst.UnaryOperation(libcst.Not(), test))
    elif isinstance(node, libcst.Call):
        for number, argument in enumerate(node.args):
            if argument.keyword is not None:
                rest = [*node.args[:number], *node.args[number + 1 :]]
                yield "argument left out", node.with_changes(args=rest)
    elif isinstance(node, libcst.SimpleString) and not node.value.endswith('"""'):
        text = f"{node.prefix}{node.quote}XX{node.raw_value}{node.quote}"
        yield "text", node.with_changes(value=text)


def _may_be_left_out(statement: libcst.BaseSmallStatement) -> bool:
    """Say whether the module still makes sense without it: a call, or a change of a member."""
    if isinstance(statement, libcst.Expr):
        return isinstance(statement.value, libcst.Call)
    if isinstance(statement, libcst.AugAssign):
        return True
    return isinstance(statement, libcst.Assign) and all(
        isinstance(each.target, libcst.Attribute) for each in statement.targets
    )
