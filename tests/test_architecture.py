"""The direction of imports is the architecture, so it is tested."""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

ALLOWED = {
    "reference/tornproof": {"tornproof"},
    "models/tornproof_models/contract": set[str](),
    "models/tornproof_models": {"tornproof", "tornproof_models"},
    "conformance/tornproof_conformance": {"tornproof", "tornproof_models", "tornproof_conformance"},
    "kernels/tornproof_kernels": {"tornproof_models", "tornproof_kernels"},
}
"""What of ours each package may import; the longest prefix of a path decides."""

SYSTEM_UNDER_TEST = ("machines/", "queues/schedules")
"""Where the models run the reference itself; elsewhere they know only how it talks to a disk."""

NEUTRAL = {"tornproof.errors", "tornproof.filesystem"}

ORDERS = {
    "models/tornproof_models": (
        "contract",
        "documents",
        "disk",
        "database_faults",
        "faulty_database",
        "crash",
        "readers",
        "queues",
        "job_queues",
        "shrinking",
        "certificates",
        "campaigns",
        "barriers",
        "miniatures",
        "machines",
    ),
    "conformance/tornproof_conformance": (
        "specification",
        "stream",
        "lifetime",
        "vectors",
        "variants",
        "wrong_adapters",
        "adapter",
        "recorder",
        "subjects",
        "power",
        "workload",
        "scenarios",
        "cases",
        "search",
        "story",
        "checks",
        "run",
        "fuzzing",
        "survey",
        "report",
        "project",
        "commands",
        "kit",
        "cli",
        "pytest_support",
    ),
}
"""
The folders and modules at the top of a package; each imports only those before it.

`ARCHITECTURE.md` shows the same order, and says what each is for.
"""

LONGEST_MODULE = 350
"""Lines: about what a reader takes in at a sitting."""


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _modules(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


@pytest.mark.parametrize("package", ALLOWED)
def test_packages_import_one_way(package: str) -> None:
    """Each package imports only the packages before it, and a contract imports none of ours."""
    for path in _modules(package):
        relative = path.relative_to(ROOT).as_posix()
        decisive = max((each for each in ALLOWED if relative.startswith(each)), key=len)
        ours = {name for name in _imports(path) if name.startswith("tornproof")}
        if decisive.endswith("contract"):
            ours = {name for name in ours if ".contract" not in name}
        packages = {name.partition(".")[0] for name in ours}
        assert packages <= ALLOWED[decisive], f"{relative} imports {sorted(ours)}"


@pytest.mark.parametrize("package", ORDERS)
def test_folders_import_one_way(package: str) -> None:
    """Within a package, each folder imports only those before it in the order."""
    order = ORDERS[package]
    name = package.partition("/")[2]
    for path in _modules(package):
        place = path.relative_to(ROOT / package).parts[0].removesuffix(".py")
        if place == "__init__":
            continue
        assert place in order, f"{place} has no place in the order of {package}"
        before = {*order[: order.index(place) + 1]}
        used = {each.split(".")[1] for each in _imports(path) if each.startswith(f"{name}.")}
        assert used <= before, f"{path.relative_to(ROOT)} imports {sorted(used - before)}"


def test_models_do_not_share_code_with_what_they_judge() -> None:
    """Disk, explorer and miniatures take only errors and protocols from the reference."""
    for path in _modules("models/tornproof_models"):
        relative = path.relative_to(ROOT / "models/tornproof_models").as_posix()
        if relative.startswith(SYSTEM_UNDER_TEST):
            continue
        ours = {name for name in _imports(path) if name.partition(".")[0] == "tornproof"}
        foreign = {name for name in ours if not name.startswith(tuple(NEUTRAL))} - {"tornproof"}
        assert not foreign, f"{relative} imports {sorted(foreign)}"


def test_the_laboratory_knows_only_the_disk_model() -> None:
    """What is measured on kernels may depend on the trace and the crash models, on nothing else."""
    for path in _modules("kernels/tornproof_kernels"):
        ours = {name for name in _imports(path) if name.startswith("tornproof_models")}
        assert all(name.startswith("tornproof_models.disk.") for name in ours), path.name


def test_only_the_filesystem_touches_a_disk() -> None:
    """In the reference's journal, no module but `filesystem` opens, removes or syncs a file."""
    for path in _modules("reference/tornproof/journal"):
        assert not {"os", "pathlib", "shutil", "io"} & set(_imports(path)), path.name


def test_no_module_is_long() -> None:
    """A module has one subject, and can be read at a sitting."""
    lengths = {
        path.relative_to(ROOT).as_posix(): len(path.read_text(encoding="utf-8").splitlines())
        for package in ("reference", "models", "conformance/tornproof_conformance")
        for path in _modules(package)
    }
    assert {path: length for path, length in lengths.items() if length > LONGEST_MODULE} == {}


def test_a_name_says_which_module() -> None:
    """No name of a module or folder stands in more than two places of the three packages."""
    places = Counter(
        path.stem if path.stem != "__init__" else path.parent.name
        for package in ("reference", "models", "conformance/tornproof_conformance")
        for path in _modules(package)
    )
    assert {name: count for name, count in places.items() if count > 2} == {}


CONTRACTS = sorted((ROOT / "models/tornproof_models/contract").rglob("*.py"))

_REQUIREMENT = re.compile(r"[A-Z]{3}-[1-9]\d*")


def _named(path: Path) -> set[str]:
    """Return the ids that a module writes down outside its declarations of what it judges."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {text for node in tree.body if not _declares(node) for text in _ids_in(node)}


LISTS_OF_IDS = (
    "specification/claims.py",
    "miniatures/",
    "variants/",
    "wrong_adapters/",
    "contract/",
)
"""
The table of claims; miniatures, which name what they break; variants, which name what permits
them; and contracts, tested below.
"""


@pytest.mark.parametrize("package", ["reference", *ORDERS])
def test_requirements_are_listed_where_they_are_judged(package: str) -> None:
    """
    No module lists ids of requirements but in its `JUDGES`.

    A check derives what it covers from the contracts that it calls; a second list would have
    to be kept up to date.
    """
    listed = [
        f"{path.relative_to(ROOT)}: {ast.unparse(node)}"
        for path in _modules(package)
        if not any(each in path.as_posix() for each in LISTS_OF_IDS)
        for statement in ast.parse(path.read_text(encoding="utf-8")).body
        if not _declares(statement)
        for node in ast.walk(statement)
        if _lists_requirements(node)
    ]

    assert listed == []


def test_a_check_names_no_requirement_itself() -> None:
    """What it covers is an expression of `JUDGES`, or of the scenarios that it plays."""
    named = [
        f"{path.name}:{node.lineno}"
        for path in _modules("conformance/tornproof_conformance")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        if node.func.id == "Check" and _ids_in(node)
    ]

    assert named == []


def _lists_requirements(node: ast.AST) -> bool:
    """Tell whether an expression is a collection of two ids or more, or of ids that it makes."""
    if isinstance(node, ast.GeneratorExp | ast.ListComp | ast.SetComp):
        made = isinstance(node.elt, ast.JoinedStr)
        return made and any(_REQUIREMENT.fullmatch(f"{text}1") for text in _texts(node.elt))
    if isinstance(node, ast.Dict):
        return len([each for each in node.keys if each and _is_id(each)]) > 1
    if isinstance(node, ast.Set | ast.Tuple | ast.List):
        return len([each for each in node.elts if _is_id(each)]) > 1
    return False


def _is_id(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and bool(_REQUIREMENT.fullmatch(str(node.value)))


def _ids_in(node: ast.AST) -> list[str]:
    return [text for text in _texts(node) if _REQUIREMENT.fullmatch(text)]


def _texts(node: ast.AST) -> list[str]:
    constants = (each.value for each in ast.walk(node) if isinstance(each, ast.Constant))
    return [value for value in constants if isinstance(value, str)]


def _declares(node: ast.stmt) -> bool:
    targets = node.targets if isinstance(node, ast.Assign) else []
    return any(isinstance(each, ast.Name) and each.id.startswith("JUDGES") for each in targets)


@pytest.mark.parametrize("path", CONTRACTS, ids=lambda path: path.stem)
def test_a_contract_declares_what_it_judges(path: Path) -> None:
    """Each id that a contract names in a violation stands in its `JUDGES`."""
    named = _named(path)
    if not named:
        return
    module = ".".join(path.relative_to(ROOT / "models").with_suffix("").parts)

    declared = vars(import_module(module)).items()
    judges = {one for name, ids in declared if name.startswith("JUDGES") for one in ids}
    assert named <= judges, f"{path.name} names what it does not declare"


ARCHITECTURE = ROOT / "ARCHITECTURE.md"


def test_every_link_of_the_architecture_leads_somewhere() -> None:
    """A module that moves takes its link along."""
    links = re.findall(r"\]\(([^)#]+)\)", ARCHITECTURE.read_text(encoding="utf-8"))

    assert [link for link in links if not (ROOT / link).exists()] == []
    assert len(links) > 40


def test_the_architecture_shows_the_order_of_the_folders() -> None:
    """Its tables list the same directories as the order that is enforced."""
    text = ARCHITECTURE.read_text(encoding="utf-8")
    section = text.partition("## The order of the directories")[2].partition("## To add")[0]
    shown = re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)

    assert shown == [name for order in ORDERS.values() for name in order]
