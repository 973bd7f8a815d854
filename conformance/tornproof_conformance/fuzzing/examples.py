"""
The database of interesting examples.

Hypothesis keeps the choices of every failure in a database, and tries them first
the next time.  Three places are of use here
(https://hypothesis.readthedocs.io/en/latest/reference/api.html#database):

- a directory, for one machine
- a Redis server, for a fleet that fuzzes together
- the artifact of a GitHub workflow, for developers who want the examples that
  continuous integration has found; it is read, and what is new goes to the
  directory
"""

from pathlib import Path

from hypothesis.database import (
    DirectoryBasedExampleDatabase,
    ExampleDatabase,
    GitHubArtifactDatabase,
    MultiplexedDatabase,
    ReadOnlyDatabase,
)
from tornproof.errors import Invalid

DIRECTORY = ".tornproof/examples"
ARTIFACT = "tornproof-examples"
"""Name of the artifact in which a workflow keeps its directory of examples."""


def open_database(place: str) -> ExampleDatabase:
    """
    Open a database by its place.

    `redis://host:port/number`, `github:owner/repository`, or the path of a directory.
    Raises `Invalid` for a place that cannot be used.
    """
    if place.startswith(("redis://", "rediss://", "unix://")):
        return _redis(place)
    if place.startswith("github:"):
        return _github(place.removeprefix("github:"))
    if "://" in place:
        raise Invalid(
            f"no database {place!r}: it is a directory, redis://host:port/number or "
            "github:owner/repository"
        )
    return _directory(place)


def _directory(place: str) -> ExampleDatabase:
    try:
        Path(place).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Invalid(f"cannot keep examples in {place}: {error.strerror}") from None
    return DirectoryBasedExampleDatabase(place)


def _redis(place: str) -> ExampleDatabase:
    try:
        from hypothesis.extra.redis import RedisExampleDatabase
        from redis import Redis, RedisError
    except ImportError:
        raise Invalid("a Redis database needs its client: pip install redis") from None
    try:
        server = Redis.from_url(place)
        server.ping()
    except (RedisError, ValueError) as error:
        raise Invalid(f"no Redis server answers at {place}: {error}") from None
    return RedisExampleDatabase(server, key_prefix=b"tornproof:")


def _github(repository: str) -> ExampleDatabase:
    owner, _, name = repository.partition("/")
    if not owner or not name or "/" in name:
        raise Invalid(f"no repository {repository!r}: it is github:owner/repository")
    # nothing is fetched before the first example is asked for
    cache = Path(DIRECTORY).parent / "artifacts" / owner / name
    artifact = GitHubArtifactDatabase(owner, name, artifact_name=ARTIFACT, path=cache)
    return MultiplexedDatabase(_directory(DIRECTORY), ReadOnlyDatabase(artifact))
