"""
Run shards in this process, in several processes, or on a cluster.

Exploration and fuzzing fall into tasks that know nothing of each other, so they
need no scheduler of ours.  joblib hands the tasks to processes of this machine,
or, through its Dask backend, to any cluster that Dask runs on
(https://joblib.readthedocs.io/en/stable/custom_parallel_backend.html).  The
callers see an iterator of results and cannot tell which of the three it was.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TypeVar

from attrs import frozen
from joblib import Parallel, delayed, parallel_config
from tornproof.errors import Invalid

Argument = TypeVar("Argument")
Result = TypeVar("Result")

PATIENCE = 10
"""Seconds to wait for a scheduler to answer: it is running, or somebody mistyped its address."""


@frozen
class Workers:
    """Those who do the work, while the engine that lent them runs."""

    number: int
    """How many tasks are done at the same time."""

    _parallel: Callable[[], Parallel] | None = None
    """Begins a round of work elsewhere; none for work in this process."""

    def run(
        self, function: Callable[[Argument], Result], tasks: Iterable[Argument]
    ) -> Iterator[Result]:
        """
        Yield the result of each task as it is done, which is in any order.

        Function, tasks and results must be picklable unless the work is done here.
        """
        if self._parallel is None:
            yield from map(function, tasks)
        else:
            yield from self._parallel()(delayed(function)(task) for task in tasks)


@frozen
class Engine:
    """The choice of a place."""

    processes: int = 1
    """How many processes of this machine; one is this one."""

    scheduler: str | None = None
    """Address (host:port) of a Dask scheduler, whose workers are used instead."""

    @classmethod
    def parse(cls, text: str, processes: int = 1) -> "Engine":
        """Read `local` or `dask://host:port`; raise `Invalid` for anything else."""
        kind, _, address = text.partition("://")
        if text == "local":
            return cls(processes)
        host, _, port = address.rpartition(":")
        if kind == "dask" and host and port.isdecimal():
            return cls(scheduler=address)
        raise Invalid(f"no engine {text!r}: it is `local` or `dask://host:port`")

    @contextmanager
    def workers(self) -> Iterator[Workers]:
        """
        Have workers for a while.

        Raises `Invalid` if no scheduler answers, or if `distributed`, which talks to
        it, is not installed.
        """
        if self.scheduler is not None:
            with _cluster(self.scheduler) as workers:
                yield workers
        elif self.processes == 1:
            yield Workers(1)
        else:
            yield Workers(self.processes, partial(_parallel, self.processes))


def _parallel(processes: int) -> Parallel:
    # one task at a time: they are long, and one that is finished is one that is saved
    return Parallel(n_jobs=processes, batch_size=1, return_as="generator_unordered")


@contextmanager
def _cluster(address: str) -> Iterator[Workers]:
    try:
        from distributed import Client
    except ImportError:
        raise Invalid("a Dask engine needs Dask: pip install distributed") from None
    try:
        client = Client(f"tcp://{address}", timeout=PATIENCE, set_as_default=False)
    except OSError as error:
        raise Invalid(f"no Dask scheduler answers at {address}: {error}") from None
    with client:

        def parallel() -> Parallel:
            with parallel_config(backend="dask", client=client):
                return _parallel(-1)

        yield Workers(max(sum(client.ncores().values()), 1), parallel)
