"""The direction of imports is the architecture, so it is tested."""

import ast
from collections.abc import Iterator
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
"""What of ours each room may import; the longest prefix of a path decides."""

SYSTEM_UNDER_TEST = ("machines/", "queues/schedules")
"""Where the models run the reference itself; elsewhere they know only how it talks to a disk."""

NEUTRAL = {"tornproof.errors", "tornproof.filesystem"}


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            yield node.module or ""


def _modules(room: str) -> list[Path]:
    return sorted((ROOT / room).rglob("*.py"))


@pytest.mark.parametrize("room", ALLOWED)
def test_rooms_import_one_way(room: str) -> None:
    """Each room imports only the rooms before it, and a contract imports none of ours."""
    for path in _modules(room):
        relative = path.relative_to(ROOT).as_posix()
        decisive = max((each for each in ALLOWED if relative.startswith(each)), key=len)
        ours = {name for name in _imports(path) if name.startswith("tornproof")}
        packages = {name.partition(".")[0] for name in ours}
        if decisive.endswith("contract"):
            ours = {name for name in ours if ".contract" not in name}
            packages = {name.partition(".")[0] for name in ours}
        assert packages <= ALLOWED[decisive], f"{relative} imports {sorted(ours)}"


def test_models_do_not_share_code_with_what_they_judge() -> None:
    """Disk, explorer and miniatures take only errors and protocols from the reference."""
    for path in _modules("models/tornproof_models"):
        relative = path.relative_to(ROOT / "models/tornproof_models").as_posix()
        if relative.startswith(SYSTEM_UNDER_TEST):
            continue
        ours = {name for name in _imports(path) if name.partition(".")[0] == "tornproof"}
        assert ours <= NEUTRAL, f"{relative} imports {sorted(ours - NEUTRAL)}"


def test_the_laboratory_knows_only_the_disk_model() -> None:
    """What is measured on kernels may depend on the trace and the crash models, on nothing else."""
    for path in _modules("kernels/tornproof_kernels"):
        ours = {name for name in _imports(path) if name.startswith("tornproof_models")}
        assert all(name.startswith("tornproof_models.disk.") for name in ours), path.name


def test_only_the_filesystem_touches_a_disk() -> None:
    """In the reference's journal, no module but `filesystem` opens, removes or syncs a file."""
    for path in _modules("reference/tornproof/journal"):
        assert not {"os", "pathlib", "shutil", "io"} & set(_imports(path)), path.name
