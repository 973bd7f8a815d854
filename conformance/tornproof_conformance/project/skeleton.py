"""
The files that `tornproof init` writes: an adapter to fill in, its settings, and a workflow.

The adapter answers `hello` as it is, and every other operation with `unsupported`, so
`tornproof check` says which operation is next.  Its kit lies beside it and depends on nothing
of this project.
"""

from collections.abc import Iterator, Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from attrs import frozen
from tornproof.errors import Invalid

FOLDER = "durability"
"""Where the adapter goes, below the directory of the project."""


@frozen
class Language:
    """How an adapter in a language is built and run."""

    command: str
    fill_in: str
    """The file with the operations to fill in."""

    tools: tuple[str, ...]
    """The programs that build and run it."""

    yours: str
    """How its adapter calls the code of the project: what to write, and where."""

    build: str = ""
    """A line for the shell; empty if there is nothing to build."""

    built: tuple[str, ...] = ()
    """What building leaves behind, for `.gitignore`."""

    setup: str = ""
    """The action that installs the language in a workflow, if its machine lacks it."""


LANGUAGES: Mapping[str, Language] = {
    "python": Language(
        "python3 durability/adapter.py",
        "adapter.py",
        ("python3",),
        "import it; unless it is installed, begin `command` in tornproof.toml with "
        "`env PYTHONPATH=.`",
    ),
    "rust": Language(
        "durability/target/release/durability",
        "src/main.rs",
        ("cargo",),
        "name its path under [dependencies] in durability/Cargo.toml",
        "cargo build --quiet --release --manifest-path durability/Cargo.toml",
        ("target",),
    ),
    "go": Language(
        "durability/adapter",
        "adapter.go",
        ("go",),
        "import it by the path of its module; if ./go.mod came after durability/go.mod, remove the "
        "latter",
        "cd durability && go build -o adapter .",
        ("adapter",),
    ),
    "c": Language(
        "durability/adapter",
        "adapter.c",
        ("cc",),
        "include its headers, and add its files or its library to `build` in tornproof.toml",
        "cc -std=c11 -D_GNU_SOURCE -Wall -Wextra -O2 -o durability/adapter durability/*.c",
        ("adapter",),
    ),
    "java": Language(
        "durability/run",
        "Adapter.java",
        ("javac", "java"),
        "import it; classes that neither Maven nor Gradle has built go into -cp in tornproof.toml "
        "and durability/run",
        "javac -cp target/classes:build/classes/java/main -d durability/classes durability/*.java",
        ("classes",),
    ),
    "node": Language(
        "node durability/adapter.mjs",
        "adapter.mjs",
        ("node",),
        "import it by a relative path, such as '../index.js'",
    ),
    "csharp": Language(
        "durability/bin/adapter",
        "Adapter.cs",
        ("dotnet",),
        'add <ProjectReference Include="../YOURS.csproj" /> to durability/adapter.csproj',
        "dotnet build --nologo --verbosity quiet --output durability/bin durability",
        ("bin", "obj"),
        "      - uses: actions/setup-dotnet@v5\n        with:\n          dotnet-version: 8.0.x\n",
    ),
}

SETTINGS = """\
# What `tornproof check` does here without arguments.
command = "{command}"
{build}\
budget = 60  # seconds
claims = ["journal/core"]  # a run fails if the adapter stops claiming one of these

# Violations that are accepted until a date (spec/reports.md).
# known = "known-failures.toml"

[reports]
html = "build/tornproof.html"
events = "build/tornproof.ndjson"
"""

WORKFLOW = """\
name: durability
on: [pull_request]
permissions:
  contents: read
jobs:
  tornproof:
    runs-on: ubuntu-latest
    timeout-minutes: 15
    steps:
      - uses: actions/checkout@v6
      - uses: actions/setup-python@v6
        with:
          python-version: "3.12"
{setup}\
      # OWNER/tornproof is the repository of the suite, or your copy of it; REVISION a commit or tag
      - run: pip install "git+https://github.com/OWNER/tornproof@REVISION"
      - run: tornproof check --annotations
      - if: always()
        uses: actions/upload-artifact@v6
        with:
          name: tornproof
          path: |
            build/tornproof.*
            .tornproof
"""


def skeleton(name: str, *, go_module: bool = False) -> Iterator[tuple[str, bytes, bool]]:
    """
    Yield each file of a language's skeleton: path, content, and whether it can be run.

    `go_module` says that the project has a `go.mod`, to which the adapter then belongs.
    """
    language = LANGUAGES[name]
    for path, source in _sources(files(__package__) / "skeletons" / name):
        if path != "go.mod" or not go_module:
            yield f"{FOLDER}/{path}", source.read_bytes(), path == "run"
    if language.built:
        yield (
            f"{FOLDER}/.gitignore",
            "".join(f"/{each}\n" for each in language.built).encode(),
            False,
        )
    build = f'build = "{language.build}"\n' if language.build else ""
    settings = SETTINGS.format(command=language.command, build=build)
    yield "tornproof.toml", settings.encode(), False
    yield ".github/workflows/durability.yml", WORKFLOW.format(setup=language.setup).encode(), False


def _sources(directory: Traversable, prefix: str = "") -> Iterator[tuple[str, Traversable]]:
    for each in sorted(directory.iterdir(), key=lambda entry: entry.name):
        if each.is_dir():
            if each.name != "__pycache__":
                yield from _sources(each, f"{prefix}{each.name}/")
        else:
            yield f"{prefix}{each.name}", each


def write_skeleton(name: str, directory: Path) -> list[str]:
    """
    Write a language's skeleton into a project; return the paths of the files, in order.

    Raises `Invalid` if one of them is there already, and then writes nothing.
    """
    planned = list(skeleton(name, go_module=(directory / "go.mod").exists()))
    if there := [path for path, _, _ in planned if (directory / path).exists()]:
        raise Invalid(
            f"{directory / there[0]} is there already, and is not overwritten: move it away, or "
            "name another directory"
        )
    for path, content, runs in planned:
        target = directory / path
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
            if runs:
                target.chmod(0o755)
        except OSError as error:
            raise Invalid(f"cannot write {target}: {error.strerror}") from None
    return [path for path, _, _ in planned]
