"""
List every judgement of the suite, with the sentence on which each rests.

    python -m tests.spec.judgements

writes `spec/judgements.md`; a test compares, so no judgement comes without a sentence.  A
judgement is a call of `Violation` or `report` with a requirement and a message, in the code.
Where the requirement is no literal it is looked up: in what is assigned to its name, in what
the callers of the function pass, in what a called function returns.  A call that only tells
what another judgement has found stands in `PASSED_ON`; where the requirement lies in data,
`from_data` has it.
"""

import ast
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

from attrs import frozen
from tornproof_conformance.checks.queue_situations import SITUATIONS
from tornproof_conformance.scenarios import SCENARIOS
from tornproof_conformance.specification.requirements import requirements
from tornproof_conformance.vectors.vector import cases
from tornproof_models.contract.job_queue import REQUIREMENTS, Claim
from tornproof_models.contract.violations import UNANSWERED

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "spec" / "judgements.md"
PACKAGES = (ROOT / "models" / "tornproof_models", ROOT / "conformance" / "tornproof_conformance")

ID = re.compile(r"[A-Z]{3}-\d+")
INSTEAD = "instead of an answer: …"
"""What is said of an adapter that refuses, ends or does not reply where an answer is owed."""

MAKERS = frozenset({"Violation", "report", "charge"})

PASSED_ON = frozenset(
    {
        "adapter/blame.py requirement",
        "cases/hypothesis_search.py each.requirement",
        "checks/delivering.py each.requirement",
        "checks/delivering.py told or requirement",
        "checks/drainer_situations.py violation.requirement",
        "checks/job_queues.py each.requirement",
        "contract/job_queue/judge.py requirement",
        "checks/sharded_exploration.py discovery.requirement",
        "checks/workload_crashes.py ''",
        "scenarios/audit_indexes.py found[0].requirement",
        "scenarios/cursors_and_cleanup.py violation.requirement",
        "scenarios/scenario.py requirement",
        "scenarios/scenario.py self.requirements[0]",
        "subjects/queues.py each.requirement",
        "subjects/queues.py violation.requirement",
    }
)
"""Calls that tell what another judgement has found, in more words."""

UNJUDGED = frozenset({"miniatures", "machines"})
"""Directories in which no implementation of others is judged."""


@cache
def from_data() -> Mapping[str, frozenset[str]]:
    """Name the requirements of the calls that take theirs from data."""
    situations = frozenset(each.requirement for each in SITUATIONS.values())
    return {
        "checks/queue_situations.py situation.requirement": situations,
        "contract/job_queue/judge.py REQUIREMENTS[Claim.POWER]": frozenset({"QUE-17"}),
        "checks/job_queues.py REQUIREMENTS[claim]": frozenset({"QUE-1", "QUE-2"}),
        "checks/audit_index.py case['requirements'][0]": frozenset(
            str(case["requirements"][0]) for case in cases() if case["id"].startswith("aud/")
        ),
        "vectors/judging.py vector.requirements[0]": frozenset(
            str(case["requirements"][0]) for case in cases()
        ),
    }


@frozen(order=True)
class Judgement:
    """One call that makes a violation: which requirements it can name, and in what words."""

    requirements: tuple[str, ...]
    words: str
    module: str
    line: int


class Unresolved(Exception):
    """A judgement whose requirement cannot be found in the code; says where it is."""


SILENT = Judgement((UNANSWERED,), "… NoReply: no reply …", "contract/violations.py", 0)
"""What a violation becomes whose message tells of no reply, whatever was judged."""


@cache
def judgements(packages: tuple[Path, ...] = PACKAGES) -> tuple[Judgement, ...]:
    """Return all judgements.  Raises `Unresolved` if the requirement of one is not to be found."""
    return (*_written_out(packages), *_instead(), SILENT)


def _instead() -> Iterator[Judgement]:
    """Yield what a scenario says of whoever raises, ends or does not reply."""
    for each in SCENARIOS.values():
        yield Judgement(each.requirements[:1], f"{each.rule} Instead: …", each.name, 0)


def _written_out(packages: tuple[Path, ...]) -> Iterator[Judgement]:
    for package in packages:
        for path in sorted(package.rglob("*.py")):
            if not UNJUDGED & set(path.parts):
                module = str(path.relative_to(package))
                yield from _Module(module, ast.parse(path.read_text(encoding="utf-8"))).judgements()


class _Module:
    """A module, in which names are looked up."""

    def __init__(self, name: str, tree: ast.Module) -> None:
        self.name = name
        self.tree = tree
        self.functions: dict[ast.AST, ast.FunctionDef | None] = {}
        self._find(tree, None)

    def _find(self, node: ast.AST, inside: ast.FunctionDef | None) -> None:
        """Note the innermost function around each node."""
        self.functions[node] = inside
        inside = node if isinstance(node, ast.FunctionDef) else inside
        for child in ast.iter_child_nodes(node):
            self._find(child, inside)

    def judgements(self) -> Iterator[Judgement]:
        for call in ast.walk(self.tree):
            if not isinstance(call, ast.Call):
                continue
            if _called(call) == "judge_code" and len(call.args) == 4:
                words = f"{self._words(call.args[3], call)} must give a typed error, and gives …"
                yield from self._judgement(call, call.args[0], ast.Constant(words))
            elif len(call.args) not in (2, 3):
                continue
            elif _called(call) in MAKERS:
                yield from self._judgement(call, *call.args[:2])
            elif _called(call) in ("blame", "blame_error"):
                yield from self._judgement(call, call.args[0], ast.Constant(INSTEAD))
            elif _called(call) == "Finding" and isinstance(call.args[0], ast.Attribute):
                claim = Claim[call.args[0].attr]
                words = self._words(call.args[1], call)
                yield Judgement((REQUIREMENTS[claim],), words, self.name, call.lineno)
        # what yields pairs of a requirement and a message, to be made violations in one place
        for found in ast.walk(self.tree):
            if isinstance(found, ast.Yield) and isinstance(found.value, ast.Tuple):
                pair = found.value.elts
                is_pair = len(pair) == 2 and self._resolve(pair[0], found, 1)
                if is_pair and all(map(ID.fullmatch, is_pair)):
                    yield from self._judgement(found, *pair)

    def _judgement(
        self, place: ast.expr, requirement: ast.expr, message: ast.expr
    ) -> Iterator[Judgement]:
        key = f"{self.name} {ast.unparse(requirement)}"
        if key in PASSED_ON:
            return
        found = from_data().get(key) or self._resolve(requirement, place, 4)
        if not found:
            raise Unresolved(f"{self.name}:{place.lineno}: {ast.unparse(requirement)}")
        words = self._words(message, place)
        yield Judgement(tuple(sorted(found, key=_order)), words, self.name, place.lineno)

    # Which requirement

    def _resolve(self, node: ast.expr, place: ast.AST, depth: int) -> frozenset[str]:
        """Return the ids that an expression can have, or none if they are not to be found."""
        match node:
            case ast.Constant(value=str(value)) if ID.fullmatch(value):
                return frozenset({value})
            case ast.IfExp(body=body, orelse=orelse):
                return self._resolve(body, place, depth) | self._resolve(orelse, place, depth)
            case ast.BoolOp(values=values):
                return frozenset().union(*(self._resolve(v, place, depth) for v in values))
            case ast.Dict(values=values):
                return frozenset().union(*(self._resolve(v, place, depth) for v in values))
            case ast.Subscript(value=ast.Name() as table):
                return self._resolve(table, place, depth)
            case ast.Call() if depth:
                passed = (self._resolve(arg, place, depth - 1) for arg in node.args)
                return self._returned(_called(node)).union(*passed)
            case ast.Name(id=name):
                return self._named(name, place, depth)
        return frozenset()

    def _named(self, name: str, place: ast.AST, depth: int) -> frozenset[str]:
        around = self.functions.get(place)
        where = around if around is not None else self.tree
        if not depth:
            return frozenset()
        found: frozenset[str] = frozenset()
        for nodes in (ast.walk(where), self.tree.body):
            for node in nodes:
                match node:
                    case ast.Assign(targets=targets, value=value):
                        if any(isinstance(t, ast.Name) and t.id == name for t in targets):
                            found |= self._resolve(value, node, depth - 1)
                    case ast.For(target=target, iter=items):
                        if any(isinstance(t, ast.Name) and t.id == name for t in ast.walk(target)):
                            found |= _literals(items)
            if found:
                return found
        return self._passed(name, around, depth) or self._imported(name)

    def _passed(self, name: str, around: ast.AST | None, depth: int) -> frozenset[str]:
        """Return what the callers of a function give it under a name."""
        if not isinstance(around, ast.FunctionDef) or depth < 2:
            return frozenset()
        names = [each.arg for each in around.args.args if each.arg != "self"]
        if name not in names:
            return frozenset()
        found: frozenset[str] = frozenset()
        for call in ast.walk(self.tree):
            if isinstance(call, ast.Call) and _called(call) == around.name:
                given = dict(zip(names, call.args, strict=False))
                given |= {each.arg: each.value for each in call.keywords if each.arg}
                if name in given:
                    found |= self._resolve(given[name], call, depth - 1)
        return found

    def _returned(self, name: str) -> frozenset[str]:
        """Return what a function returns, other than what it was given."""
        found: frozenset[str] = frozenset()
        for function in {each for each in self.functions.values() if each}:
            if function.name == name:
                for node in ast.walk(function):
                    if isinstance(node, ast.Return) and node.value is not None:
                        found |= self._resolve(node.value, node, 1)
        return found

    def _imported(self, name: str) -> frozenset[str]:
        """Return the ids of a constant of another module."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.ImportFrom) and any(each.name == name for each in node.names):
                module = __import__(str(node.module), fromlist=[name])
                value = getattr(module, name)
                values = value.values() if isinstance(value, Mapping) else [value]
                return frozenset(each for each in values if ID.fullmatch(str(each)))
        return frozenset()

    # In what words

    def _words(self, message: ast.expr, place: ast.AST) -> str:
        if isinstance(message, ast.Name):
            around = self.functions.get(place) or self.tree
            before = [
                node.value
                for node in ast.walk(around)
                if isinstance(node, ast.Assign)
                and any(isinstance(t, ast.Name) and t.id == message.id for t in node.targets)
                and node.lineno <= getattr(place, "lineno", 0)
            ]
            message = max(before, key=lambda value: value.lineno, default=message)
        return " ".join(_written(message).split())


def _written(message: ast.expr) -> str:
    """Write a message with an ellipsis for what is filled in."""
    match message:
        case ast.Constant(value=value):
            return str(value)
        case ast.JoinedStr(values=values):
            return re.sub("(… ?)+(?=…)", "", "".join(map(_written, values)))
        case ast.BinOp(left=left, right=right):
            return _written(left) + _written(right)
        case ast.IfExp(body=body, orelse=orelse):
            return f"{_written(body)} / {_written(orelse)}"
    return "…"


def _literals(node: ast.expr) -> frozenset[str]:
    constants = (each for each in ast.walk(node) if isinstance(each, ast.Constant))
    return frozenset(str(each.value) for each in constants if ID.fullmatch(str(each.value)))


def _called(call: ast.Call) -> str:
    match call.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


def _order(identifier: str) -> tuple[int, str]:
    """Sort as the chapters do."""
    known = list(requirements())
    return (known.index(identifier) if identifier in known else len(known), identifier)


# The page

OPENING = """\
# Judgements

Every judgement of the suite, under the sentence on which it rests.
A report quotes the sentence that is broken, and says in these words how.
`…` stands for what a report fills in, such as an offset.
The list is made from the code by `python -m tests.spec.judgements`, and a test compares.
A judgement without a numbered sentence fails that test.

What ends with *Instead* is the rule of a situation, whose name stands behind it; it is told of
an implementation that raises an error, ends or does not reply where the situation needs an answer.
What the suite demands of an adapter, beyond what a journal, an index, a chain or a queue owes,
is numbered ADP ({doc}`protocol`).
"""


def page() -> str:
    """Return the text of the page."""
    by_requirement: dict[str, list[Judgement]] = {}
    for each in judgements():
        for identifier in each.requirements:
            by_requirement.setdefault(identifier, []).append(each)
    parts, family = [OPENING], ""
    for requirement in requirements().values():
        made = by_requirement.get(requirement.id)
        if not made:
            continue
        if requirement.family != family:
            family = requirement.family
            parts.append(f"## {family}\n")
        lines = dict.fromkeys(f"- {each.words} (`{each.module}`)" for each in made)
        parts.append(f"{requirement.id}: {requirement.sentence}\n")
        parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
