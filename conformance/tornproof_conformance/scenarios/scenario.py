"""
What a scenario is, and the few things that scenarios share.
"""

from collections.abc import Callable, Iterator, Mapping

from attrs import field, frozen
from tornproof.errors import TornproofError
from tornproof_models.contract.journal import Violation
from tornproof_models.disk.filesystem import ModelFilesystem
from tornproof_models.disk.trace import Image
from tornproof_models.explore.workload import DIRECTORY, JournalUnderTest, Options, Target


@frozen
class Situation:
    """A target, and the simulated disk on which it is put to the test."""

    target: Target
    filesystem: ModelFilesystem = field(factory=ModelFilesystem)

    @classmethod
    def with_files(cls, target: Target, files: Mapping[str, bytes]) -> "Situation":
        """Begin with a journal directory that holds these files."""
        paths = {f"{DIRECTORY}/{name}": content for name, content in files.items()}
        return cls(target, ModelFilesystem(Image(paths, frozenset({DIRECTORY}))))

    def open(self, options: Options | None = None) -> JournalUnderTest:
        """Open the journal."""
        return self.target.open(self.filesystem, options or Options())

    @property
    def files(self) -> dict[str, bytes]:
        """The files of the journal directory as they are now, by name, ascending."""
        prefix = f"{DIRECTORY}/"
        files = self.filesystem.image.files
        return {path.removeprefix(prefix): files[path] for path in sorted(files)}

    @property
    def segments(self) -> dict[str, bytes]:
        """Those of the files that hold records."""
        return {name: content for name, content in self.files.items() if name.endswith(".wal")}


@frozen
class Scenario:
    """A named situation, the requirements it concerns, and the rule in one sentence."""

    name: str
    requirements: tuple[str, ...]
    rule: str
    _play: Callable[[Target], Iterator[Violation]]
    _where: Callable[[Target], bool] | None = None

    def applies(self, target: Target) -> bool:
        """Tell whether the target has what the scenario is about."""
        return self._where is None or self._where(target)

    def judge(self, target: Target) -> list[Violation]:
        """Play the scenario; a target that raises where it must not is in the wrong, too."""
        found: list[Violation] = []
        try:
            found += self._play(target)
        except Exception as error:
            message = f"{self.rule} Instead: {type(error).__name__}: {error}"
            found.append(Violation(self.requirements[0], message))
        return found


def scenario(
    *requirements: str, where: Callable[[Target], bool] | None = None
) -> Callable[[Callable[[Target], Iterator[Violation]]], Scenario]:
    """
    Make a scenario out of a generator function; its docstring is the rule.

    `where` says for which targets it means anything, if not for all.
    """

    def make(play: Callable[[Target], Iterator[Violation]]) -> Scenario:
        assert play.__doc__ is not None
        rule = " ".join(play.__doc__.split())
        return Scenario(play.__name__.replace("_", "-"), requirements, rule, play, where)

    return make


def error_code(action: Callable[..., object], *arguments: object) -> str:
    """Call something that must fail and return the code of its error, or what it did instead."""
    try:
        result = action(*arguments)
    except TornproofError as error:
        return error.code
    except Exception as error:
        return f"{type(error).__name__}"
    return f"success ({result!r:.40})"
